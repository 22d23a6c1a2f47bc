variable "project" {
  type = string
}

variable "region" {
  type = string
}

variable "folder" {
  description = "Where the files lie."
  type        = string

  validation {
    condition     = contains(fileset(var.folder, "*"), "settings.toml")
    error_message = "There has to be a settings.toml in the folder (docs/operating.md)."
  }
}

variable "readers" {
  description = "E-mail addresses of those that mount it, by a name of their own."
  type        = map(string)
}
