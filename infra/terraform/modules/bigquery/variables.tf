variable "project" {
  type = string
}

variable "project_number" {
  type = string
}

variable "location" {
  type = string
}

variable "folder" {
  description = "Where schemas/ and reports/ lie; see README.md."
  type        = string
}

variable "topics" {
  description = "Full names of the topics that are kept, by name."
  type        = map(string)
}

variable "dead_letters" {
  description = "Full name of the topic for what cannot be written."
  type        = string
}

variable "keep_days" {
  description = "How long messages are kept."
  type        = number
}

variable "protected" {
  description = "Keeps tables from being deleted."
  type        = bool
}
