"""How a collection is laid out on a server, and what each version of Milvus supports of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from pymilvus import MilvusClient

from common.errors import IndexUnsupported
from common.settings import Settings
from common.vector_index import VectorIndex
from worker.stores.milvus.client import CONNECT_TIMEOUT_S
from worker.stores.milvus.syntax import Dialect

# First versions with IVF_RABITQ, and with a partition key that upserts respect: 2.3.5 puts
# upserted rows into the wrong partition (milvus-io/milvus#30772).
_RABITQ, _PARTITION_KEY = (2, 6), (2, 4)
# First version with an inverted index over texts and numbers, and one that also has it over arrays.
_INVERTED, _INVERTED_ARRAYS = (2, 4), (2, 5)
# First version whose patterns may begin with a wildcard.
_INFIX = (2, 4)
# First version in which a comparison with a missing value in JSON need not be false, but unknown
# (milvus-io/milvus#50699).
_UNKNOWN = (2, 6)
# How the versions of builds end that lack DISKANN: the server accepts it and never builds it.
_SMALL_BUILD = "-lite"


@dataclass(frozen=True, slots=True)
class Definition:
    """How a collection is laid out.

    Attributes:
        index: Index over the vectors.
        mmap: Whether vectors and index are mapped from disk.
        shards: Logs that rows are written to.
        replicas: Copies in memory.
        partition_key: Whether the tenant is the partition key.
    """

    index: VectorIndex = field(default_factory=lambda: VectorIndex.of("AUTOINDEX"))
    mmap: bool = False
    shards: int = 1
    replicas: int = 1
    partition_key: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the definition in the settings."""
        return cls(
            settings.vector_index,
            settings.milvus_mmap,
            settings.milvus_shards,
            settings.milvus_replicas,
            settings.milvus_partition_key,
        )


@dataclass(frozen=True, slots=True)
class Server:
    """A version of Milvus.

    Attributes:
        name: The version as the server reports it; empty for Milvus Lite, which reports none.
    """

    name: str

    @classmethod
    def of(cls, client: MilvusClient, *, lite: bool) -> Self:
        """Ask a Milvus for its version; raises ``MilvusException``."""
        return cls("" if lite else client.get_server_version(timeout=CONNECT_TIMEOUT_S))

    @property
    def lite(self) -> bool:
        """Whether it is Milvus Lite."""
        return not self.name

    @property
    def dialect(self) -> Dialect:
        """What its expressions can say; of a version that is not known, only what all can."""
        if self.lite:
            return Dialect(has_infix=False, has_not=False, negates_missing=True)
        return Dialect(
            has_infix=self._version >= _INFIX,
            has_not=True,
            negates_missing=() < self._version < _UNKNOWN,
        )

    def require(self, wanted: Definition) -> None:
        """Check that a collection can be laid out this way.

        Raises:
            IndexUnsupported: It cannot; the message names the setting.
        """
        for missing in self._missing(wanted):
            name = f"Milvus {self.name}" if self.name else "Milvus Lite"
            raise IndexUnsupported(f"{name} does not support {missing}; unset it, or use another.")

    def scalar_indexes(self) -> Mapping[str, str]:
        """Return the kinds of index over the fields that filters and lists use, by field."""
        if not self._version:
            return {}
        if self._version < _INVERTED:
            return {"tenant": "Trie", "indexed_at": "STL_SORT"}
        arrays = {"tags": "INVERTED"} if self._version >= _INVERTED_ARRAYS else {}
        return {"tenant": "INVERTED", "indexed_at": "INVERTED", **arrays}

    def _missing(self, wanted: Definition) -> Iterator[str]:
        kind = wanted.index.kind
        if self.lite:
            # It compares all rows, with either of these names.
            found = {
                f"GLIMPSE_MILVUS_INDEX={kind}": kind not in ("AUTOINDEX", "FLAT"),
                "GLIMPSE_MILVUS_MMAP": wanted.mmap,
                "GLIMPSE_MILVUS_SHARDS": wanted.shards > 1,
                "GLIMPSE_MILVUS_REPLICAS": wanted.replicas > 1,
                "GLIMPSE_MILVUS_PARTITION_KEY": wanted.partition_key,
            }
        else:
            no_disk = kind == "DISKANN" and self.name.endswith(_SMALL_BUILD)
            no_bits = kind == "IVF_RABITQ" and self._version < _RABITQ
            found = {
                f"GLIMPSE_MILVUS_INDEX={kind}": no_disk or no_bits,
                "GLIMPSE_MILVUS_PARTITION_KEY": wanted.partition_key
                and self._version < _PARTITION_KEY,
            }
        yield from (name for name, missing in found.items() if missing)

    @property
    def _version(self) -> tuple[int, ...]:
        # Empty for Lite, and for Zilliz Cloud, which has a version of another form.
        found = re.match(r"v?(\d+)\.(\d+)", self.name)
        return tuple(map(int, found.groups())) if found else ()
