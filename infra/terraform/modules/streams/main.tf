locals {
  inputs     = toset([for name, topic in var.topics : name if topic.input])
  statements = toset([for name in var.flink_statements : "${name}.sql"])
  tables     = length(local.statements) > 0 ? fileset(var.flink_folder, "tables/{times,sinks}/*.sql") : toset([])
  watermarks = length(local.statements) > 0 ? fileset(var.flink_folder, "tables/watermarks/*.sql") : toset([])
  flink      = length(local.statements) > 0 ? { main = true } : {}
}

data "confluent_organization" "this" {}

resource "confluent_environment" "this" {
  display_name = var.name

  stream_governance {
    package = "ESSENTIALS"
  }
}

resource "confluent_kafka_cluster" "this" {
  display_name = var.name
  availability = var.highly_available ? "MULTI_ZONE" : "SINGLE_ZONE"
  cloud        = "GCP"
  region       = var.region

  dynamic "basic" {
    for_each = var.highly_available ? [] : [true]
    content {}
  }

  dynamic "standard" {
    for_each = var.highly_available ? [true] : []
    content {}
  }

  environment {
    id = confluent_environment.this.id
  }
}

data "confluent_schema_registry_cluster" "this" {
  environment {
    id = confluent_environment.this.id
  }

  depends_on = [confluent_kafka_cluster.this]
}

# --- Who there is: one account a purpose -----------------------------------------------------------------

resource "confluent_service_account" "these" {
  for_each = merge({
    terraform = "Makes topics, schemas and access rules"
    bridge    = "Reads what producers write, writes alerts"
    producers = "Writes what sites observe"
  }, { for name, _ in local.flink : "flink" => "Runs the Flink statements" })

  display_name = "${var.name}-${each.key}"
  description  = each.value
}

resource "confluent_role_binding" "terraform" {
  principal   = "User:${confluent_service_account.these["terraform"].id}"
  role_name   = "CloudClusterAdmin"
  crn_pattern = confluent_kafka_cluster.this.rbac_crn
}

resource "confluent_role_binding" "terraform_schemas" {
  principal   = "User:${confluent_service_account.these["terraform"].id}"
  role_name   = "ResourceOwner"
  crn_pattern = "${data.confluent_schema_registry_cluster.this.resource_name}/subject=*"
}

resource "confluent_role_binding" "schema_readers" {
  for_each = toset(["bridge", "producers"])

  principal   = "User:${confluent_service_account.these[each.key].id}"
  role_name   = "DeveloperRead"
  crn_pattern = "${data.confluent_schema_registry_cluster.this.resource_name}/subject=*"
}

resource "confluent_api_key" "kafka" {
  for_each = toset(["terraform", "bridge", "producers"])

  display_name = "${var.name}-${each.key}-kafka"

  owner {
    id          = confluent_service_account.these[each.key].id
    api_version = confluent_service_account.these[each.key].api_version
    kind        = confluent_service_account.these[each.key].kind
  }

  managed_resource {
    id          = confluent_kafka_cluster.this.id
    api_version = confluent_kafka_cluster.this.api_version
    kind        = confluent_kafka_cluster.this.kind

    environment {
      id = confluent_environment.this.id
    }
  }

  depends_on = [confluent_role_binding.terraform]
}

resource "confluent_api_key" "schemas" {
  for_each = toset(["terraform", "bridge"])

  display_name = "${var.name}-${each.key}-schemas"

  owner {
    id          = confluent_service_account.these[each.key].id
    api_version = confluent_service_account.these[each.key].api_version
    kind        = confluent_service_account.these[each.key].kind
  }

  managed_resource {
    id          = data.confluent_schema_registry_cluster.this.id
    api_version = data.confluent_schema_registry_cluster.this.api_version
    kind        = data.confluent_schema_registry_cluster.this.kind

    environment {
      id = confluent_environment.this.id
    }
  }

  depends_on = [confluent_role_binding.terraform_schemas]
}

# --- Topics, and who may do what with them ---------------------------------------------------------------

