"""Upkeep: what one worker of all does now and then for the whole service."""
