"""Decoding: from the bytes of any supported format to an upright sRGB picture."""
