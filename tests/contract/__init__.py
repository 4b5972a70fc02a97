"""Contract tests: every implementation of an interface passes the same suite."""
