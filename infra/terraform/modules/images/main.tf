resource "google_artifact_registry_repository" "this" {
  repository_id = "guardian"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the services, and those that function builds make."

  cleanup_policies {
    id     = "recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "old"
    action = "DELETE"
    condition {
      older_than = "7776000s" # 90 days
    }
  }
}
