"""What stops a command: more branches of the tree in ``common/errors.py``.

What it meets with the server is in ``glimpse_client/errors.py``.

GlimpseError
├── RedisNotFound            nobody says where the service's Redis is, or it does not answer
├── NothingToIngest          the paths hold no picture that can be sent
└── SetupError
    ├── PortBusy             the address cannot be listened on
    ├── OpenService          the address is not loopback, and there are no keys
    ├── PartMissing          a program that `glimpse up` runs is not installed
    └── PartFailed           a part of the stack ended, or never became ready
"""

from __future__ import annotations

from common.errors import GlimpseError, SetupError


class RedisNotFound(GlimpseError):
    """Nobody says where the service's Redis is, or it does not answer there."""

    code = "redis_not_found"


class NothingToIngest(GlimpseError):
    """The paths hold no picture that can be sent."""

    code = "nothing_to_ingest"


class PortBusy(SetupError):
    """The address cannot be listened on."""

    code = "port_busy"


class OpenService(SetupError):
    """The address is not loopback, and the service has no keys."""

    code = "open_service"


class PartMissing(SetupError):
    """A program that ``glimpse up`` runs is not installed."""

    code = "part_missing"


class PartFailed(SetupError):
    """A part of the stack ended, or never became ready."""

    code = "part_failed"
