"""API keys: who may do what, on whose images."""
