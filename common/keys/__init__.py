"""API keys: what a caller may do, and with which tenant's images."""
