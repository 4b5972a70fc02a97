"""The agreement between the API, the workers and the command line."""
