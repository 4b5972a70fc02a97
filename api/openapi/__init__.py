"""The OpenAPI document: made from the routes, from what they read, and from what they answer."""
