"""The runtime: assembles and runs a worker process."""
