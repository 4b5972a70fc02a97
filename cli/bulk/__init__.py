"""Bulk upload: finds and hashes files, uploads them, and follows the jobs until they end."""
