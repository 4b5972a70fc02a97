"""Redis's own clock in scripts: the clocks of the service's machines need not agree."""

from __future__ import annotations

# Lua that sets ``now`` to milliseconds since 1970; it goes before what uses it.
NOW_LUA = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
