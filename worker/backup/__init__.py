"""Backups: everything that a service cannot make again, in a folder or a bucket."""
