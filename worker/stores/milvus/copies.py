"""Copies of collections in another Milvus, marked by an alias until they are finished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from pymilvus import MilvusClient

from common import schema
from common.errors import MigrationRefused
from worker.stores.identity import Identity
from worker.stores.milvus.client import address_of, connect, is_lite
from worker.stores.milvus.collection import COPY_ALIAS, create_collection, open_collection
from worker.stores.milvus.definition import Definition, Server
from worker.stores.milvus.errors import translated
from worker.stores.milvus.store import MilvusStore

# Timeout of a call, in seconds.
_CALL_TIMEOUT_S = 10.0


class MilvusCopies:
    """Creates copies in a Milvus server, resumes and finishes them.

    A worker refuses a collection with the alias, so that it never serves an unfinished copy.

    Args:
        uri: Address of the server.
        token: As for ``MilvusStore``.
        definition: How to lay out the collections.
    """

    def __init__(self, uri: str, token: str, definition: Definition) -> None:
        self._uri = uri
        self._token = token
        self._definition = definition

    def begin(self, name: str, identity: Identity) -> MilvusStore:
        """Return the store of a copy; create it if it does not exist.

        Raises:
            MigrationRefused: There is a collection of this name that is not an unfinished copy.
            IndexUnsupported: This Milvus does not support the definition.
        """
        self._create_database()
        with self._connected() as client:
            self._prepare(client, name, identity)
        alias = name + COPY_ALIAS
        return MilvusStore(self._uri, self._token, alias, identity, self._definition, creates=False)

    def finish(self, name: str) -> None:
        """Mark a copy as finished."""
        with self._connected() as client:
            client.drop_alias(name + COPY_ALIAS, timeout=_CALL_TIMEOUT_S)

    @contextmanager
    def _connected(self, uri: str = "") -> Iterator[MilvusClient]:
        """Connect, and translate errors."""
        with translated(address_of(self._uri)):
            client = connect(uri or self._uri, self._token)
            try:
                yield client
            finally:
                client.close()

    def _create_database(self) -> None:
        """Create the database that the address names, if it does not exist."""
        parts = urlsplit(self._uri)
        if database := parts.path.strip("/"):
            with self._connected(parts._replace(path="").geturl()) as client:
                if database not in client.list_databases(timeout=_CALL_TIMEOUT_S):
                    client.create_database(database, timeout=_CALL_TIMEOUT_S)

    def _prepare(self, client: MilvusClient, name: str, identity: Identity) -> None:
        lite = is_lite(client)
        if lite:
            raise MigrationRefused("Milvus Lite has no aliases; migrate to a Milvus server.")
        server = Server.of(client, lite=lite)
        server.require(self._definition)
        if not client.has_collection(name, timeout=_CALL_TIMEOUT_S):
            # The rows are written in the current form, whatever the source's is.
            current = replace(identity, schema=schema.WRITES)
            create_collection(client, name, current, self._definition)
        described = client.describe_collection(name, timeout=_CALL_TIMEOUT_S)
        open_collection(client, name, self._definition, server)
        alias = name + COPY_ALIAS
        if alias in described["aliases"]:
            return
        # An earlier run may have ended before it set the alias, and wrote no row before that.
        counted = client.query(
            name,
            output_fields=["count(*)"],
            consistency_level="Strong",
            timeout=_CALL_TIMEOUT_S,
        )
        if counted[0]["count(*)"]:
            raise MigrationRefused(
                f"Milvus at {address_of(self._uri)} has a collection {name} that is in use or"
                " finished. Drop it to copy again, or name another server or database."
            )
        client.create_alias(name, alias, timeout=_CALL_TIMEOUT_S)
