"""Claims: which task has an image in hand, and how often that ended in a death."""
