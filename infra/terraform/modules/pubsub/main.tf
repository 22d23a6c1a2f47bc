# No subscription here is ordered: the engine joins on event time. So all may have a dead-letter topic, which must not
# be combined with ordering (a key would wedge behind its first bad message).

locals {
  push  = { for one in var.subscriptions : one.name => one if one.push && contains(keys(var.endpoints), one.part) }
  pull  = { for one in var.subscriptions : one.name => one if !one.push }
  dead  = { for one in var.subscriptions : one.name => one if one.given_up && (!one.push || contains(keys(var.endpoints), one.part)) }
  agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic" "these" {
  for_each = var.topics

  name = each.value

  # From here a subscription can be set back (seek): what a defect has acknowledged wrongly can be decided again.
  message_retention_duration = "604800s"
}

resource "google_pubsub_topic" "dead_letters" {
  name = "dead-letters"
}

resource "google_pubsub_subscription" "dead_letters" {
  name                       = "dead-letters-review"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 600
  message_retention_duration = "2678400s" # 31 days
  enable_message_ordering    = false

  expiration_policy {
    ttl = "" # never
  }
}

resource "google_pubsub_subscription" "push" {
  for_each = local.push

  name                       = each.value.name
  topic                      = google_pubsub_topic.these[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_s
  message_retention_duration = "604800s"
  enable_message_ordering    = false

  push_config {
    push_endpoint = "${var.endpoints[each.value.part].uri}/projects/${var.project}/topics/${each.value.topic}"

    oidc_token {
      service_account_email = var.push_email
      audience              = var.endpoints[each.value.part].audience
    }
  }

  retry_policy {
    minimum_backoff = "${each.value.first_retry_s}s"
    maximum_backoff = "${each.value.longest_retry_s}s"
  }

  # The parts quarantine what they cannot read and acknowledge it. What comes here has failed a hundred times, over
  # more than an hour: an event that a part cannot commit, or a long outage. It can be published again from there.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = 100
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic_iam_member.dead_letters]
}

# Pulled: by the bridge and by who keeps history, which extend leases through an outage and quarantine poison themselves,
# and by people. Of history's, dead letters are what a process dies of again and again before it can say so.
resource "google_pubsub_subscription" "pull" {
  for_each = local.pull

  name                       = each.value.name
  topic                      = google_pubsub_topic.these[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_s
  message_retention_duration = "604800s"
  enable_message_ordering    = false

  retry_policy {
    minimum_backoff = "${each.value.first_retry_s}s"
    maximum_backoff = "${each.value.longest_retry_s}s"
  }

  dynamic "dead_letter_policy" {
    for_each = each.value.given_up ? [true] : []
    content {
      dead_letter_topic     = google_pubsub_topic.dead_letters.id
      max_delivery_attempts = 100
    }
  }

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub's own agent moves what is dead: it writes to the one, and acknowledges on the other.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.dead_letters.id
  role   = "roles/pubsub.publisher"
  member = local.agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = local.dead

  subscription = merge(google_pubsub_subscription.push, google_pubsub_subscription.pull)[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.agent
}
