"""Dead letters: images that failed for reasons that their caller cannot fix."""