resource "confluent_kafka_topic" "these" {
  for_each = var.topics

  kafka_cluster {
    id = confluent_kafka_cluster.this.id
  }
  topic_name       = each.key
  partitions_count = each.value.partitions
  rest_endpoint    = confluent_kafka_cluster.this.rest_endpoint

  config = {
    "cleanup.policy" = "delete"
    "retention.ms"   = tostring(each.value.retention_days * 24 * 60 * 60 * 1000)
  }

  credentials {
    key    = confluent_api_key.kafka["terraform"].id
    secret = confluent_api_key.kafka["terraform"].secret
  }

  lifecycle {
    # Another number of partitions would make the topic again, empty.
    prevent_destroy = true
  }
}

locals {
  access = merge(
    { for topic in local.inputs : "bridge-reads-${topic}" => {
      account = "bridge", type = "TOPIC", name = topic, pattern = "LITERAL", operation = "READ"
    } },
    { for topic in local.inputs : "producers-write-${topic}" => {
      account = "producers", type = "TOPIC", name = topic, pattern = "LITERAL", operation = "WRITE"
    } },
    {
      bridge-group = {
        account = "bridge", type = "GROUP", name = var.bridge_group, pattern = "LITERAL", operation = "READ"
      }
      bridge-writes-alerts = {
        account = "bridge", type = "TOPIC", name = var.alerts_topic, pattern = "LITERAL", operation = "WRITE"
      }
    },
    { for name, topic in var.topics : "flink-reads-${name}" => {
      account = "flink", type = "TOPIC", name = name, pattern = "LITERAL", operation = "READ"
    } if length(local.flink) > 0 },
    { for name, topic in var.topics : "flink-writes-${name}" => {
      account = "flink", type = "TOPIC", name = name, pattern = "LITERAL", operation = "WRITE"
    } if length(local.flink) > 0 && !topic.input && name != var.alerts_topic },
    { for operation in ["CREATE", "READ", "WRITE", "DESCRIBE_CONFIGS"] : "flink-own-${lower(operation)}" => {
      account = "flink", type = "TOPIC", name = "flink-", pattern = "PREFIXED", operation = operation
    } if length(local.flink) > 0 },
    { for name, _ in local.flink : "flink-transactions" => {
      account = "flink", type = "TRANSACTIONAL_ID", name = "_confluent-flink_", pattern = "PREFIXED", operation = "WRITE"
    } },
  )
}

resource "confluent_kafka_acl" "these" {
  for_each = local.access

  kafka_cluster {
    id = confluent_kafka_cluster.this.id
  }
  resource_type = each.value.type
  resource_name = each.value.name
  pattern_type  = each.value.pattern
  principal     = "User:${confluent_service_account.these[each.value.account].id}"
  host          = "*"
  operation     = each.value.operation
  permission    = "ALLOW"
  rest_endpoint = confluent_kafka_cluster.this.rest_endpoint

  credentials {
    key    = confluent_api_key.kafka["terraform"].id
    secret = confluent_api_key.kafka["terraform"].secret
  }
}

resource "confluent_schema" "these" {
  for_each = { for file in fileset(var.schemas_folder, "*.json") : trimsuffix(file, ".json") => file }

  schema_registry_cluster {
    id = data.confluent_schema_registry_cluster.this.id
  }
  rest_endpoint = data.confluent_schema_registry_cluster.this.rest_endpoint
  subject_name  = "${each.key}-value"
  format        = "JSON"
  schema        = file("${var.schemas_folder}/${each.value}")

  credentials {
    key    = confluent_api_key.schemas["terraform"].id
    secret = confluent_api_key.schemas["terraform"].secret
  }
}

# --- Flink ----------------------------------------------------------------------------------------------

data "confluent_flink_region" "this" {
  for_each = local.flink

  cloud  = "GCP"
  region = var.region
}

resource "confluent_flink_compute_pool" "this" {
  for_each = local.flink

  display_name = var.name
  cloud        = "GCP"
  region       = var.region
  max_cfu      = var.flink_max_cfu

  environment {
    id = confluent_environment.this.id
  }
}

resource "confluent_role_binding" "flink" {
  for_each = local.flink

  principal   = "User:${confluent_service_account.these["flink"].id}"
  role_name   = "FlinkDeveloper"
  crn_pattern = confluent_environment.this.resource_name
}

resource "confluent_role_binding" "flink_schemas" {
  for_each = local.flink

  principal   = "User:${confluent_service_account.these["flink"].id}"
  role_name   = "DeveloperRead"
  crn_pattern = "${data.confluent_schema_registry_cluster.this.resource_name}/subject=*"
}

