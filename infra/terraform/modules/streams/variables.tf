variable "name" {
  description = "Of the Confluent environment and the cluster."
  type        = string
}

variable "region" {
  description = "Google Cloud region of the cluster: that of the bridge, so that no traffic leaves it."
  type        = string
}

variable "highly_available" {
  description = "A Standard cluster in three zones instead of a Basic one in one."
  type        = bool
}

variable "topics" {
  description = "The `kafka` part of topology.json: partitions and retention by topic, and whether producers write to it."
  type = map(object({
    partitions     = number
    retention_days = number
    input          = bool
  }))
}

variable "schemas_folder" {
  description = "JSON Schemas of the values, TOPIC.json."
  type        = string
}

variable "flink_folder" {
  description = "Flink SQL, one statement a file, NAME.sql. What tables/ holds comes first."
  type        = string
}

variable "flink_statements" {
  description = "Names of the statements to run; with none there is no compute pool, and nothing to pay for one."
  type        = set(string)
}

variable "flink_max_cfu" {
  description = "What the compute pool may grow to."
  type        = number
  default     = 5
}

variable "flink_time_zone" {
  description = "Zone of times that name none, and of working hours, to the Flink statements."
  type        = string
  default     = "UTC"
}

variable "bridge_group" {
  description = "Consumer group of the bridge."
  type        = string
}

variable "alerts_topic" {
  description = "The topic that the bridge writes alerts to."
  type        = string
}
