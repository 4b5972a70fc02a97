"""The index over the vectors in Milvus: its kind, and the parameters that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

IndexKind = Literal["AUTOINDEX", "FLAT", "HNSW", "IVF_FLAT", "SCANN", "DISKANN", "IVF_RABITQ"]


class Parameter(NamedTuple):
    """A parameter of an index: its default, and its bounds by Milvus's documentation."""

    default: int
    least: int
    most: int


_EF = Parameter(128, 1, 32_768)
_NLIST = Parameter(1024, 1, 65_536)
# Of 1,024 lists of 100,000 vectors that are like pictures, 192 hold 98 % of the ten nearest.
_NPROBE = Parameter(192, 1, 65_536)

# Parameters for building an index, by kind.
_BUILD: Mapping[IndexKind, Mapping[str, Parameter]] = {
    "HNSW": {"M": Parameter(16, 2, 2048), "efConstruction": Parameter(200, 1, 32_768)},
    "IVF_FLAT": {"nlist": _NLIST},
    "SCANN": {"nlist": _NLIST},
    "IVF_RABITQ": {"nlist": _NLIST},
}
# Parameters of a search, by kind.
_SEARCH: Mapping[IndexKind, Mapping[str, Parameter]] = {
    # A server builds a graph of its own choice, which takes this parameter; others ignore it.
    "AUTOINDEX": {"ef": _EF},
    "HNSW": {"ef": _EF},
    "IVF_FLAT": {"nprobe": _NPROBE},
    "SCANN": {"nprobe": _NPROBE, "reorder_k": Parameter(200, 1, 32_768)},
    "DISKANN": {"search_list": Parameter(100, 1, 32_768)},
    "IVF_RABITQ": {
        "nprobe": _NPROBE,
        "rbq_query_bits": Parameter(0, 0, 8),
        "refine_k": Parameter(4, 1, 1000),
    },
}


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """An index over vectors.

    Attributes:
        kind: Milvus's name for it.
        build: Parameters for building it; changing one requires a new index.
        search: Parameters of each search.
    """

    kind: IndexKind
    build: Mapping[str, int]
    search: Mapping[str, int]

    @classmethod
    def of(cls, kind: IndexKind, given: Mapping[str, int] | None = None) -> VectorIndex:
        """Return an index with the given parameters, and defaults for the others.

        Raises:
            ValueError: A parameter does not belong to this kind, or is out of bounds.
        """
        given = given or {}
        build, search = _BUILD.get(kind, {}), _SEARCH.get(kind, {})
        for name, value in given.items():
            parameter = build.get(name) or search.get(name)
            if parameter is None:
                known = ", ".join((*build, *search)) or "none"
                raise ValueError(f"{name} is not a parameter of {kind}; it has: {known}")
            if not parameter.least <= value <= parameter.most:
                raise ValueError(f"{name} must be from {parameter.least} to {parameter.most}")
        return cls(kind, _values(build, given), _values(search, given))


def is_kind(name: str) -> bool:
    """Return whether an index of this kind can be configured."""
    return name in get_args(IndexKind)


def read_parameters(text: str) -> dict[str, int]:
    """Return the parameters in a text such as ``M=16 efConstruction=200``.

    Raises:
        ValueError: The text does not have this form.
    """
    found = {}
    for word in text.replace(",", " ").split():
        name, separator, value = word.partition("=")
        if not (separator and name and value.isdecimal()):
            raise ValueError("give parameters as NAME=NUMBER, such as M=16 efConstruction=200")
        found[name] = int(value)
    return found


def _values(parameters: Mapping[str, Parameter], given: Mapping[str, int]) -> dict[str, int]:
    return {name: given.get(name, each.default) for name, each in parameters.items()}
