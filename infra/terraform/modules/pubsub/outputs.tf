output "topics" {
  description = "Full names of the topics by name."
  value       = { for name, topic in google_pubsub_topic.these : name => topic.id }
}

output "pulled" {
  description = "Full names of the pulled subscriptions by name."
  value       = { for name, subscription in google_pubsub_subscription.pull : name => subscription.id }
}

output "dead_letters" {
  description = "Full name of the dead-letter topic."
  value       = google_pubsub_topic.dead_letters.id
  depends_on  = [google_pubsub_topic_iam_member.dead_letters]
}
