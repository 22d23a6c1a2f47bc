locals {
  manifest = jsondecode(file("${var.build_folder}/manifest.json"))
}

resource "google_storage_bucket" "sources" {
  name                        = "${var.project}-guardian-functions"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # what is in it is made from the code

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 90
    }
  }
}

# The name holds a hash of the content: another content is another object, and so another deployment.
resource "google_storage_bucket_object" "archives" {
  for_each = var.functions

  bucket = google_storage_bucket.sources.name
  name   = local.manifest[each.key].archive
  source = "${var.build_folder}/${local.manifest[each.key].archive}"
}

# --- Who builds ------------------------------------------------------------------------------------------

resource "google_service_account" "build" {
  account_id   = "guardian-build"
  display_name = "Builds the functions"
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_sources" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build_images" {
  location   = var.region
  repository = var.docker_repository_name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# --- The functions ---------------------------------------------------------------------------------------

resource "google_cloudfunctions2_function" "these" {
  for_each = var.functions

  name     = replace(each.key, "_", "-")
  location = var.region

  build_config {
    runtime           = "python311"
    entry_point       = local.manifest[each.key].entry_point
    docker_repository = var.docker_repository
    service_account   = google_service_account.build.id

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.archives[each.key].name
      }
    }
  }

  service_config {
    service_account_email            = each.value.service_account
    available_memory                 = each.value.memory
    available_cpu                    = "1"
    timeout_seconds                  = each.value.timeout_s
    max_instance_request_concurrency = each.value.threads
    min_instance_count               = each.value.min_instances
    max_instance_count               = each.value.max_instances
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # pushes of the same project are internal
    all_traffic_on_latest_revision   = true

    environment_variables = merge(
      var.environment,
      { THREADS = tostring(each.value.threads) },
      each.value.environment,
    )

    dynamic "secret_environment_variables" {
      for_each = each.value.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }
  }

  dynamic "event_trigger" {
    for_each = each.value.trigger_topic == null ? [] : [each.value.trigger_topic]
    content {
      trigger_region        = var.region
      event_type            = "google.cloud.pubsub.topic.v1.messagePublished"
      pubsub_topic          = event_trigger.value
      retry_policy          = "RETRY_POLICY_RETRY" # off by default, and a failed event is then lost
      service_account_email = google_service_account.trigger.email
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build_images,
    google_project_iam_member.build_logs,
    google_project_iam_member.trigger,
    google_storage_bucket_iam_member.build_sources,
  ]
}

# --- Who calls -------------------------------------------------------------------------------------------

resource "google_service_account" "trigger" {
  account_id   = "guardian-trigger"
  display_name = "Calls functions that have one topic"
}

resource "google_project_iam_member" "trigger" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.trigger.member
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = var.functions

  name     = google_cloudfunctions2_function.these[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value.trigger_topic == null ? "serviceAccount:${var.invokers}" : google_service_account.trigger.member
}
