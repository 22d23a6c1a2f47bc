# A worker without requests: one instance, always there, with processor time all the time. Kafka gives each partition
# to one consumer of the group, so two for a moment, while a new revision comes, are safe.

resource "google_cloud_run_v2_service" "this" {
  name                = "bridge"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = false # it holds nothing

  template {
    service_account       = var.service_account
    execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
    labels                = { secrets = var.secrets_version }

    scaling {
      min_instance_count = 1
      max_instance_count = 1
    }

    containers {
      image = var.image

      ports {
        container_port = 8080 # the variable PORT, where /healthz is
      }

      resources {
        limits            = { cpu = "1", memory = "512Mi" }
        cpu_idle          = false # instance-based billing
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = var.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
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
}

resource "google_pubsub_topic_iam_member" "publishes" {
  for_each = var.publishes

  topic  = each.value
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:${var.service_account}"
}

resource "google_pubsub_subscription_iam_member" "alerts" {
  subscription = var.alerts_subscription
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${var.service_account}"
}
