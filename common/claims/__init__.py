"""Claims: which task is processing an image, and how many processes died doing so."""
