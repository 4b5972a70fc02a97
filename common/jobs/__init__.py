"""Job records: accepted uploads, and the outcome of each of their images."""
