"""IDs of images and jobs as command arguments; the beginning of one will do if no other has it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

import click

from cli.errors import AmbiguousId, UnknownId
from cli.terminal.table import on_terminal
from cli.terminal.text import shown
from common.ids import IMAGE_ID_DIGITS, RECORD_ID_DIGITS
from glimpse_client import Glimpse

# Minimum digits of an ID's beginning, and IDs that are named if it is ambiguous.
_DIGITS_MIN, _NAMED_MAX = 4, 5
# Digits in a list on a terminal: enough for a billion images.
_DIGITS_LISTED = 16


def listed_id(whole: str) -> str:
    """Return an ID as lists show it: on a terminal its beginning, and in a pipe all of it."""
    return whole[:_DIGITS_LISTED] if on_terminal() else whole


class _Id(click.ParamType[str]):
    """Accepts only IDs and their beginnings, so that no request is sent if one is malformed."""

    name = "id"
    # Of what it is the ID, and how many digits a whole one has.
    _what: str
    _digits: int

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the ID, or its beginning."""
        if not re.fullmatch(f"[0-9a-f]{{{_DIGITS_MIN},{self._digits}}}", value):
            self.fail(
                f"{value!r} is not {self._what} ID ({self._digits} hexadecimal digits, or"
                f" at least the first {_DIGITS_MIN}).",
                param,
                ctx,
            )
        return value


class ImageId(_Id):
    """The ID of an image or of a dead letter."""

    _what, _digits = "an image", IMAGE_ID_DIGITS


class JobId(_Id):
    """The ID of a job, which is also that of its delivery."""

    _what, _digits = "a job", RECORD_ID_DIGITS


def whole_image_id(client: Glimpse, given: str) -> str:
    """Return the ID of the indexed image whose ID begins with the digits given.

    Raises:
        UnknownId: No image has such an ID.
        AmbiguousId: Several have.
    """
    if len(given) == IMAGE_ID_DIGITS:
        return given
    found = client.images(filter={"id": {"prefix": given}})
    return _only("image", given, ((image.id, image.filename) for image in found))


def whole_letter_id(client: Glimpse, given: str) -> str:
    """Return the ID of the dead letter whose ID begins with the digits given."""
    if len(given) == IMAGE_ID_DIGITS:
        return given
    letters = ((letter.id, letter.filename) for letter in client.dead_letters())
    return _only("dead letter", given, _beginning(given, letters))


def whole_job_id(client: Glimpse, given: str) -> str:
    """Return the ID of the job whose ID begins with the digits given."""
    if len(given) == RECORD_ID_DIGITS:
        return given
    jobs = ((job.id, f"{job.kind}, {job.created_at}") for job in client.jobs())
    return _only("job", given, _beginning(given, jobs))


def _beginning(given: str, found: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return (each for each in found if each[0].startswith(given))


def _only(kind: str, given: str, found: Iterable[tuple[str, str]]) -> str:
    """Return the only ID of those found, which come with descriptions."""
    candidates = list(islice(found, _NAMED_MAX + 1))
    if not candidates:
        raise UnknownId(f"There is no {kind} whose ID begins with {given}.")
    if len(candidates) > 1:
        lines = [f"  {each_id}  {shown(about)}" for each_id, about in candidates[:_NAMED_MAX]]
        more = ["  …"] if len(candidates) > _NAMED_MAX else []
        listed = "\n".join([*lines, *more])
        raise AmbiguousId(f"Several {kind}s have IDs that begin with {given}:\n{listed}")
    return candidates[0][0]
