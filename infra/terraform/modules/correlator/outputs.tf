output "endpoint" {
  value = {
    uri      = google_cloud_run_v2_service.this.uri
    audience = local.audience
  }
}

output "name" {
  value = google_cloud_run_v2_service.this.name
}
