variable "project" {
  type = string
}

variable "region" {
  type = string
}

variable "image" {
  description = "With its digest."
  type        = string
}

variable "service_account" {
  description = "E-mail address of its identity."
  type        = string
}

variable "environment" {
  type = map(string)
}

variable "site" {
  description = "Bucket of the site's files, and the digest of what is in it."
  type = object({
    bucket = string
    digest = string
  })
}

variable "subscriptions" {
  description = "Full names of the subscriptions it pulls, by name."
  type        = map(string)
}

variable "dataset" {
  description = "Of BigQuery, with the tables that it writes to."
  type        = string
}
