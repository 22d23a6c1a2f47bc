"""What is detected in a store: at the tills, in the queues and on the shelves."""
