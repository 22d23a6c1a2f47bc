output "dataset" {
  value = google_bigquery_dataset.this.dataset_id
}
