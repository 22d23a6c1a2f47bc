output "bucket" {
  value      = google_storage_bucket.this.name
  depends_on = [google_storage_bucket_object.these, google_storage_bucket_iam_member.readers]
}

output "files" {
  description = "Names of the files there are."
  value       = local.files
}

output "digest" {
  description = "Changes with the files: a service that carries it as a label starts anew, and reads them."
  value       = local.digest
}
