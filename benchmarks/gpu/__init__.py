"""A benchmark of the encoder and of ingest on a GPU."""
