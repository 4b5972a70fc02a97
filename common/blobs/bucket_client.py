"""The client of an object store, and how patient it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.handlers import add_expect_header
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from common.blobs.bucket_errors import InvalidEndpoint, bucket_errors

# Seconds to connect, and to wait for the next bytes of an answer.
_CONNECT_S, _READ_S = 3, 15
# Attempts at a call before it fails; the second and the third follow within some seconds.
ATTEMPTS = 3
# Connections of a process; more threads than this wait for one.
_CONNECTIONS = 64
# Checksums and signatures as every S3 understands them, not only Amazon's.
_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=_CONNECT_S,
    read_timeout=_READ_S,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    max_pool_connections=_CONNECTIONS,
    tcp_keepalive=True,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    parameter_validation=False,
)
# Other stores than Amazon's rarely have a host name for each bucket.
_PATHS = Config(s3={"addressing_style": "path"})
_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


def connect() -> tuple[Any, URLLib3Session]:
    """Return a client, and a connection pool for requests that are signed ahead of time."""
    session = boto3.session.Session()
    with bucket_errors():
        client = _client(session, _CONFIG)
        address = client.meta.endpoint_url
        if not str(urlsplit(address).hostname).endswith(_AMAZON):
            client = _client(session, _CONFIG.merge(_PATHS))
        # If the connection breaks within "100 Continue", botocore waits for its end forever.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        bundle = session._session.get_config_variable("ca_bundle")
    pool = URLLib3Session(
        verify=bundle or True,
        proxies=get_environ_proxies(address),
        timeout=(_CONNECT_S, _READ_S),
        max_pool_connections=_CONNECTIONS,
    )
    return client, pool


def _client(session: boto3.session.Session, config: Config) -> Any:
    try:
        return session.client("s3", config=config)
    except BotoCoreError:
        # Some, such as that of a region's name, are a ``ValueError`` too.
        raise
    except ValueError as error:
        raise InvalidEndpoint from error
