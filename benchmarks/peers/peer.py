"""The peers: packages, the settings that are tried, and what each leaves out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

_REQUIREMENTS = Path(__file__).parent / "requirements"


@dataclass(frozen=True, slots=True)
class Setting:
    """What may make a peer faster.

    Attributes:
        batch: Pictures per batch.
        precision: "fp32" or "bf16".
    """

    batch: int
    precision: str = "fp32"

    def __str__(self) -> str:
        """Return the setting in words."""
        return f"{self.precision}, batches of {self.batch}"


def _settings(precisions: tuple[str, ...], batches: tuple[int, ...]) -> tuple[Setting, ...]:
    return tuple(Setting(batch, kind) for kind, batch in itertools.product(precisions, batches))


_FULL, _REDUCED, _BOTH = ("fp32",), ("bf16",), ("bf16", "fp32")
_BATCHES = (16, 32, 64)

# What a service for several clients needs beside an encoder and a store.
QUEUE = "durable queue"
ISOLATION = "isolates a bad picture"
DUPLICATES = "recognises known pictures"
CLIENTS = "HTTP API"
PROGRESS = "progress of a job"
THUMBNAILS = "stored thumbnails"
FILTERS = "tags and filters"
FEATURES = (QUEUE, ISOLATION, DUPLICATES, CLIENTS, PROGRESS, THUMBNAILS, FILTERS)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way from photographs to a search.

    Attributes:
        name: Its name in the report.
        package: Its package on PyPI, which its requirements pin.
        requirements: Name of the file of its requirements, and of its environment.
        adapter: Module of ``adapters`` that runs it.
        settings: Settings to try.
        has: Those of ``FEATURES`` that it has, as it is run here.
        store: Where its vectors are.
        note: What else is particular about it.
    """

    name: str
    package: str
    requirements: str
    adapter: str
    settings: tuple[Setting, ...]
    has: frozenset[str] = frozenset()
    store: str = "Milvus Lite"
    note: str = ""

    @property
    def file(self) -> Path:
        """The file of its requirements."""
        return _REQUIREMENTS / f"{self.requirements}.txt"

    @property
    def version(self) -> str:
        """The version of its package that its requirements pin."""
        for line in self.file.read_text().splitlines():
            name, _, version = line.partition("==")
            if name.partition("[")[0] == self.package:
                return version
        raise ValueError(f"{self.file} does not pin {self.package}.")

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """What Glimpse has and this peer does not."""
        return tuple(one for one in FEATURES if one not in self.has)


PEERS = (
    Peer(
        "Milvus tutorial",
        package="rf-clip",
        requirements="tutorial",
        adapter="tutorial",
        settings=(Setting(1),),
        note="one picture at a time, in fp32, as written; one insert at the end",
    ),
    Peer(
        "open_clip loop",
        package="open-clip-torch",
        requirements="open-clip",
        adapter="open_clip_loop",
        settings=_settings(_BOTH, _BATCHES),
        note="our loop, with reader threads",
    ),
    Peer(
        "sentence-transformers",
        package="sentence-transformers",
        requirements="sentence-transformers",
        adapter="sentence_transformer",
        settings=_settings(_BOTH, _BATCHES),
        note="its encode() preprocesses pictures in the thread that embeds",
    ),
    Peer(
        "infinity-emb",
        package="infinity-emb",
        requirements="infinity",
        adapter="infinity",
        settings=_settings(_FULL, _BATCHES),
        has=frozenset({CLIENTS}),
        note="its engine without its HTTP server; it ignores dtype on a CPU, so fp32",
    ),
    Peer(
        "infinity-emb in bf16",
        package="infinity-emb",
        requirements="infinity",
        adapter="infinity",
        settings=_settings(_REDUCED, _BATCHES),
        has=frozenset({CLIENTS}),
        note="the same, with its model cast by our adapter, which none of its options does",
    ),
    Peer(
        "clip-retrieval",
        package="clip-retrieval",
        requirements="clip-retrieval",
        adapter="clip_retrieval_index",
        settings=_settings(_FULL, _BATCHES),
        has=frozenset({ISOLATION, CLIENTS}),
        store="files, and a faiss index of each run",
        note="fp32 on a CPU; pictures are found once a whole run is embedded and indexed",
    ),
    Peer(
        "rclip",
        package="rclip",
        requirements="rclip",
        adapter="rclip_index",
        settings=_settings(_FULL, (8, *_BATCHES)),
        has=frozenset({ISOLATION, DUPLICATES}),
        store="SQLite, read as a whole by each search",
        note="ONNX Runtime in fp32; set to 224 pixels, the input of this model, instead of 256",
    ),
)

# Peers that cannot run here, and why.
NOT_RUN = {"Immich's machine learning": "it is not on PyPI, only in a container image"}
