output "ids" {
  description = "Secrets by name, once they have a value and can be read."
  value       = { for name, secret in google_secret_manager_secret.these : name => secret.secret_id }
  depends_on  = [google_secret_manager_secret_version.these, google_secret_manager_secret_iam_member.readers]
}