resource "confluent_role_binding" "flink_writes" {
  for_each = local.flink

  principal   = "User:${confluent_service_account.these["flink"].id}"
  role_name   = "DeveloperWrite"
  crn_pattern = "${data.confluent_schema_registry_cluster.this.resource_name}/subject=flink-*"
}

resource "confluent_api_key" "flink" {
  for_each = local.flink

  display_name = "${var.name}-flink"

  owner {
    id          = confluent_service_account.these["flink"].id
    api_version = confluent_service_account.these["flink"].api_version
    kind        = confluent_service_account.these["flink"].kind
  }

  managed_resource {
    id          = data.confluent_flink_region.this[each.key].id
    api_version = data.confluent_flink_region.this[each.key].api_version
    kind        = data.confluent_flink_region.this[each.key].kind

    environment {
      id = confluent_environment.this.id
    }
  }
}

# Columns and tables of their own first; then what late means for them; then what reads and writes them.
resource "confluent_flink_statement" "tables" {
  for_each = local.tables

  organization {
    id = data.confluent_organization.this.id
  }
  environment {
    id = confluent_environment.this.id
  }
  compute_pool {
    id = confluent_flink_compute_pool.this["main"].id
  }
  principal {
    id = confluent_service_account.these["flink"].id
  }
  statement_name = "${var.name}-${replace(trimsuffix(each.value, ".sql"), "/", "-")}"
  statement      = file("${var.flink_folder}/${each.value}")
  properties = {
    "sql.current-catalog"  = confluent_environment.this.display_name
    "sql.current-database" = confluent_kafka_cluster.this.display_name
    "sql.local-time-zone"  = var.flink_time_zone
  }
  rest_endpoint = data.confluent_flink_region.this["main"].rest_endpoint

  credentials {
    key    = confluent_api_key.flink["main"].id
    secret = confluent_api_key.flink["main"].secret
  }

  depends_on = [
    confluent_kafka_topic.these, confluent_kafka_acl.these, confluent_schema.these,
    confluent_role_binding.flink, confluent_role_binding.flink_schemas, confluent_role_binding.flink_writes,
  ]
}

resource "confluent_flink_statement" "watermarks" {
  for_each = local.watermarks

  organization {
    id = data.confluent_organization.this.id
  }
  environment {
    id = confluent_environment.this.id
  }
  compute_pool {
    id = confluent_flink_compute_pool.this["main"].id
  }
  principal {
    id = confluent_service_account.these["flink"].id
  }
  statement_name = "${var.name}-${replace(trimsuffix(each.value, ".sql"), "/", "-")}"
  statement      = file("${var.flink_folder}/${each.value}")
  properties = {
    "sql.current-catalog"  = confluent_environment.this.display_name
    "sql.current-database" = confluent_kafka_cluster.this.display_name
    "sql.local-time-zone"  = var.flink_time_zone
  }
  rest_endpoint = data.confluent_flink_region.this["main"].rest_endpoint

  credentials {
    key    = confluent_api_key.flink["main"].id
    secret = confluent_api_key.flink["main"].secret
  }

  depends_on = [confluent_flink_statement.tables]
}

resource "confluent_flink_statement" "these" {
  for_each = local.statements

  organization {
    id = data.confluent_organization.this.id
  }
  environment {
    id = confluent_environment.this.id
  }
  compute_pool {
    id = confluent_flink_compute_pool.this["main"].id
  }
  principal {
    id = confluent_service_account.these["flink"].id
  }
  statement_name = "${var.name}-${replace(trimsuffix(each.value, ".sql"), "_", "-")}"
  statement      = file("${var.flink_folder}/${each.value}")
  properties = {
    "sql.current-catalog"  = confluent_environment.this.display_name
    "sql.current-database" = confluent_kafka_cluster.this.display_name
    "sql.local-time-zone"  = var.flink_time_zone
  }
  rest_endpoint = data.confluent_flink_region.this["main"].rest_endpoint

  credentials {
    key    = confluent_api_key.flink["main"].id
    secret = confluent_api_key.flink["main"].secret
  }

  depends_on = [confluent_flink_statement.watermarks]
}
