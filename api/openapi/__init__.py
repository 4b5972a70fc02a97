"""The OpenAPI document, generated from the routes and their request and response models."""
