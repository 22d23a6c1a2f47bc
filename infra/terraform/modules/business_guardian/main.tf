locals {
  topology = jsondecode(file("${var.repository_root}/infra/terraform/topology.json"))
  alerts   = "fraud-alerts"

  # What the parts are told that decide, and the API. Paths are below the folder they are started in.
  decides = merge(
    {
      GOOGLE_CLOUD_PROJECT        = var.project
      GUARDIAN_FIRESTORE_DATABASE = module.firestore.name
      GUARDIAN_STORE              = "firestore"
      GUARDIAN_SETTINGS           = "site/settings.toml"
    },
    contains(module.site.files, "products.csv") ? { GUARDIAN_CATALOG = "site/products.csv" } : {},
  )

  notices = contains(fileset(var.site_folder, "*"), "notify.toml")

  # The names are known before anything is made, so they can be keys.
  accounts = merge(
    {
      api             = "Serves people"
      bridge          = "Carries records from Kafka to Pub/Sub"
      correlator      = "Joins the streams"
      event-checks    = "Decides on single events"
      history         = "Keeps history"
      qr-verification = "Decides on product codes"
      push            = "Pushes messages to the parts"
      scheduler       = "Ticks"
    },
    var.narratives ? { alert-narrator = "Has Gemini tell alerts" } : {},
    local.notices ? { notifier = "Tells people" } : {},
  )
  email   = { for name, account in google_service_account.these : name => account.email }
  decider = toset(["correlator", "event-checks", "qr-verification"])
  stores  = setsubtract(keys(local.accounts), ["bridge", "push", "scheduler"])
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "these" {
  for_each = toset([
    "aiplatform.googleapis.com",
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerydatatransfer.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "eventarc.googleapis.com",
    "firebaserules.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "identitytoolkit.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

# --- One identity a part, and what it may do -------------------------------------------------------------

resource "google_service_account" "these" {
  for_each = local.accounts

  account_id   = "guardian-${each.key}"
  display_name = each.value

  depends_on = [google_project_service.these]
}

resource "google_project_iam_member" "firestore" {
  for_each = local.stores

  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.these[each.value].member

  condition {
    title      = "this-database"
    expression = "resource.name == \"projects/${var.project}/databases/${var.database}\" || resource.name.startsWith(\"projects/${var.project}/databases/${var.database}/\")"
  }
}

resource "google_pubsub_topic_iam_member" "alerts" {
  for_each = local.decider

  topic  = module.pubsub.topics[local.alerts]
  role   = "roles/pubsub.publisher"
  member = google_service_account.these[each.value].member
}

resource "google_project_iam_member" "gemini" {
  for_each = var.narratives ? toset(["alert-narrator"]) : toset([])

  project = var.project
  role    = "roles/aiplatform.user"
  member  = google_service_account.these[each.value].member
}

# --- The parts ------------------------------------------------------------------------------------------

module "images" {
  source = "../images"

  region = var.region

  depends_on = [google_project_service.these]
}

module "site" {
  source = "../site"

  project = var.project
  region  = var.region
  folder  = var.site_folder
  readers = { for name in ["api", "correlator", "history"] : name => local.email[name] }
}

module "firestore" {
  source = "../firestore"

  project      = var.project
  location     = var.firestore_location
  database     = var.database
  rules_folder = "${var.repository_root}/firestore_rules"
  protected    = var.production

  depends_on = [google_project_service.these]
}

module "streams" {
  source = "../streams"

  name             = var.name
  region           = var.region
  highly_available = var.production
  topics           = local.topology.kafka
  schemas_folder   = "${var.repository_root}/infra/kafka/schemas"
  flink_folder     = "${var.repository_root}/infra/flink"
  flink_statements = var.flink_statements
  bridge_group     = "business-guardian-bridge"
  alerts_topic     = local.alerts
}

module "secrets" {
  source = "../secrets"

  region = var.region
  secrets = merge(
    {
      kafka-bridge    = { bridge = local.email["bridge"] }
      kafka-schemas   = { bridge = local.email["bridge"] }
      kafka-producers = {} # for the gateways of the sites: whoever sets them up reads it
    },
    var.issues_codes ? { qr-private-keys = { api = local.email["api"] } } : {},
    { for name in var.notify_secrets : "notify-${lower(replace(name, "_", "-"))}" => { notifier = local.email["notifier"] } },
  )
  generated = ["kafka-bridge", "kafka-schemas", "kafka-producers"]
  values = {
    kafka-bridge    = module.streams.key_secrets["bridge"]
    kafka-schemas   = module.streams.key_secrets["schemas"]
    kafka-producers = module.streams.key_secrets["producers"]
  }

  depends_on = [google_project_service.these]
}

module "pubsub" {
  source = "../pubsub"

  project        = var.project
  project_number = data.google_project.this.number
  topics         = toset(local.topology.pubsub_topics)
  subscriptions  = local.topology.subscriptions
  push_email     = local.email["push"]

  endpoints = {
    correlator      = module.correlator.endpoint
    event_checks    = module.functions.endpoints["event_checks"]
    qr_verification = module.functions.endpoints["qr_verification"]
  }
}

module "functions" {
  source = "../functions"

  project                = var.project
  region                 = var.region
  build_folder           = var.build_folder
  docker_repository      = module.images.repository
  docker_repository_name = module.images.name
  invokers               = local.email["push"]
  environment = {
    GOOGLE_CLOUD_PROJECT = var.project
  }

  functions = merge(
    {
      event_checks = {
        service_account = local.email["event-checks"]
        environment     = local.decides
        min_instances   = var.production ? 1 : 0
      }
      qr_verification = {
        service_account = local.email["qr-verification"]
        environment     = local.decides
        min_instances   = var.production ? 1 : 0
      }
    },
    var.narratives ? {
      alert_narrator = {
        service_account = local.email["alert-narrator"]
        trigger_topic   = module.pubsub.topics[local.alerts]
        threads         = 10
        max_instances   = 2 # its limit of requests a minute is one of each instance
      }
    } : {},
    local.notices ? {
      notifier = {
        service_account = local.email["notifier"]
        trigger_topic   = module.pubsub.topics[local.alerts]
        environment     = { GUARDIAN_NOTIFY_SETTINGS = "site/notify.toml" }
        secrets         = { for name in var.notify_secrets : name => module.secrets.ids["notify-${lower(replace(name, "_", "-"))}"] }
        timeout_s       = 120
        threads         = 20
      }
    } : {},
  )

  depends_on = [google_project_iam_member.firestore]
}

module "bridge" {
  source = "../bridge"

  project         = var.project
  region          = var.region
  image           = var.images.bridge
  service_account = local.email["bridge"]

  environment = {
    GOOGLE_CLOUD_PROJECT              = var.project
    GUARDIAN_KAFKA_BOOTSTRAP          = module.streams.bootstrap
    GUARDIAN_KAFKA_SASL_USERNAME      = module.streams.key_ids["bridge"]
    GUARDIAN_SCHEMA_REGISTRY_URL      = module.streams.schema_registry_url
    GUARDIAN_SCHEMA_REGISTRY_USERNAME = module.streams.key_ids["schemas"]
    GUARDIAN_ALERTS_SUBSCRIPTION      = "${local.alerts}-kafka"
  }
  secrets = {
    GUARDIAN_KAFKA_SASL_PASSWORD      = module.secrets.ids["kafka-bridge"]
    GUARDIAN_SCHEMA_REGISTRY_PASSWORD = module.secrets.ids["kafka-schemas"]
  }
  # A key's secret never changes: another secret is another key.
  secrets_version = substr(sha256("${module.streams.key_ids["bridge"]}/${module.streams.key_ids["schemas"]}"), 0, 12)

  publishes = { for name in concat(
    [for topic, settings in local.topology.kafka : topic if settings.input], ["quarantine"]
  ) : name => module.pubsub.topics[name] }
  alerts_subscription = module.pubsub.pulled["${local.alerts}-kafka"]
}

module "correlator" {
  source = "../correlator"

  project         = var.project
  region          = var.region
  image           = var.images.correlator
  release         = var.release
  live_release    = var.live_release
  service_account = local.email["correlator"]
  environment     = local.decides
  site            = { bucket = module.site.bucket, digest = module.site.digest }
  callers         = { for name in ["push", "scheduler"] : name => local.email[name] }
  scheduler_email = local.email["scheduler"]
  instances       = { least = 1, most = 3 }
  resources       = var.correlator_resources

  depends_on = [google_project_iam_member.firestore]
}

module "api" {
  source = "../api"

  project         = var.project
  region          = var.region
  image           = var.images.api
  release         = var.release
  live_release    = var.live_release
  service_account = local.email["api"]
  environment     = local.decides
  site            = { bucket = module.site.bucket, digest = module.site.digest }
  qr_key_secret   = var.issues_codes ? module.secrets.ids["qr-private-keys"] : null
  domains         = var.domains
  dataset         = module.bigquery.dataset
  instances       = { least = var.production ? 1 : 0, most = 5 }

  depends_on = [google_project_iam_member.firestore]
}

# Functions have no other clock: a message a minute lets their deadlines pass and their outbox be looked at.
resource "google_cloud_scheduler_job" "ticks" {
  name      = "guardian-ticks"
  region    = var.region
  schedule  = "* * * * *"
  time_zone = "Etc/UTC"

  pubsub_target {
    topic_name = module.pubsub.topics["ticks"]
    data       = base64encode("tick")
  }
}

module "bigquery" {
  source = "../bigquery"

  project        = var.project
  project_number = data.google_project.this.number
  location       = var.region
  folder         = "${var.repository_root}/infra/bigquery"
  topics         = { for name in setsubtract(local.topology.pubsub_topics, ["quarantine", "ticks"]) : name => module.pubsub.topics[name] }
  dead_letters   = module.pubsub.dead_letters
  keep_days      = var.keep_days
  protected      = var.production
}

module "history" {
  source = "../history"

  project         = var.project
  region          = var.region
  image           = var.images.history
  service_account = local.email["history"]
  environment     = { for name, value in local.decides : name => value if name != "GUARDIAN_STORE" }
  site            = { bucket = module.site.bucket, digest = module.site.digest }
  subscriptions   = { for one in local.topology.subscriptions : one.name => module.pubsub.pulled[one.name] if one.part == "history" }
  dataset         = module.bigquery.dataset

  depends_on = [google_project_iam_member.firestore]
}

module "monitoring" {
  source = "../monitoring"

  project         = var.project
  project_number  = data.google_project.this.number
  mail            = var.mail
  api_host        = replace(module.api.uri, "https://", "")
  services        = toset(["correlator", "event-checks", "qr-verification"])
  billing_account = var.billing_account
  budget          = var.budget
  limits          = {}
}
