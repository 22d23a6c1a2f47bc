# What each means: modules/business_guardian/variables.tf.

variable "project" {
  type = string
}

variable "region" {
  type    = string
  default = "europe-west3"
}

variable "firestore_location" {
  type    = string
  default = "europe-west3"
}

variable "site_folder" {
  type = string
}

variable "build_folder" {
  type = string
}

variable "images" {
  type = object({
    bridge     = string
    correlator = string
    api        = string
    history    = string
  })
}

variable "release" {
  type = string
}

variable "live_release" {
  type    = string
  default = ""
}

variable "narratives" {
  type    = bool
  default = false
}

variable "notify_secrets" {
  type    = set(string)
  default = []
}

variable "issues_codes" {
  type    = bool
  default = false
}

variable "flink_statements" {
  type    = set(string)
  default = []
}

variable "domains" {
  type    = list(string)
  default = []
}

variable "mail" {
  type = list(string)
}

variable "billing_account" {
  type    = string
  default = null
}

variable "budget" {
  type    = number
  default = 100
}
