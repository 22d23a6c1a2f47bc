variable "project" {
  description = "Google Cloud project. It holds nothing else."
  type        = string
}

variable "region" {
  description = "Of everything that has a region."
  type        = string
}

variable "firestore_location" {
  description = "A region, or a multi-region such as eur3."
  type        = string
}

variable "name" {
  description = "Of the Confluent environment and cluster."
  type        = string
}

variable "production" {
  description = "Highly available, backed up, and protected from being deleted."
  type        = bool
}

variable "repository_root" {
  description = "The checkout."
  type        = string
}

variable "site_folder" {
  description = "The site's own files: settings.toml, and where there are any products.csv, qr_keys.json, notify.toml."
  type        = string
}

variable "build_folder" {
  description = "Where `python -m infra.stage` has put the functions."
  type        = string
}

variable "images" {
  description = "Of bridge, correlator, api and history, with their digests."
  type = object({
    bridge     = string
    correlator = string
    api        = string
    history    = string
  })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "An image is named by its digest: a tag may mean another one tomorrow."
  }
}

variable "release" {
  description = "Names the revisions: small letters, digits, dashes. Another one with every apply that changes a service."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$", var.release))
    error_message = "Small letters, digits and dashes, at most 42."
  }
}

variable "live_release" {
  description = "The release that has the traffic; empty: this one."
  type        = string
}

variable "narratives" {
  description = "Alerts are told in words by Gemini. Ids of employees and customers are in what it is given."
  type        = bool
}

variable "notify_secrets" {
  description = "Variables that notify.toml takes secrets from (`env:NAME`). Each becomes a secret whose value a person puts in."
  type        = set(string)
}

variable "issues_codes" {
  description = "Product codes are issued here: there is a secret `qr-private-keys`, whose value a person puts in."
  type        = bool
}

variable "flink_statements" {
  description = "Files of infra/flink, without .sql, that run on a Flink pool of Confluent Cloud: docs/scale.md. None, unless the correlator is outgrown."
  type        = set(string)
}

variable "domains" {
  description = "Domains of the dashboard besides the service's own."
  type        = list(string)
}

variable "mail" {
  description = "Who is told when something is wrong."
  type        = list(string)
}

variable "billing_account" {
  description = "For the budget; null: none is set."
  type        = string
}

variable "budget" {
  description = "A month's money, in the account's currency."
  type        = number
}

variable "keep_days" {
  description = "How long messages are kept in BigQuery."
  type        = number
}

variable "database" {
  description = "Of Firestore."
  type        = string
  default     = "(default)"
}

variable "correlator_resources" {
  description = "Of one instance. More than one processor does not decide faster."
  type = object({
    cpu    = string
    memory = string
  })
  default = { cpu = "1", memory = "2Gi" }
}
