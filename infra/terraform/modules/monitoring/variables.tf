variable "project" {
  type = string
}

variable "project_number" {
  type = string
}

variable "mail" {
  description = "Who is told."
  type        = list(string)
}

variable "api_host" {
  description = "Host of the API."
  type        = string
}

variable "services" {
  description = "Names of the Cloud Run services that take pushed messages."
  type        = set(string)
}

variable "billing_account" {
  description = "The account whose budget is set; null: none is."
  type        = string
}

variable "budget" {
  description = "A month's money, in the account's currency."
  type        = number
}

variable "limits" {
  description = "lag_s: age of the oldest message not taken. quarantined: messages in five minutes. errors: share of failed requests. latency_ms: the 99th percentile of the correlator. history: of one kind, failures of the service that keeps history to write, in five minutes."
  type = object({
    lag_s       = optional(number, 300)
    quarantined = optional(number, 50)
    errors      = optional(number, 0.05)
    latency_ms  = optional(number, 5000)
    history     = optional(number, 15)
  })
}
