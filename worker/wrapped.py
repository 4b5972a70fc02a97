"""Objects with some of their methods wrapped, so that what is measured need not know of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")

Method = Callable[..., Any]
# Returns a method that calls the given one, and does something before or after.
Wrap = Callable[[Method], Method]


def wrapped(target: T, **wraps: Wrap) -> T:
    """Return an object like ``target`` whose named methods are wrapped.

    Only calls through the returned object are; those that ``target`` makes of itself are not.
    """
    return cast("T", _Wrapped(target, wraps))


def timed(observe: Callable[[float], object]) -> Wrap:
    """Return a wrap that observes the seconds of each call, also of one that raises an error."""

    def wrap(method: Method) -> Method:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                observe(time.perf_counter() - began)

        return call

    return wrap


class _Wrapped:
    def __init__(self, target: object, wraps: dict[str, Wrap]) -> None:
        self._target = target
        # Found before ``__getattr__`` is asked.
        vars(self).update({name: wrap(getattr(target, name)) for name, wrap in wraps.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)
