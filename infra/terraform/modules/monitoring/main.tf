resource "google_monitoring_notification_channel" "mail" {
  for_each = toset(var.mail)

  display_name = "Guardian: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
}

locals {
  channels = [for channel in google_monitoring_notification_channel.mail : channel.id]
}

# --- Lag -------------------------------------------------------------------------------------------------

resource "google_monitoring_alert_policy" "lag" {
  display_name          = "Guardian: messages wait"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "CRITICAL"

  conditions {
    display_name = "the oldest is older than ${var.limits.lag_s} s"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND NOT resource.label.subscription_id = monitoring.regex.full_match(\".*-review\")"
      comparison      = "COMPARISON_GT"
      threshold_value = var.limits.lag_s
      duration        = "120s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    content = "The subscription's name says who is behind. Look at its service's errors and instances, and whether Firestore answers. Nothing is lost for seven days."
  }
}

resource "google_monitoring_alert_policy" "bridge" {
  display_name          = "Guardian: the bridge is not there"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "CRITICAL"

  conditions {
    display_name = "no instance for five minutes"
    condition_absent {
      filter   = "resource.type = \"cloud_run_revision\" AND resource.label.service_name = \"bridge\" AND metric.type = \"run.googleapis.com/container/instance_count\" AND metric.label.state = \"active\""
      duration = "300s"
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MAX"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content = "Nothing comes from Kafka, and deadlines pass by the clock meanwhile (docs/correlator.md, Silence). See its log for settings_unusable and publish_failed."
  }
}

# --- Quarantine, and what is given up --------------------------------------------------------------------

resource "google_monitoring_alert_policy" "quarantine" {
  display_name          = "Guardian: much goes to quarantine"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "WARNING"

  conditions {
    display_name = "by the bridge"
    condition_threshold {
      filter          = "resource.type = \"pubsub_topic\" AND resource.label.topic_id = \"quarantine\" AND metric.type = \"pubsub.googleapis.com/topic/send_message_operation_count\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.limits.quarantined
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }

  documentation {
    content = "A producer sends what is no event of its stream. `gcloud pubsub subscriptions pull quarantine-review` shows reasons and originals."
  }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  display_name          = "Guardian: messages were given up"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "CRITICAL"

  conditions {
    display_name = "there are some"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.label.subscription_id = \"dead-letters-review\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    content = "These events were not decided on. When what failed is mended, publish them again to the topic in the attribute CloudPubSubDeadLetterSourceTopicId or kafka-topic: what was decided already changes nothing."
  }
}

# --- Errors ----------------------------------------------------------------------------------------------

resource "google_logging_metric" "errors" {
  name        = "guardian-errors"
  description = "What our services log as an error."
  filter      = "resource.type=\"cloud_run_revision\" AND severity>=ERROR"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key        = "service"
      value_type = "STRING"
    }
  }

  label_extractors = {
    service = "EXTRACT(resource.labels.service_name)"
  }
}

resource "google_monitoring_alert_policy" "errors" {
  display_name          = "Guardian: errors"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "ERROR"

  conditions {
    display_name = "in the log"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.errors.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 10
      duration        = "0s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["metric.label.service"]
      }
    }
  }

  conditions {
    display_name = "more than ${var.limits.errors * 100} % of a service's requests"
    condition_threshold {
      filter             = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.label.response_code_class = \"5xx\""
      denominator_filter = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\""
      comparison         = "COMPARISON_GT"
      threshold_value    = var.limits.errors
      duration           = "300s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  documentation {
    content = "The log's `message` is a fixed name: docs/operating.md and the pages of the parts say what each means."
  }
}

# --- History -----------------------------------------------------------------------------------------------

resource "google_logging_metric" "history" {
  name        = "guardian-history-not-written"
  description = "What BigQuery did not take: rows that it refuses, and requests that fail and are made again."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"history\" AND jsonPayload.message=(\"history_not_written\" OR \"history_not_followed\" OR \"rows_refused\")"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key        = "what"
      value_type = "STRING"
    }
  }

  label_extractors = {
    what = "EXTRACT(jsonPayload.message)"
  }
}

resource "google_monitoring_alert_policy" "history" {
  display_name          = "Guardian: history is not written"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "ERROR"

  # Each stream tells it once in ten seconds as long as it lasts.
  conditions {
    display_name = "requests to BigQuery fail for ten minutes, or rows are refused again and again"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.history.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.limits.history
      duration        = "300s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["metric.label.what"]
      }
    }
  }

  conditions {
    display_name = "no instance for five minutes"
    condition_absent {
      filter   = "resource.type = \"cloud_run_revision\" AND resource.label.service_name = \"history\" AND metric.type = \"run.googleapis.com/container/instance_count\" AND metric.label.state = \"active\""
      duration = "300s"
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MAX"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content = "Alerts are raised all the same, and Pub/Sub keeps events for seven days. history_not_written: BigQuery is away, or lacks a table or a permission. rows_refused: a row does not fit its table; the table `quarantine` says why. docs/history.md"
  }
}

# --- Latency ---------------------------------------------------------------------------------------------

resource "google_monitoring_alert_policy" "latency" {
  display_name          = "Guardian: decisions are slow"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "WARNING"

  dynamic "conditions" {
    for_each = var.services
    content {
      display_name = "${conditions.value}: 99 % within ${var.limits.latency_ms} ms"
      condition_threshold {
        filter          = "resource.type = \"cloud_run_revision\" AND resource.label.service_name = \"${conditions.value}\" AND metric.type = \"run.googleapis.com/request_latencies\""
        comparison      = "COMPARISON_GT"
        threshold_value = var.limits.latency_ms
        duration        = "300s"
        aggregations {
          alignment_period     = "60s"
          per_series_aligner   = "ALIGN_PERCENTILE_99"
          cross_series_reducer = "REDUCE_MAX"
        }
      }
    }
  }

  documentation {
    content = "A request is answered after its commit. See guardian_commit_seconds and guardian_waiting_records at /metrics (docs/correlator.md)."
  }
}

# --- Is the API there, and closed? -----------------------------------------------------------------------

# Paths ending with z do not reach a service from outside, so /healthz is not for this.
resource "google_monitoring_uptime_check_config" "api" {
  display_name = "Guardian: API"
  timeout      = "10s"
  period       = "300s"

  http_check {
    path         = "/api/v1/alerts"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    accepted_response_status_codes {
      status_value = 401
    }
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = var.api_host
    }
  }
}

resource "google_monitoring_alert_policy" "api" {
  display_name          = "Guardian: the API does not answer"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "CRITICAL"

  conditions {
    display_name = "or answers without asking who it is"
    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.label.check_id = \"${google_monitoring_uptime_check_config.api.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "300s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
      }
    }
  }
}

# --- Money -----------------------------------------------------------------------------------------------

resource "google_billing_budget" "this" {
  for_each = var.billing_account == null ? {} : { month = var.billing_account }

  billing_account = each.value
  display_name    = "Business Guardian: ${var.project}"

  budget_filter {
    projects = ["projects/${var.project_number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.2
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = slice(local.channels, 0, min(5, length(local.channels)))
  }
}
