"""The command that creates a service's first key, for messages that advise it."""

from __future__ import annotations

# It can be run as it is; the tenant is the owner of what is uploaded without a key.
CREATE_KEY = "glimpse keys create --tenant default --name first --scope read --scope write"
