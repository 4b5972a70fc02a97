"""Load: what waits for the ingest workers, how fast they go, and how full Redis is."""
