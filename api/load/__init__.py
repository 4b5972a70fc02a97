"""Load: the ingest backlog, the rate of the ingest workers, and Redis's memory usage."""
