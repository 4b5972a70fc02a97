"""Dispatch: tasks to the queue, and their results back."""
