"""Uploads: from the body of a request to a job whose tasks are queued."""
