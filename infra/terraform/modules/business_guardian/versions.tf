terraform {
  required_version = ">= 1.9"

  required_providers {
    confluent = {
      source = "confluentinc/confluent"
    }
    google = {
      source = "hashicorp/google"
    }
  }
}
