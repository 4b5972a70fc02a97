"""Show how the code is divided: files and imports by folder, and the longest files and functions.

    python -m scripts.house [--base REVISION]

With ``--base`` the figures of that revision stand to the left of those of the working tree.
"""

from __future__ import annotations

import ast
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import click

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("api", "common", "worker", "cli", "glimpse_client")
# Files and functions that are listed.
_LONGEST = 10


@dataclass(frozen=True, slots=True)
class House:
    """The figures of one tree.

    Attributes:
        files: Files of each folder.
        imports: Imports of each folder from other folders of the same package.
        lines: Lines of each file.
        functions: Lines of each function.
    """

    files: Counter[str] = field(default_factory=Counter)
    imports: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, root: Path) -> House:
        """Read the packages in a folder."""
        house = cls()
        for path in (path for package in _PACKAGES for path in (root / package).rglob("*.py")):
            house._add(root, path.relative_to(root), path.read_text())
        return house

    def _add(self, root: Path, file: Path, text: str) -> None:
        tree, folder = ast.parse(text), str(file.parent)
        targets = {_file(root, name) for name in _imported(tree)}
        self.files[folder] += 1
        self.imports[folder] += sum(_is_elsewhere(target, file) for target in targets)
        self.lines[str(file)] = len(text.splitlines())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{file}: {node.name}"
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                self.functions[name] = max(self.functions[name], length)


def _imported(tree: ast.Module) -> Iterator[str]:
    # The project has no relative imports.
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(root: Path, name: str) -> Path:
    """Return the file of a module, or of the module that defines a name."""
    parts = name.split(".")
    places = [Path(*some) for some in (parts, parts[:-1]) if some]
    files = [file for at in places for file in (at / "__init__.py", at.with_suffix(".py"))]
    return next((file for file in files if (root / file).is_file()), places[0])


def _is_elsewhere(target: Path, file: Path) -> bool:
    return target.parts[0] == file.parts[0] and target.parent != file.parent


def compare(houses: Sequence[House]) -> Iterator[str]:
    """Give the lines of every table, with one column of figures for each tree."""
    for title, name in (("Files per folder", "files"), ("Imports into other folders", "imports")):
        counts: list[Counter[str]] = [getattr(house, name) for house in houses]
        yield title
        for folder in sorted(set().union(*(house.files for house in houses))):
            yield "".join(f"{count[folder] or '':>6}" for count in counts) + f"  {folder}"
        yield "".join(f"{count.total():>6}" for count in counts) + "  in all"
    for title, name in (("Longest files", "lines"), ("Longest functions", "functions")):
        yield f"{title}, in lines"
        lists = [getattr(house, name).most_common(_LONGEST) for house in houses]
        for row in zip_longest(*lists, fillvalue=("", "")):
            yield "".join(f"{count:>6}  {name:<64}" for name, count in row).rstrip()


def _extract(revision: str, folder: Path) -> None:
    git = ["git", "archive", revision]
    done = subprocess.run(git, cwd=_ROOT, stdout=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode:
        raise click.BadParameter(f"git has no revision {revision}.")
    tar = ["tar", "--extract", "--directory", str(folder)]
    subprocess.run(tar, input=done.stdout, check=True)  # noqa: S603


@click.command()
@click.option(
    "--base", metavar="REVISION", help="Show this revision of git beside the working tree."
)
def main(base: str | None) -> None:
    """Print the figures."""
    houses = [House.read(_ROOT)]
    if base:
        with tempfile.TemporaryDirectory() as folder:
            _extract(base, Path(folder))
            houses.insert(0, House.read(Path(folder)))
    for line in compare(houses):
        click.echo(line)


if __name__ == "__main__":
    main()
