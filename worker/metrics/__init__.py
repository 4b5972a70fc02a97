"""The metrics of a worker's own work, and the port that Prometheus scrapes them from."""
