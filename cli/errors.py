"""Errors of the command line, which extend the hierarchy in ``common/errors.py``.

Errors of requests to the server are in ``glimpse_client/errors.py``.

GlimpseError
├── RedisNotFound            the address of the service's Redis is unknown, or Redis does not answer
├── MilvusNotFound           the address or the data of the service's Milvus is unknown
├── UnknownId                no image or job has an ID that begins like this
├── AmbiguousId              several images or jobs have
├── NothingToIngest          the paths contain no pictures
├── ServiceNotReady          a part of the service is missing, so that a load test makes no sense
└── SetupError
    ├── PortBusy             the address is in use or not available
    ├── OpenService          other machines could use the service, because it has no API keys
    ├── PartMissing          a program or package that the command needs is not installed
    └── PartFailed           a part of the stack exited, or did not become ready
"""

from __future__ import annotations

from common.errors import GlimpseError, SetupError


class RedisNotFound(GlimpseError):
    """The address of the service's Redis is unknown, or Redis does not answer."""

    code = "redis_not_found"


class MilvusNotFound(GlimpseError):
    """The address or the data of the service's Milvus is unknown."""

    code = "milvus_not_found"


class UnknownId(GlimpseError):
    """No image or job has an ID that begins like this."""

    code = "not_found"


class AmbiguousId(GlimpseError):
    """Several images or jobs have IDs that begin like this."""

    code = "ambiguous_id"


class NothingToIngest(GlimpseError):
    """The paths contain no pictures."""

    code = "nothing_to_ingest"


class ServiceNotReady(GlimpseError):
    """A part of the service is missing, so that a load test makes no sense."""

    code = "service_not_ready"


class PortBusy(SetupError):
    """The address is in use or not available."""

    code = "port_busy"


class OpenService(SetupError):
    """Other machines could use the service, because it has no API keys."""

    code = "open_service"


class PartMissing(SetupError):
    """A program or package that the command needs is not installed."""

    code = "part_missing"


class PartFailed(SetupError):
    """A part of the stack exited, or did not become ready."""

    code = "part_failed"
