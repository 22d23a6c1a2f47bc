terraform {
  required_version = ">= 1.9"

  # terraform init -backend-config="bucket=PROJECT-terraform"
  backend "gcs" {
    prefix = "guardian/prod"
  }

  required_providers {
    confluent = {
      source  = "confluentinc/confluent"
      version = "~> 2.40"
    }
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
  }
}

provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true # budgets and Identity Platform ask for it
  default_labels        = { application = "business-guardian", environment = "prod" }
}

# Reads CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET.
provider "confluent" {}

module "business_guardian" {
  source = "../../modules/business_guardian"

  name               = "guardian-prod"
  production         = true
  project            = var.project
  region             = var.region
  firestore_location = var.firestore_location
  repository_root    = abspath("${path.root}/../../../..")
  site_folder        = var.site_folder
  build_folder       = var.build_folder
  images             = var.images
  release            = var.release
  live_release       = var.live_release
  narratives         = var.narratives
  notify_secrets     = var.notify_secrets
  issues_codes       = var.issues_codes
  flink_statements   = var.flink_statements
  domains            = var.domains
  mail               = var.mail
  billing_account    = var.billing_account
  budget             = var.budget
  keep_days          = 400
}

output "dashboard" {
  value = module.business_guardian.dashboard
}

output "candidate" {
  value = module.business_guardian.candidate
}

output "live_release" {
  value = module.business_guardian.live_release
}

output "kafka" {
  value = module.business_guardian.kafka
}
