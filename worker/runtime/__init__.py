"""The runtime: what a worker process is put together from."""
