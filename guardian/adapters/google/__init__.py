"""Google Cloud: the adapters that need its SDKs."""
