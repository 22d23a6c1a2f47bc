locals {
  # Not the service's address: that is not known before it is there, and it has to know this.
  audience = "https://correlator.guardian.internal"
  live     = var.live_release == "" ? var.release : var.live_release
  requests = 100
}

resource "google_cloud_run_v2_service" "this" {
  name                = "correlator"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY" # pushes and Scheduler of the same project are internal
  custom_audiences    = [local.audience]
  deletion_protection = false # what it knows is in Firestore

  template {
    revision                         = "correlator-${var.release}"
    service_account                  = var.service_account
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = local.requests
    timeout                          = "60s" # a request waits up to 50 s for its commit
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

    containers {
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = var.resources.cpu, memory = var.resources.memory }
        cpu_idle          = false # instance-based billing: the relay and the clock work between requests
        startup_cpu_boost = true
      }

      volume_mounts {
        name       = "site"
        mount_path = "/app/site"
      }

      dynamic "env" {
        for_each = merge(var.environment, {
          GUARDIAN_PART          = "correlator"
          GUARDIAN_THREADS       = tostring(local.requests + 8) # probes and metrics besides
          GUARDIAN_OIDC_AUDIENCE = local.audience
          GUARDIAN_OIDC_EMAILS   = join(",", values(var.callers))
        })
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
    revision = "correlator-${local.live}"
    percent  = 100
  }

  dynamic "traffic" {
    for_each = local.live == var.release ? [] : [var.release]
    content {
      type     = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
      revision = "correlator-${traffic.value}"
      percent  = 0
      tag      = "candidate"
    }
  }
}

resource "google_cloud_run_v2_service_iam_member" "callers" {
  for_each = var.callers

  name     = google_cloud_run_v2_service.this.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "serviceAccount:${each.value}"
}

# Deadlines and the outbox are looked at even if the process has slept.
resource "google_cloud_scheduler_job" "tick" {
  name             = "guardian-correlator-tick"
  region           = var.region
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"

  http_target {
    http_method = "POST"
    uri         = "${google_cloud_run_v2_service.this.uri}/tick"

    oidc_token {
      service_account_email = var.scheduler_email
      audience              = local.audience
    }
  }
}
