"""The broker: Celery's options, sending tasks, and reading the queues."""
