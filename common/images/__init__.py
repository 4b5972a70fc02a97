"""Images: formats, decoding, names and limits."""
