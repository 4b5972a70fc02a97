"""Records of accepted, deleted and cancelled images, and an audit of the final state.

The last state reported to a caller must hold: the image is searchable under the name and
tags of the job that reports ``indexed``, which other uploads keep; or it is deleted,
including its bytes; or it is listed as failed or cancelled, and no search finds it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from common.contract import ImageRecord
from tests.support.chaos.ledger import Ledger
from tests.support.pictures import image_id, jpeg
from tests.support.polling import wait_for

log = logging.getLogger(__name__)

# Name of the report property that contains the result of an audit.
AUDIT = "audit"
# Kinds of faults of an image: it is missing; it exists twice; it exists although it was deleted,
# cancelled or failed; it has the name or tags of another job; it never finishes.
Kind = Literal["lost", "doubled", "returned", "mixed", "stuck"]
KINDS: tuple[Kind, ...] = ("lost", "doubled", "returned", "mixed", "stuck")

# The result of an audit without faults.
SOUND: Mapping[str, int] = dict.fromkeys(KINDS, 0)

# Seconds for jobs to finish, and then for the state to match the books: many leases, and many
# rounds of the upkeep, which restores blobs withdrawn by an interrupted deletion.
_END_S, _HEAL_S = 90.0, 20.0
# Seconds for a delete to get a definitive response instead of "retry".
_DELETE_S = 60.0

# States of an item with a searchable image.
_THERE = frozenset({"indexed", "duplicate"})


@dataclass(slots=True)
class Upload:
    """One image of a request that was accepted."""

    job: str
    filename: str
    tags: tuple[str, ...]
    # Whether a delete with an unknown outcome followed.
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One deviation from the books."""

    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class _Row:
    job: str
    record: ImageRecord


