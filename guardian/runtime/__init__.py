"""Settings, and the composition of core and adapters into a running product."""
