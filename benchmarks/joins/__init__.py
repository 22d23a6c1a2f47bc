"""The same joins over the same file by several engines; run by benchmarks/flink_vs_engine.py."""
