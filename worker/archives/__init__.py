"""Archives: streams the pictures out of a zip, tar or tar.gz, within limits."""
