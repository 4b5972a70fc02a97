"""The broker: how tasks get into the queues, and what waits there."""
