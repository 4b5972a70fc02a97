"""Where the parts of a service are, for commands that run beside it."""
