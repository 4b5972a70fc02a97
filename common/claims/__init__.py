"""Claims: which task is processing an image, and how many workers died doing so."""
