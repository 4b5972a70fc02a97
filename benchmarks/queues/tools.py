"""The tools that are compared, at settings that an expert would choose for one copy of a model."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import environment

_APPS = "benchmarks.queues.apps"
# Threads of a worker: decoding releases Python's lock, and a model exists once per process.
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Tool:
    """A queue with its worker.

    Attributes:
        name: Its name, also of its file of requirements.
        app: Module of its app, which is also the program that sends the tasks.
        worker: Module and arguments of its worker's program.
        ready: What the worker logs once it consumes.
        lacks: What it leaves to its user that Glimpse does.
    """

    name: str
    app: str
    worker: tuple[str, ...]
    ready: str
    lacks: str

    @property
    def requirements(self) -> Path:
        """The file of its packages."""
        return Path(__file__).parent / "requirements" / f"{self.name}.txt"

    def python(self) -> str:
        """Return the Python of its environment; create that at first use.

        Raises:
            EnvironmentNotMade: A package could not be installed.
        """
        return str(environment(self.name, self.requirements))


class OwnPackages(Tool):
    """A tool whose packages the project has itself."""

    def python(self) -> str:
        """Return the project's Python."""
        return sys.executable


@dataclass(frozen=True, slots=True)
class Setup:
    """A tool at the settings of one row.

    Attributes:
        tool: The tool.
        per_task: Pictures per task.
        variables: Settings of its app.
        note: The settings, for the name of the row.
    """

    tool: Tool
    per_task: int = 1
    variables: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def name(self) -> str:
        """Name of its row."""
        size = "a picture per task" if self.per_task == 1 else f"{self.per_task} per task"
        return ", ".join(part for part in (self.tool.name, size, self.note) if part)


_CELERY_WORKER = (
    "worker",
    "--pool=threads",
    f"--concurrency={_THREADS}",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
    "--loglevel=INFO",
)
_STORES_NOTHING = "the bytes are its user's to store, and jobs, progress and duplicates to track"

CELERY = Tool(
    "celery",
    f"{_APPS}.bare_celery",
    ("celery", "-A", f"{_APPS}.bare_celery", *_CELERY_WORKER),
    " ready.",
    f"a fixed lease: what takes longer runs twice; {_STORES_NOTHING}",
)
BATCHES = Tool(
    "celery-batches",
    f"{_APPS}.batches",
    ("celery", "-A", f"{_APPS}.batches", *_CELERY_WORKER),
    " ready.",
    f"a bad picture fails its batch, whose tasks then stay pending; Celery below 5.7; "
    f"{_STORES_NOTHING}",
)
DRAMATIQ = Tool(
    "dramatiq",
    f"{_APPS}.actors",
    ("dramatiq", f"{_APPS}.actors", "--processes", "1", "--threads", str(_THREADS)),
    "Worker process is ready for action",
    f"no batches of several tasks; {_STORES_NOTHING}",
)
TASKIQ = Tool(
    "taskiq",
    f"{_APPS}.streams",
    (
        *("taskiq", "worker", f"{_APPS}.streams:broker", "--workers", "1"),
        *("--max-threadpool-threads", str(_THREADS), "--max-async-tasks", str(_THREADS)),
        *("--max-prefetch", str(_THREADS), "--ack-type", "when_saved"),
    ),
    "Listening started",
    "a fixed lease, and a dead worker's tasks come back only once a new task arrives; its stream "
    f"keeps what is done; {_STORES_NOTHING}",
)

# Pictures per task where one task may have several, as in Glimpse.
_CHUNK = 32
SETUPS = (
    *(Setup(tool, size) for tool in (CELERY, DRAMATIQ, TASKIQ) for size in (1, _CHUNK)),
    *(
        Setup(BATCHES, 1, {"QUEUES_BATCH": str(size)}, f"batches of {size}")
        for size in (_CHUNK, 2 * _CHUNK)
    ),
)
# Runs in the project's own environment.
QUICK_SETUPS = (
    Setup(OwnPackages(CELERY.name, CELERY.app, CELERY.worker, CELERY.ready, CELERY.lacks), 2),
)
