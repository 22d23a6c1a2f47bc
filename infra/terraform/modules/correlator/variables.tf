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

variable "release" {
  description = "Names the revision."
  type        = string
}

variable "live_release" {
  description = "The release that gets the messages; empty: this one."
  type        = string
}

variable "service_account" {
  description = "E-mail address of the correlator's identity."
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

variable "callers" {
  description = "E-mail addresses of those that may call, by a name of their own."
  type        = map(string)
}

variable "scheduler_email" {
  description = "Which of the callers ticks."
  type        = string
}

variable "instances" {
  description = "How many at least and at most. They take turns in one journal: a second one is there for when the first dies."
  type = object({
    least = number
    most  = number
  })

  validation {
    condition     = var.instances.least >= 1
    error_message = "Deadlines pass in silence, too: at least one instance has to be there."
  }
}

variable "resources" {
  type = object({
    cpu    = string
    memory = string
  })
}
