locals {
  live     = var.live_release == "" ? var.release : var.live_release
  streams  = 200
  requests = 250
}

# People log in with Identity Platform. What they may do stands in the custom claims role, sites and tenant.
resource "google_identity_platform_config" "this" {
  project                    = var.project
  autodelete_anonymous_users = true
  authorized_domains         = concat(["${var.project}.firebaseapp.com"], var.domains)

  sign_in {
    allow_duplicate_emails = false

    email {
      enabled           = true
      password_required = true
    }
  }

  client {
    permissions {
      disabled_user_signup   = true # an administrator makes users
      disabled_user_deletion = true
    }
  }
}

resource "google_cloud_run_v2_service" "this" {
  name                 = "api"
  location             = var.region
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = true # browsers come without a Google identity; the API checks every request itself
  deletion_protection  = false

  template {
    revision                         = "api-${var.release}"
    service_account                  = var.service_account
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = local.requests
    timeout                          = "3600s" # live streams; a token ends sooner
    session_affinity                 = true
    labels                           = { site-files = var.site.digest }

    scaling {
      min_instance_count = var.instances.least
      max_instance_count = var.instances.most
    }

    volumes {
      name = "site"
      gcs {
        bucket    = var.site.bucket
        read_only = true
      }
    }

    dynamic "volumes" {
      for_each = var.qr_key_secret == null ? [] : [var.qr_key_secret]
      content {
        name = "qr-key"
        secret {
          secret = volumes.value
          items {
            path    = "private.json"
            version = "latest"
          }
        }
      }
    }

    containers {
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = "1", memory = "1Gi" }
        cpu_idle          = true # an open live stream is a request, and has processor time
        startup_cpu_boost = true
      }

      volume_mounts {
        name       = "site"
        mount_path = "/app/site"
      }

      dynamic "volume_mounts" {
        for_each = var.qr_key_secret == null ? [] : [true]
        content {
          name       = "qr-key"
          mount_path = "/secrets/qr-key"
        }
      }

      dynamic "env" {
        for_each = merge(
          var.environment,
          {
            GUARDIAN_HOST             = "0.0.0.0"
            GUARDIAN_IDENTITY_PROJECT = var.project
            GUARDIAN_FIREBASE_API_KEY = google_identity_platform_config.this.client[0].api_key # says which project; no secret
            GUARDIAN_THREADS          = tostring(local.requests + 8)                           # probes besides
            GUARDIAN_STREAMS          = tostring(local.streams)
            GUARDIAN_BIGQUERY         = "${var.project}.${var.dataset}"
          },
          var.qr_key_secret == null ? {} : { GUARDIAN_QR_KEY = "/secrets/qr-key/private.json" },
        )
        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 60
        http_get {
          path = "/readyz"
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/healthz"
        }
      }
    }
  }

  traffic {
    type     = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    revision = "api-${local.live}"
    percent  = 100
  }

  dynamic "traffic" {
    for_each = local.live == var.release ? [] : [var.release]
    content {
      type     = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
      revision = "api-${traffic.value}"
      percent  = 0
      tag      = "candidate"
    }
  }
}

# Reports, and the events around an alert. A job is run in the project; what it may read is the dataset.
resource "google_project_iam_member" "asks" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = "serviceAccount:${var.service_account}"
}

resource "google_bigquery_dataset_iam_member" "reads" {
  dataset_id = var.dataset
  role       = "roles/bigquery.dataViewer"
  member     = "serviceAccount:${var.service_account}"
}
