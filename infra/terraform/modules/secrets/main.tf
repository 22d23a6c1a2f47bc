# Secrets, and who may read each. Values that Terraform makes are put in; the others are put in by a person.

resource "google_secret_manager_secret" "these" {
  for_each = var.secrets

  secret_id = each.key

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_version" "these" {
  for_each = toset(var.generated)

  secret      = google_secret_manager_secret.these[each.key].id
  secret_data = var.values[each.key]
}

locals {
  readers = merge([
    for name, accounts in var.secrets : { for key, email in accounts : "${name}/${key}" => { secret = name, email = email } }
  ]...)
}

resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = local.readers

  secret_id = google_secret_manager_secret.these[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${each.value.email}"
}
