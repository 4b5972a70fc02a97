"""Measurements; each prints its figures beside the bound it has to keep, if it has one."""
