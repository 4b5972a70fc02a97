"""The catalog: lookup, listing and deletion of images."""
