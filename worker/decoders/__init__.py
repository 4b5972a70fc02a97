"""Decoders: turn originals into what the model takes, in threads or in processes of their own."""
