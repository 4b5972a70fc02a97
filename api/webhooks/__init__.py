"""Sends webhooks.

The API's processes do, because workers decode pictures of strangers and reach nothing outside.
"""
