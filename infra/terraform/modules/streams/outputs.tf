output "bootstrap" {
  description = "HOST:PORT of the cluster."
  value       = replace(confluent_kafka_cluster.this.bootstrap_endpoint, "/^.*:\\/\\//", "")
}

output "schema_registry_url" {
  value = data.confluent_schema_registry_cluster.this.rest_endpoint
}

output "key_ids" {
  description = "API keys by purpose. The secrets belong to them."
  value = {
    bridge    = confluent_api_key.kafka["bridge"].id
    producers = confluent_api_key.kafka["producers"].id
    schemas   = confluent_api_key.schemas["bridge"].id
  }
}

output "key_secrets" {
  value = {
    bridge    = confluent_api_key.kafka["bridge"].secret
    producers = confluent_api_key.kafka["producers"].secret
    schemas   = confluent_api_key.schemas["bridge"].secret
  }
  sensitive = true
}
