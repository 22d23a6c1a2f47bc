variable "region" {
  type = string
}

variable "secrets" {
  description = "By name: the e-mail addresses of those that may read it, under names of their own."
  type        = map(map(string))
}

variable "generated" {
  description = "Names of the secrets whose values are given."
  type        = list(string)
}

variable "values" {
  description = "Those values."
  type        = map(string)
  sensitive   = true
}
