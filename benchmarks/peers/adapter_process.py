"""An adapter as a process: commands, progress, and the signal that kills it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.peers.peer import Setting
from benchmarks.process_usage import Session

_ROOT = Path(__file__).parent.parent.parent
# Seconds for one command.
_COMMAND_S = 900.0
# Characters of the adapter's output in an error.
_LOG_CHARACTERS = 1500


class PeerFailed(RuntimeError):
    """A peer failed at a request; the message has its error."""


class AdapterProcess:
    """A peer in a process of its own, which is killed at the end of the block.

    Args:
        python: The Python of the peer's environment.
        module: The adapter, a module that runs ``served.serve``.
        log: Receives all that the peer prints.
    """

    def __init__(self, python: Path, module: str, log: Path) -> None:
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [python, "-m", module],
                cwd=_ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(_ROOT),
                    # Nothing is asked of a model hub, and no usage is reported.
                    "HF_HUB_OFFLINE": "1",
                    "DO_NOT_TRACK": "1",
                    "INFINITY_ANONYMOUS_USAGE_STATS": "0",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def open(self, checkpoints: Path, store: Path, milvus: str, setting: Setting) -> None:
        """Load the model, and open the store, which may have pictures from earlier."""
        self._do(
            "open",
            checkpoints=str(checkpoints),
            store=str(store),
            milvus=milvus,
            batch=setting.batch,
            precision=setting.precision,
        )

    def ingest(self, folder: Path, beside: Sequence[str] = ()) -> dict[str, Any]:
        """Ingest a folder, and search for the texts until that has ended.

        Returns:
            The seconds, the number of embedded pictures, and the milliseconds of each search.
        """
        return self._do("ingest", folder=str(folder), beside=list(beside))

    def kill_while_ingesting(self, folder: Path, at: int) -> int:
        """Begin to ingest a folder, and kill the process after that many pictures.

        Returns:
            The number of pictures that had been embedded.

        Raises:
            PeerFailed: The ingest ended too early.
        """
        self._send("ingest", folder=str(folder))
        with self._deadline("ingest"):
            for reply in self._replies():
                if reply.get("embedded", 0) >= at:
                    self.kill()
                    return int(reply["embedded"])
                if "done" in reply:
                    break
        raise PeerFailed(f"The ingest ended before {at} pictures were embedded.")

    def search(self, texts: Sequence[str]) -> list[float]:
        """Return the milliseconds of a search for each text."""
        found: list[float] = self._do("search", texts=list(texts))["ms"]
        return found

    def searchable(self) -> int:
        """Return the number of pictures that searches find."""
        return int(self._do("searchable")["searchable"])

    def peak_mib(self) -> float:
        """Return the peak memory of the process and its children."""
        return Session(self._process.pid).peak_rss_mib()

    def kill(self) -> None:
        """Kill it, with every process in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()

    def _do(self, name: str, **given: Any) -> dict[str, Any]:
        self._send(name, **given)
        with self._deadline(name):
            for reply in self._replies():
                if "done" in reply:
                    done: dict[str, Any] = reply["done"]
                    return done
        raise PeerFailed(f"It exited during {name}:\n{self._tail()}")

    def _send(self, name: str, **given: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": name, **given}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as closed:
            raise PeerFailed(f"It exited before {name}:\n{self._tail()}") from closed

    def _replies(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            reply: dict[str, Any] = json.loads(line)
            if "error" in reply:
                raise PeerFailed(reply["error"])
            yield reply

    @contextmanager
    def _deadline(self, name: str) -> Iterator[None]:
        """Kill the process if the block takes too long, so that its output ends."""
        timer = threading.Timer(_COMMAND_S, self.kill)
        timer.name = f"deadline of {name}"
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-_LOG_CHARACTERS:]
