"""Encoders: models that embed images and texts as unit vectors in one space."""
