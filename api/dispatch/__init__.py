"""Dispatch: sends tasks to the queues and reads their results."""