class Books:
    """Records the requests of one test and audits their outcome.

    Args:
        ledger: Ledger of the same Glimpse.
        note: Receives the result of an audit, for the table of all attacks.
    """

    def __init__(self, ledger: Ledger, note: Callable[[str, object], None]) -> None:
        self._ledger = ledger
        self._note = note
        self._client = ledger.stack.client
        # By image id: the bytes, the uploads since the last deletion, and whether it was deleted.
        self._data: dict[str, bytes] = {}
        self._uploads: dict[str, list[Upload]] = {}
        self._deleted: set[str] = set()
        # Locations of the jobs, by id.
        self._jobs: dict[str, str] = {}
        self._faults: list[Fault] = []

    def pictures(self, count: int) -> list[bytes]:
        """Return pictures that have never been uploaded."""
        return [jpeg(number) + uuid.uuid4().bytes for number in range(count)]

    def upload(self, files: Mapping[str, bytes], *tags: str) -> str:
        """Upload files in one request; return the location of the job."""
        location = self._ledger.upload(files, tags=tags, on_duplicate="keep")
        job = location.rpartition("/")[2]
        self._jobs[job] = location
        for name, data in files.items():
            self._data[image_id(data)] = data
            self._uploads.setdefault(image_id(data), []).append(Upload(job, name, tags))
        return location

    def ended(self, *locations: str) -> None:
        """Wait until the given jobs, or all, have finished or timed out."""
        jobs = locations or tuple(self._jobs.values())
        self._within(_END_S, lambda: all(map(self._has_ended, jobs)))

    def delete(self, data: bytes) -> None:
        """Delete an image that no job is processing, retrying until there is a response."""
        name = image_id(data)
        if not any(upload.doubtful for upload in self._uploads[name]) and not self._rows([name]):
            self._faults.append(Fault("lost", f"{name} was not there when it was to be deleted"))
        wait_for(lambda: self._ask_to_delete(name) in (204, 404), _DELETE_S, "an answer")
        self._uploads[name] = []
        self._deleted.add(name)

    def try_to_delete(self, data: bytes) -> int:
        """Request the deletion of an image once; return the status.

        Afterwards the image counts as doubtful: it may or may not exist.
        """
        for upload in self._uploads[image_id(data)]:
            upload.doubtful = True
        return self._ask_to_delete(image_id(data))

    def cancel_all(self) -> None:
        """Cancel all jobs."""
        for location in self._jobs.values():
            assert self._client.delete(location).status_code == 202

    def audit(self, attack: str) -> Mapping[str, int]:
        """Return the number of faults of each kind once everything has settled.

        Args:
            attack: Name of the attack, for the table.
        """
        self.ended()
        faults = first = self._look()
        deadline = time.monotonic() + _HEAL_S
        while faults and time.monotonic() < deadline:
            time.sleep(0.5)
            faults = self._look()
        faults = [*self._faults, *faults]
        for fault in faults:
            log.warning("%s: %s", fault.kind, fault.what)
        found = {**SOUND, **Counter(fault.kind for fault in faults)}
        log.warning("%s: at first %s", attack, Counter(fault.kind for fault in first))
        log.warning("%s: images=%d %s", attack, len(self._data), found)
        self._note(AUDIT, {"attack": attack, "images": len(self._data), **found})
        return found

    def _look(self) -> list[Fault]:
        states = self._states()
        rows = self._rows(list(self._data))
        faults = [
            fault
            for name in self._data
            for fault in self._faults_of(name, rows.get(name), states.get(name, {}))
        ]
        extra = self._ledger.new_rows() - len(rows)
        faults += [Fault("doubled", "a row too many")] * extra
        return [*faults, *self._unrest()]

    def _faults_of(self, name: str, row: _Row | None, states: Mapping[str, str]) -> Iterator[Fault]:
        """Yield the faults of one image.

        Args:
            name: Id of the image.
            row: Row of the image, if it has one.
            states: States of the image in its jobs, by job id.
        """
        uploads = self._uploads[name]
        reported = {upload.job: states.get(upload.job, "queued") for upload in uploads}
        of = f"{name[:8]} {reported}"
        yield from (Fault("stuck", of) for state in reported.values() if state == "queued")
        certain = [upload for upload in uploads if not upload.doubtful]
        if sum(reported[upload.job] == "indexed" for upload in certain) > 1:
            yield Fault("doubled", f"{of} was indexed by more than one")
        if row is None:
            if any(reported[upload.job] in _THERE for upload in certain):
                yield Fault("lost", f"{of} has no row")
            if not uploads and self._content(name) == self._data[name]:
                yield Fault("returned", f"{of} has bytes, though it was deleted")
            return
        if not _THERE & set(reported.values()):
            yield Fault("returned", f"{of} has a row of {row.job}")
            return
        if not any(reported[upload.job] == "indexed" and _is_of(row, upload) for upload in uploads):
            yield Fault("mixed", f"{of} is {row.record.filename} {row.record.tags} of {row.job}")
        if self._content(name) != self._data[name]:
            yield Fault("lost", f"{of} has a row and no bytes")

    def _unrest(self) -> Iterator[Fault]:
        waiting = self._ledger.unsettled()
        if waiting:
            yield Fault("stuck", f"{waiting} tasks are in the queue or in hand")
        # An expired claim still names its dead owner, but no longer counts as owned.
        now_ms = time.time() * 1000
        for key, claim in self._ledger.claims(owned=True).items():
            if float(claim["until"]) > now_ms:
                yield Fault("stuck", f"{key} is owned")

    def _has_ended(self, location: str) -> bool:
        return self._ledger.job(location)["finished_at"] is not None

    def _states(self) -> dict[str, dict[str, str]]:
        """Return the states of images in their jobs, by image id and job id."""
        states: dict[str, dict[str, str]] = {}
        for job, location in self._jobs.items():
            for item in self._ledger.items(location):
                states.setdefault(item["id"], {})[job] = item["state"]
        return states

    def _rows(self, names: Sequence[str]) -> dict[str, _Row]:
        jobs, records = self._ledger.rows(names)
        # Skip rows that appear or vanish between the two queries; the next round covers them.
        return {name: _Row(jobs[name], records[name]) for name in jobs if name in records}

    def _content(self, name: str) -> bytes | None:
        response = self._client.get(f"/v1/images/{name}/content")
        return response.content if response.status_code == 200 else None

    def _ask_to_delete(self, name: str) -> int:
        return self._client.delete(f"/v1/images/{name}").status_code

    def _within(self, seconds: float, look: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + seconds
        while not (found := look()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found


def named(prefix: str, files: Sequence[bytes]) -> dict[str, bytes]:
    """Name pictures as files of a folder."""
    return {f"{prefix}/{number}.jpg": data for number, data in enumerate(files)}


def _is_of(row: _Row, upload: Upload) -> bool:
    """Return whether a row matches an upload's job, name and tags."""
    name, tags = row.record.filename, row.record.tags
    return (row.job, name, tuple(tags)) == (upload.job, upload.filename, upload.tags)
