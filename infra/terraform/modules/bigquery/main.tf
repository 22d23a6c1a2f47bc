locals {
  dataset = "guardian"

  settings = try(jsondecode(file("${var.folder}/schemas/tables.json")), {})
  tables = { for file in fileset(var.folder, "schemas/*.json") :
    trimsuffix(basename(file), ".json") => "${var.folder}/${file}" if basename(file) != "tables.json"
  }

  # Which table a topic goes to. Who names a topic that there is not, is told so.
  typed = { for table, path in local.tables : local.settings[table].topic => table if can(local.settings[table].topic) }
  raw   = setsubtract(keys(var.topics), keys(local.typed))

  # Not templatefile: it would stumble over what else SQL may hold.
  reports = { for file in fileset(var.folder, "reports/*.sql") : trimsuffix(basename(file), ".sql") =>
    replace(file("${var.folder}/${file}"), "$${dataset}", local.dataset)
  }
  heads = { for file in fileset(var.folder, "reports/*.sql") : trimsuffix(basename(file), ".sql") => {
    for line in regexall("(?m)^-- (name|schedule|description): *(.*?) *$", file("${var.folder}/${file}")) : line[0] => line[1]
  } }

  agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_bigquery_dataset" "this" {
  dataset_id                 = local.dataset
  location                   = var.location
  description                = "What the streams said, and what was made of it."
  delete_contents_on_destroy = !var.protected
}

resource "google_bigquery_table" "messages" {
  dataset_id               = google_bigquery_dataset.this.dataset_id
  table_id                 = "messages"
  description              = "Messages as they came, of topics without a table of their own."
  deletion_protection      = var.protected
  require_partition_filter = true
  clustering               = ["subscription_name"]

  time_partitioning {
    type          = "DAY"
    field         = "publish_time"
    expiration_ms = var.keep_days * 24 * 60 * 60 * 1000
  }

  schema = jsonencode([
    { name = "subscription_name", type = "STRING", mode = "REQUIRED" },
    { name = "message_id", type = "STRING", mode = "REQUIRED" },
    { name = "publish_time", type = "TIMESTAMP", mode = "REQUIRED" },
    { name = "data", type = "STRING", mode = "NULLABLE" },
    { name = "attributes", type = "JSON", mode = "NULLABLE" },
  ])
}

resource "google_bigquery_table" "these" {
  for_each = local.tables

  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.key
  description         = try(local.settings[each.key].description, null)
  deletion_protection = var.protected
  clustering          = try(local.settings[each.key].cluster_fields, null)
  schema              = file(each.value)

  dynamic "time_partitioning" {
    for_each = try([local.settings[each.key].partition_field], [])
    content {
      type          = "DAY"
      field         = time_partitioning.value
      expiration_ms = try(local.settings[each.key].expiration_days * 24 * 60 * 60 * 1000, null)
    }
  }
}

# --- From the topics, without code -----------------------------------------------------------------------

resource "google_bigquery_dataset_iam_member" "pubsub" {
  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = local.agent
}

resource "google_pubsub_subscription" "raw" {
  for_each = local.raw

  name                       = "${each.value}-bigquery"
  topic                      = var.topics[each.value]
  message_retention_duration = "604800s"
  enable_message_ordering    = false

  bigquery_config {
    table          = "${var.project}.${google_bigquery_table.messages.dataset_id}.${google_bigquery_table.messages.table_id}"
    write_metadata = true
  }

  dead_letter_policy {
    dead_letter_topic     = var.dead_letters
    max_delivery_attempts = 20
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_bigquery_dataset_iam_member.pubsub]
}

resource "google_pubsub_subscription" "typed" {
  for_each = local.typed

  name                       = "${each.key}-bigquery"
  topic                      = var.topics[each.key]
  message_retention_duration = "604800s"
  enable_message_ordering    = false

  bigquery_config {
    table               = "${var.project}.${google_bigquery_dataset.this.dataset_id}.${google_bigquery_table.these[each.value].table_id}"
    use_table_schema    = true
    drop_unknown_fields = true
  }

  dead_letter_policy {
    dead_letter_topic     = var.dead_letters
    max_delivery_attempts = 20
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_bigquery_dataset_iam_member.pubsub]
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = merge(google_pubsub_subscription.raw, google_pubsub_subscription.typed)

  subscription = each.value.id
  role         = "roles/pubsub.subscriber"
  member       = local.agent
}

# --- Reports ---------------------------------------------------------------------------------------------

resource "google_service_account" "reports" {
  account_id   = "guardian-reports"
  display_name = "Runs the scheduled reports"
}

resource "google_project_iam_member" "reports" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.reports.member
}

resource "google_bigquery_dataset_iam_member" "reports" {
  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.reports.member
}

resource "google_bigquery_data_transfer_config" "reports" {
  for_each = local.reports

  display_name         = local.heads[each.key].name
  data_source_id       = "scheduled_query"
  location             = var.location
  schedule             = local.heads[each.key].schedule
  service_account_name = google_service_account.reports.email
  params               = { query = each.value }

  # On the full hour a query may run twice. A schedule by hours begins here, at :03.
  schedule_options {
    start_time = "2026-01-01T00:03:00Z"
  }

  lifecycle {
    precondition {
      condition = can(regex("^every [0-9]+ hours$", local.heads[each.key].schedule)) || endswith(
        local.heads[each.key].schedule, ":03"
      )
      error_message = "Report ${each.key}: the schedule has to be `every N hours`, or to end with :03."
    }
  }

  depends_on = [google_bigquery_dataset_iam_member.reports, google_project_iam_member.reports, google_bigquery_table.these]
}
