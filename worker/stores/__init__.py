"""Vector stores: where vectors are kept beside what is known of their images."""
