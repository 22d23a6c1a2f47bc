variable "project" {
  type = string
}

variable "region" {
  type = string
}

variable "image" {
  description = "With its digest. It carries the dashboard's pages."
  type        = string
}

variable "release" {
  description = "Names the revision."
  type        = string
}

variable "live_release" {
  description = "The release that people are served by; empty: this one."
  type        = string
}

variable "service_account" {
  description = "E-mail address of the API's identity."
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

variable "qr_key_secret" {
  description = "The secret with the private keys of product codes; null: codes are not issued here."
  type        = string
}

variable "domains" {
  description = "Where people may log in from, besides the service's own address."
  type        = list(string)
}

variable "dataset" {
  description = "Of BigQuery, with the history that reports are about."
  type        = string
}

variable "instances" {
  type = object({
    least = number
    most  = number
  })
}
