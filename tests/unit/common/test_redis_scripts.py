"""Every Lua script documents its keys and arguments, is used, and is part of the wheel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from common.redis.client import connect
from common.redis.scripts import RedisScript, read_head, read_script

ROOT = Path(__file__).parent.parent.parent.parent
PACKAGES = [ROOT / name for name in ("api", "cli", "common", "worker")]
FILES = sorted(
    path.relative_to(ROOT).as_posix() for package in PACKAGES for path in package.rglob("*.lua")
)
# Files of functions, which scripts include.
SHARED = [path for path in FILES if Path(path).name.startswith("_")]
SCRIPTS = [path for path in FILES if path not in SHARED]
PYTHON = {path: path.read_text() for package in PACKAGES for path in package.rglob("*.py")}


def code(path: str) -> list[str]:
    """Return a file's lines without comments."""
    lines = (re.sub(r"--.*", "", line).rstrip() for line in (ROOT / path).read_text().splitlines())
    return [line for line in lines if line]


def head_and_body(path: str) -> tuple[list[str], str]:
    """Return the leading lines that bind keys and arguments, and the rest of the code."""
    lines = code(path)
    size = next((n for n, line in enumerate(lines) if not re.search("KEYS|ARGV", line)), len(lines))
    return lines[:size], "\n".join(lines[size:])


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_head_names_every_key_and_argument_that_is_used(path: str) -> None:
    head, body = head_and_body(path)
    names = read_head(read_script(path))
    assert names
    assert len(head) == len(names)
    assert not re.search("KEYS|ARGV", body)
    for name in names:
        assert re.search(rf"\b{name}\b", body), name


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_head_follows_the_order_in_which_redis_passes_them(path: str) -> None:
    text = "\n".join(head_and_body(path)[0])
    found = re.findall(r"(KEYS|ARGV)(?:\[|, )?(\d*)", text)
    places = [(table, int(number or 1)) for table, number in found]
    keys = sum(table == "KEYS" for table, _ in places)
    args = len(places) - keys
    assert places == [
        *(("KEYS", n) for n in range(1, keys + 1)),
        *(("ARGV", n) for n in range(1, args + 1)),
    ]
    # Only the last key may take all remaining ones.
    *single, _ = [line for line in text.splitlines() if "KEYS" in line]
    assert all("KEYS[" in line for line in single)


@pytest.mark.parametrize("path", SCRIPTS)
def test_the_head_of_a_script_says_what_it_does_why_it_is_atomic_and_what_it_returns(
    path: str,
) -> None:
    comment = (ROOT / path).read_text().split("\nlocal ")[0]
    assert all(line.startswith("--") for line in comment.splitlines())
    assert "\n-- Atomic, so that " in comment
    assert "\n-- Returns " in comment


@pytest.mark.parametrize("path", SHARED)
def test_a_shared_file_has_only_functions(path: str) -> None:
    text = (ROOT / path).read_text()
    assert not re.search("KEYS|ARGV|@include", text)
    assert {line.split("(")[0].rsplit(" ", 1)[0] for line in code(path) if line[0] != " "} == {
        "local function",
        "end",
    }


def test_every_script_is_run_and_every_shared_file_included() -> None:
    run = [
        path for text in PYTHON.values() for path in re.findall(r'RedisScript\(\w+, "(.+)"', text)
    ]
    assert sorted(run) == SCRIPTS
    included = {
        path
        for script in SCRIPTS
        for path in re.findall(r"^-- @include (.+)$", (ROOT / script).read_text(), re.MULTILINE)
    }
    assert sorted(included) == SHARED


def test_a_script_stands_beside_the_module_that_runs_it() -> None:
    for module, text in PYTHON.items():
        for path in re.findall(r'RedisScript\(\w+, "(.+)"', text):
            assert (ROOT / path).parent.parent == module.parent


def test_no_lua_stands_in_python() -> None:
    assert [path for path, text in PYTHON.items() if "redis.call" in text] == []


def test_the_wheel_has_every_script() -> None:
    built = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert set(FILES) <= built


def test_a_head_with_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="may not contain"):
        read_head("local ids = split(ARGV[1])")


@pytest.mark.parametrize(
    "values", [{}, {"lease_key": "a"}, {"lease_key": "a", "owner": "b", "c": 1}]
)
def test_a_call_names_exactly_what_the_head_names(values: dict[str, str | int]) -> None:
    script = RedisScript(connect("redis://127.0.0.1:1/0"), "common/dead_letters/lua/give_back.lua")
    with pytest.raises(TypeError, match=r"give_back\.lua takes \['lease_key', 'owner'\], not"):
        script(**values)
