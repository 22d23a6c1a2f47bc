"""The whole cloud shape on one machine: Kafka, Google's emulators, and every part of ours. docs/stack.md.

    python -m stack --help

`local` starts it, also for tests; `table` says which processes there are, and `topology` which topics and
subscriptions.
"""
