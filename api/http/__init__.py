"""The HTTP protocol: problem documents, conditional requests, preferences and event streams."""
