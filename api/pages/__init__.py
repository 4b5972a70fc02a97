"""The web page and the documentation page, as static files."""
