"""Unit tests of the code that the API, the workers and the command line share."""
