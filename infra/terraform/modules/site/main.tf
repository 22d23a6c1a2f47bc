# The site's own files: settings.toml, and where there are any products.csv, qr_keys.json, notify.toml. Services
# mount them; functions carry a copy, which `infra.stage --site` packs. No secrets: these have a place of their own.

locals {
  files  = fileset(var.folder, "*")
  digest = substr(sha256(join("", [for file in sort(local.files) : "${file}:${filesha256("${var.folder}/${file}")}"])), 0, 12)
}

resource "google_storage_bucket" "this" {
  name                        = "${var.project}-guardian-site"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # what is in it is made from the folder

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 10
    }
  }
}

resource "google_storage_bucket_object" "these" {
  for_each = local.files

  bucket         = google_storage_bucket.this.name
  name           = each.value
  source         = "${var.folder}/${each.value}"
  source_md5hash = filemd5("${var.folder}/${each.value}")
}

resource "google_storage_bucket_iam_member" "readers" {
  for_each = var.readers

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${each.value}"
}
