"""Kafka: reading input topics, bridging them to another broker of messages, writing alerts."""
