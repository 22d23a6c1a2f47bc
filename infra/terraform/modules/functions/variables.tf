variable "project" {
  type = string
}

variable "region" {
  type = string
}

variable "build_folder" {
  description = "Where `python -m infra.stage` has put archives and manifest.json."
  type        = string
}

variable "docker_repository" {
  description = "Full name of the repository for built images."
  type        = string
}

variable "docker_repository_name" {
  type = string
}

variable "environment" {
  description = "Variables that every function is given."
  type        = map(string)
}

variable "invokers" {
  description = "E-mail address of the identity that pushes messages."
  type        = string
}

variable "functions" {
  # A trigger takes one topic, so a function with several is pushed to by subscriptions.
  description = "By name. service_account: its e-mail address. trigger_topic: full name of its topic, for a function that has one; Eventarc then calls it. threads: messages at a time. secrets: by variable, the secret whose latest version it holds."
  type = map(object({
    service_account = string
    trigger_topic   = optional(string)
    environment     = optional(map(string), {})
    secrets         = optional(map(string), {})
    memory          = optional(string, "1Gi")
    timeout_s       = optional(number, 60)
    threads         = optional(number, 80)
    min_instances   = optional(number, 0)
    max_instances   = optional(number, 10)
  }))
}
