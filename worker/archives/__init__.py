"""Archives: the pictures in a zip, a tar or a tar.gz, as streams, within limits."""
