output "repository" {
  description = "Its full name."
  value       = google_artifact_registry_repository.this.id
}

output "name" {
  value = google_artifact_registry_repository.this.repository_id
}
