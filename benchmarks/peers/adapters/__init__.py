"""Programs of ours that run a peer, each with the Python of that peer's own environment.

They import the standard library and the peer's packages only. ``served`` reads their commands.
"""
