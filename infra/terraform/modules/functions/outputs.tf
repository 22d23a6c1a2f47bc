output "endpoints" {
  description = "Addresses of the functions that are pushed to, and what tokens for them are made for: the same."
  value = {
    for name, function in var.functions : name => {
      uri      = google_cloudfunctions2_function.these[name].service_config[0].uri
      audience = google_cloudfunctions2_function.these[name].service_config[0].uri
    } if function.trigger_topic == null
  }
}

output "names" {
  description = "As Cloud Run calls them."
  value       = { for name, function in google_cloudfunctions2_function.these : name => function.name }
}
