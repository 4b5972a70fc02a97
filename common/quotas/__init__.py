"""Quotas: how many images a tenant may have, and how many it has."""
