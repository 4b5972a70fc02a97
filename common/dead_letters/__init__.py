"""Dead letters: images that Glimpse gave up for no fault that a caller could mend."""
