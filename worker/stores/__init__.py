"""Vector stores: store vectors with their images' attributes, and search them."""
