locals {
  file = jsondecode(file("${var.rules_folder}/firestore.indexes.json"))

  indexes = { for index in local.file.indexes : join("/", concat(
    [index.collectionGroup, lower(index.queryScope)],
    [for field in index.fields : "${field.fieldPath}:${lower(try(field.order, field.arrayConfig))}"],
  )) => index }

  overrides = { for override in local.file.fieldOverrides : "${override.collectionGroup}/${override.fieldPath}" => override }

  # Nothing queries for these times, and a field that only grows slows writing down when it is indexed.
  expiring = { for collection, field in var.expiring : "${collection}/${field}" => {
    collectionGroup = collection
    fieldPath       = field
    indexes         = try(local.overrides["${collection}/${field}"].indexes, [])
  } }

  fields = merge(local.overrides, local.expiring)
}

resource "google_firestore_database" "this" {
  project                           = var.project
  name                              = var.database
  location_id                       = var.location
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  app_engine_integration_mode       = "DISABLED"
  point_in_time_recovery_enablement = var.protected ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.protected ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE" # what protects it is the line above
}

resource "google_firestore_backup_schedule" "daily" {
  for_each = var.protected ? { daily = true } : {}

  project   = var.project
  database  = google_firestore_database.this.name
  retention = "1209600s" # 14 days

  daily_recurrence {}
}

resource "google_firestore_index" "these" {
  for_each = local.indexes

  project     = var.project
  database    = google_firestore_database.this.name
  collection  = each.value.collectionGroup
  query_scope = each.value.queryScope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path   = fields.value.fieldPath
      order        = try(fields.value.order, null)
      array_config = try(fields.value.arrayConfig, null)
    }
  }
}

resource "google_firestore_field" "these" {
  for_each = local.fields

  project    = var.project
  database   = google_firestore_database.this.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  # Empty: no index at all.
  index_config {
    dynamic "indexes" {
      for_each = each.value.indexes
      content {
        query_scope  = try(indexes.value.queryScope, "COLLECTION")
        order        = try(indexes.value.order, null)
        array_config = try(indexes.value.arrayConfig, null)
      }
    }
  }

  dynamic "ttl_config" {
    for_each = contains(keys(local.expiring), each.key) || try(each.value.ttl, false) ? [true] : []
    content {}
  }
}

resource "google_firebaserules_ruleset" "this" {
  project = var.project

  source {
    files {
      name    = "firestore.rules"
      content = file("${var.rules_folder}/firestore.rules")
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_firestore_database.this]
}

resource "google_firebaserules_release" "this" {
  project      = var.project
  name         = var.database == "(default)" ? "cloud.firestore" : "cloud.firestore/${var.database}"
  ruleset_name = google_firebaserules_ruleset.this.name

  lifecycle {
    replace_triggered_by = [google_firebaserules_ruleset.this]
  }
}
