"""Real processes, killed, cut off and told to end in the middle of their work."""
