output "dashboard" {
  description = "Where people go."
  value       = module.api.uri
}

output "candidate" {
  description = "Where the release is that has no traffic yet."
  value       = module.api.candidate_uri
}

output "live_release" {
  value = var.live_release == "" ? var.release : var.live_release
}

output "kafka" {
  description = "For producers. The secret is `kafka-producers` in Secret Manager."
  value = {
    bootstrap = module.streams.bootstrap
    key       = module.streams.key_ids["producers"]
  }
}
