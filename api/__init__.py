"""The HTTP API: receives uploads and searches, queues tasks and returns results; runs no model."""
