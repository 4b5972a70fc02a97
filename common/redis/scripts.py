"""Lua scripts, which Redis executes atomically.

A script is a file in the folder ``lua/`` next to the module that runs it. Its head assigns each key
and argument to a local variable with the same name as in Python, one per line, in the order in
which Redis passes them::

    local job_key = KEYS[1]                     a key
    local job_keys = {unpack(KEYS, 2)}          all remaining keys; KEYS alone means all keys
    local job_id = ARGV[1]                      a string, or a number as a string
    local ttl_s = tonumber(ARGV[2])             a number
    local indices = cjson.decode(ARGV[3])       a list
    local items = {unpack(ARGV, 4)}             all remaining arguments, which need not be text

``-- @include common/lua/_now.lua`` inserts a file of functions that several scripts share; its name
begins with an underscore. Paths are relative to the root of the distribution.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, TypeAlias

from redis import Redis

Value: TypeAlias = str | bytes | int | float | Sequence[Any]

_INCLUDE = re.compile(r"^-- @include (\S+)$", re.MULTILINE)
# A line of the head: a name and the expression assigned to it.
_BINDING = re.compile(r"^local (\w+) = (.*\b(?:KEYS|ARGV)\b.*?)(?: +-- .*)?$", re.MULTILINE)

# The valid expressions of a head, with ``n`` for a position: a key, several keys, arguments.
_KEY = "KEYS[n]"
_KEYS = ("KEYS", "{unpack(KEYS, n)}")
_ARGS = ("ARGV[n]", "tonumber(ARGV[n])")
_REST = "{unpack(ARGV, n)}"
_LIST = "cjson.decode(ARGV[n])"


class RedisScript:
    """Calls a script with its keys and arguments by name, and returns Redis's reply.

    Args:
        redis: A client that decodes responses.
        path: The script's file, such as ``common/jobs/lua/record.lua``.

    Attributes:
        names: The names of the script's keys and arguments.
    """

    def __init__(self, redis: Redis, path: str) -> None:
        text = read_script(path)
        self._path = path
        self._head = read_head(text)
        self._run = redis.register_script(text)
        self.names = self._head.keys()

    def __call__(self, **values: Value) -> Any:
        """Run the script in one round trip; its text is sent only if Redis has not cached it."""
        if values.keys() != self.names:
            raise TypeError(f"{self._path} takes {list(self.names)}, not {list(values)}.")
        keys: list[str] = []
        args: list[str | bytes | int | float] = []
        for name, form in self._head.items():
            value: Any = values[name]
            if form == _KEY:
                keys.append(value)
            elif form in _KEYS:
                keys += value
            elif form == _REST:
                args += value
            else:
                args.append(json.dumps(value) if form == _LIST else value)
        return self._run(keys=keys, args=args)


def read_script(path: str) -> str:
    """Return the text of a script with its included files."""
    return _INCLUDE.sub(lambda include: _read(include[1]), _read(path))


def read_head(text: str) -> dict[str, str]:
    """Return the names and expressions of a script's head, with ``n`` for positions.

    Raises:
        ValueError: An expression is not valid in a head.
    """
    head = {name: re.sub(r"\d+", "n", form) for name, form in _BINDING.findall(text)}
    if unknown := set(head.values()) - {_KEY, *_KEYS, *_ARGS, _LIST, _REST}:
        raise ValueError(f"The head of a script may not contain {sorted(unknown)}.")
    return head


def _read(path: str) -> str:
    package, *rest = path.split("/")
    return files(package).joinpath(*rest).read_text("utf-8")
