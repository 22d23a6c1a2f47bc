variable "project" {
  type = string
}

variable "location" {
  description = "Of the database. It cannot be changed later."
  type        = string
}

variable "database" {
  description = "Its name."
  type        = string
}

variable "rules_folder" {
  description = "Where firestore.rules and firestore.indexes.json lie."
  type        = string
}

variable "expiring" {
  description = "Collection and field by which Firestore deletes documents when the time in the field has come (up to a day later)."
  type        = map(string)
  default     = { notices = "delete_at" }
}

variable "protected" {
  description = "Keeps the database from being deleted, and every state of the last week."
  type        = bool
}
