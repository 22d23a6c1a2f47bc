output "uri" {
  value = google_cloud_run_v2_service.this.uri
}

output "candidate_uri" {
  description = "Address of the release that nobody is served by yet, else of the service."
  value = local.live == var.release ? google_cloud_run_v2_service.this.uri : replace(
    google_cloud_run_v2_service.this.uri, "https://", "https://candidate---"
  )
}

output "name" {
  value = google_cloud_run_v2_service.this.name
}
