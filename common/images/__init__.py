"""Images: formats, decoding, file names and limits."""
