variable "project" {
  type = string
}

variable "project_number" {
  type = string
}

variable "topics" {
  description = "Names of all topics."
  type        = set(string)
}

variable "subscriptions" {
  description = "The `subscriptions` part of topology.json."
  type = list(object({
    name            = string
    topic           = string
    part            = string
    push            = bool
    ack_deadline_s  = number
    first_retry_s   = number
    longest_retry_s = number
    given_up        = bool
  }))
}

variable "endpoints" {
  description = "By part: its address, and what tokens for it are made for. Parts that are not named are not pushed to from here."
  type = map(object({
    uri      = string
    audience = string
  }))
}

variable "push_email" {
  description = "Identity with which messages are pushed."
  type        = string
}
