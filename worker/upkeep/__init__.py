"""Upkeep: periodic chores of the whole service, run by one worker at a time."""
