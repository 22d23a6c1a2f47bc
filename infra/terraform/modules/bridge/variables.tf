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
  description = "E-mail address of the bridge's identity."
  type        = string
}

variable "environment" {
  type = map(string)
}

variable "secrets" {
  description = "By variable, the secret whose latest version it holds."
  type        = map(string)
}

variable "publishes" {
  description = "Full names of the topics it publishes to, by name."
  type        = map(string)
}

variable "alerts_subscription" {
  description = "Full name of the subscription whose alerts go to Kafka."
  type        = string
}

variable "secrets_version" {
  description = "Changes when a secret does: the bridge then starts anew, and reads it."
  type        = string
}
