"""The web page in a real Chromium, on a real stack."""
