"""The catalog: questions about images, and their deletion."""
