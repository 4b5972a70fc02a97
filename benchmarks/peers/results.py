"""The figures of all contestants, and the table that compares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.figures import Figure, middle, percentile
from benchmarks.peers.peer import Peer
from benchmarks.peers.turns import Killed, Tried, Turn

# The contestant that Glimpse is compared with, and the lower bound on the ratio of their rates.
_BARE_ENGINE, _OF_BARE_ENGINE_MIN = "infinity-emb", 1.8

_FASTER = "Glimpse is faster by"

_HEAD = (
    f"| | images/s to searchable | {_FASTER} | search idle, p50 and p99 "
    "| search beside ingest, p50 and p99 | peak memory | cold start "
    "| lost if killed, of those handed over | embedded twice |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


@dataclass(slots=True)
class Result:
    """All that is known of one contestant.

    Attributes:
        name: Its name.
        peer: The peer; None for Glimpse.
        tried: Its settings that were tried.
        setting: Its setting in the turns, in words.
        turns: Its turns.
        killed: What a kill left; None until it was killed.
        error: Why it did not run, or did not go on; empty if it did.
    """

    name: str
    peer: Peer | None = None
    tried: list[Tried] = field(default_factory=list)
    setting: str = "its defaults"
    turns: list[Turn] = field(default_factory=list)
    killed: Killed | None = None
    error: str = ""

    @property
    def complete(self) -> bool:
        """Whether every measurement was taken."""
        return bool(self.turns) and self.killed is not None and not self.error

    def rates(self) -> list[float]:
        """Return the images per second of each turn."""
        return [turn.images_per_s for turn in self.turns]

    def ms(self, when: str, share: int) -> float:
        """Return a percentile of all turns' searches; ``when`` is "idle" or "beside"."""
        found = [ms for turn in self.turns for ms in getattr(turn, f"{when}_ms")]
        return percentile(found, share) if found else float("nan")

    def raw(self) -> dict[str, Any]:
        """Return the JSON form, with every sample."""
        about = {}
        if self.peer:
            about = {
                "package": self.peer.package,
                "version": self.peer.version,
                "store": self.peer.store,
                "leaves_out": self.peer.leaves_out,
                "note": self.peer.note,
            }
        return {
            **about,
            "setting": self.setting,
            "tried": [asdict(one) for one in self.tried],
            "turns": [asdict(turn) for turn in self.turns],
            "killed": asdict(self.killed) if self.killed else None,
            "error": self.error,
        }


def figures(results: Sequence[Result]) -> list[Figure]:
    """Return the figures of every contestant that ran."""
    ours = results[0]
    made: list[Figure] = []
    for one in results:
        if one.complete:
            made += _figures(one)
            if one.peer and ours.complete:
                made.append(_faster(ours, one))
    return made


def _faster(ours: Result, one: Result) -> Figure:
    bound = _OF_BARE_ENGINE_MIN if one.name == _BARE_ENGINE else None
    return Figure(f"{one.name}: {_FASTER}", _ratio(ours, one), "times", at_least=bound)


def _figures(one: Result) -> Iterator[Figure]:
    assert one.killed is not None
    yield Figure(f"{one.name}: to searchable", middle(one.rates()), "images/s")
    for when, name in (("idle", "idle"), ("beside", "beside ingest")):
        for share in (50, 99):
            yield Figure(f"{one.name}: search {name}, p{share}", one.ms(when, share), "ms")
    yield Figure(f"{one.name}: peak memory", middle([t.peak_mib for t in one.turns]), "MiB")
    yield Figure(f"{one.name}: cold start", middle([t.cold_start_s for t in one.turns]), "s")
    yield Figure(f"{one.name}: lost if killed", one.killed.lost, f"of {one.killed.handed_over}")
    yield Figure(f"{one.name}: embedded twice", one.killed.embedded_twice, "images")


def _ratio(ours: Result, other: Result) -> float:
    """Return the median over the rounds of our rate to the other's."""
    pairs = zip(ours.rates(), other.rates(), strict=True)
    return middle([rate / other_rate for rate, other_rate in pairs])


def markdown(results: Sequence[Result]) -> str:
    """Return the table of all contestants, and what each peer is and leaves out."""
    ours = results[0]
    rows = [_row(one, ours) for one in results]
    about = [_about(one.peer, one) for one in results if one.peer]
    head = "| | version | at its best with | store | leaves out | |\n|---|---|---|---|---|---|"
    return "\n".join([_HEAD, *rows, "", head, *about])


def _row(one: Result, ours: Result) -> str:
    if not one.complete:
        return f"| {one.name} | did not run: {_one_line(one.error)} | | | | | | | |"
    assert one.killed is not None
    faster = f"{_ratio(ours, one):.1f} times" if one.peer and ours.complete else ""
    cells = [
        one.name,
        f"{middle(one.rates()):.1f}",
        faster,
        *(f"{one.ms(when, 50):.0f}, {one.ms(when, 99):.0f} ms" for when in ("idle", "beside")),
        f"{middle([turn.peak_mib for turn in one.turns]):,.0f} MiB",
        f"{middle([turn.cold_start_s for turn in one.turns]):.1f} s",
        f"{one.killed.lost} of {one.killed.handed_over}",
        f"{one.killed.embedded_twice}",
    ]
    return f"| {' | '.join(cells)} |"


def _about(peer: Peer, one: Result) -> str:
    cells = [
        one.name,
        f"`{peer.package}` {peer.version}",
        one.setting,
        peer.store,
        ", ".join(peer.leaves_out),
        peer.note,
    ]
    return f"| {' | '.join(cells)} |"


def _one_line(error: str) -> str:
    """Return the last line of an error, which says what happened, for a cell of a table."""
    lines = [line for line in error.splitlines() if line.strip()]
    return lines[-1].strip().replace("|", "\\|") if lines else "no turn was finished"
