"""``python -m benchmarks.peers``: let Glimpse and its peers take turns, and compare them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks import options, photographs
from benchmarks.environments import EnvironmentNotMade, environment
from benchmarks.peers import checkpoints
from benchmarks.peers.adapter_process import PeerFailed
from benchmarks.peers.checkpoints import Checkpoints
from benchmarks.peers.foreign import ForeignPeer
from benchmarks.peers.glimpse import Glimpse
from benchmarks.peers.peer import NOT_RUN, PEERS, Peer
from benchmarks.peers.results import Result, figures, markdown
from benchmarks.peers.turns import Albums, Contestant, Sizes
from benchmarks.report import Report

# A quick run needs no environment: it measures the peer whose packages are ours, too.
_QUICK = Sizes(warm_up=2, tried=2, ingested=5, beside=4, kept_busy=8000, killed=8, searches=5)
_QUICK_PEERS = ("Milvus tutorial",)
# Glimpse's variables in a quick run: the work of the killed worker is soon due again.
_QUICK_VARIABLES = {
    "GLIMPSE_MODEL": "hashing",
    "GLIMPSE_LEASE_S": "2",
    "GLIMPSE_LEASE_SWEEP_S": "0.5",
}


class Comparison:
    """The contestants, and what was measured of them; Glimpse is the first.

    Args:
        glimpse: Glimpse.
    """

    def __init__(self, glimpse: Glimpse) -> None:
        self._contestants: list[tuple[Contestant, Result]] = [(glimpse, Result(glimpse.name))]
        self._absent = [Result(name, error=reason) for name, reason in NOT_RUN.items()]

    def add(self, peer: Peer, enter: Callable[[], ForeignPeer]) -> None:
        """Add a peer and try its settings; one that cannot run is kept with its error."""
        result = Result(peer.name, peer)
        with _failures(result):
            entered = enter()
            result.tried = entered.choose()
            result.setting = str(entered.setting)
            self._contestants.append((entered, result))
        if result.error:
            self._absent.append(result)

    def run(self, rounds: int) -> None:
        """Let all take their turns, and then kill each."""
        for _ in range(rounds):
            for contestant, result in self._going():
                print(f"{contestant.name} ...", file=sys.stderr, flush=True)
                with _failures(result):
                    result.turns.append(contestant.turn())
        for contestant, result in self._going():
            with _failures(result):
                result.killed = contestant.killed()

    def _going(self) -> Sequence[tuple[Contestant, Result]]:
        return [one for one in self._contestants if not one[1].error]

    @property
    def results(self) -> list[Result]:
        """The results, Glimpse's first."""
        return [result for _, result in self._contestants] + self._absent


@contextmanager
def _failures(result: Result) -> Iterator[None]:
    """Keep the failure of a peer in its result; one of Glimpse is ours, and ends the run."""
    try:
        yield
    except (EnvironmentNotMade, PeerFailed) as failed:
        result.error = str(failed)
        print(f"{result.name}: {failed}", file=sys.stderr, flush=True)


@contextmanager
def _model(quick: bool) -> Iterator[tuple[Checkpoints, dict[str, str]]]:
    """Yield the model's formats, and the variables that give it to Glimpse."""
    with TemporaryDirectory() as folder:
        saved = checkpoints.save(Path(folder), small=quick)
        weights = {"GLIMPSE_MODEL": "ViT-B/32", "GLIMPSE_CLIP_WEIGHTS": str(saved.openai)}
        yield saved, _QUICK_VARIABLES if quick else weights


@click.command()
@options.PHOTOS
@click.option(
    "--only",
    type=click.Choice([peer.name for peer in PEERS]),
    multiple=True,
    help="Compare only this peer.",
)
@options.ROUNDS
@options.QUICK
@options.JSON
def main(
    photos: Path | None, only: tuple[str, ...], rounds: int, quick: bool, out: Path | None
) -> None:
    """Compare Glimpse with other ways to the same search."""
    sizes, rounds = (_QUICK, 1) if quick else (Sizes(), rounds)
    wanted = _QUICK_PEERS if quick else only
    report = Report({"rounds": rounds, **asdict(sizes)})
    with (
        photographs.chosen(photos, quick) as folder,
        _model(quick) as (saved, variables),
        TemporaryDirectory() as copies,
    ):
        albums = Albums.copy(folder, Path(copies), sizes)
        comparison = Comparison(Glimpse(folder, variables, sizes))
        for peer in (one for one in PEERS if not wanted or one.name in wanted):

            def enter(peer: Peer = peer) -> ForeignPeer:
                python = Path(sys.executable) if quick else environment(peer.file.stem, peer.file)
                return ForeignPeer(peer, python, saved, albums, sizes)

            comparison.add(peer, enter)
        comparison.run(rounds)
    results = comparison.results
    report.add("peers", figures(results), {one.name: one.raw() for one in results})
    print(markdown(results))
    report.write(out)


if __name__ == "__main__":
    main()
