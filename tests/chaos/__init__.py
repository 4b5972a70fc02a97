"""Real processes that are killed, disconnected and stopped in the middle of their work."""
