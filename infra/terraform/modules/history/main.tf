# A worker without requests: one instance, always there, with processor time all the time. Two for a moment, while a
# new revision comes, write the same under the same insert ids.

resource "google_cloud_run_v2_service" "this" {
  name                = "history"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = false # it holds nothing

  template {
    service_account       = var.service_account
    execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
    labels                = { site-files = var.site.digest }

    scaling {
      min_instance_count = 1
      max_instance_count = 1
    }

    volumes {
      name = "site"
      gcs {
        bucket    = var.site.bucket
        read_only = true
      }
    }

    containers {
      image = var.image

      ports {
        container_port = 8080 # the variable PORT, where /healthz is
      }

      resources {
        limits            = { cpu = "1", memory = "1Gi" }
        cpu_idle          = false # instance-based billing
        startup_cpu_boost = true
      }

      volume_mounts {
        name       = "site"
        mount_path = "/app/site"
      }

      dynamic "env" {
        for_each = merge(var.environment, { GUARDIAN_BIGQUERY = "${var.project}.${var.dataset}" })
        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = 5
        timeout_seconds   = 3
        failure_threshold = 24
        http_get {
          path = "/healthz"
        }
      }

      # Not /readyz: that BigQuery is away is no reason to begin anew.
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/healthz"
        }
      }
    }
  }

  depends_on = [google_bigquery_dataset_iam_member.writes, google_pubsub_subscription_iam_member.pulls]
}

resource "google_pubsub_subscription_iam_member" "pulls" {
  for_each = var.subscriptions

  subscription = each.value
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${var.service_account}"
}

# Of this dataset alone, and no jobs: rows are inserted, nothing is asked.
resource "google_bigquery_dataset_iam_member" "writes" {
  dataset_id = var.dataset
  role       = "roles/bigquery.dataEditor"
  member     = "serviceAccount:${var.service_account}"
}
