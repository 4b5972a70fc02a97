"""The models that a stack runs: `auto` is resolved to a name once, before the workers start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cli.errors import PartFailed
from cli.stack.parts import PYTHON
from cli.stack.process import spawn
from cli.stack.report import is_report
from common.contract import QUEUES
from common.errors import BrokerUnavailable
from common.heartbeats import RedisHeartbeats
from common.models.redis import RedisModels
from common.redis.address import RedisAddress
from common.redis.client import connect
from common.redis.setup import require_redis

# The setting, and its value that lets the stack choose.
MODEL, AUTO = "GLIMPSE_MODEL", "auto"

# Seconds the process has to end after SIGTERM.
_STOP_S = 5.0


async def resolve_model(name: str, environ: Mapping[str, str], log: Callable[[str], None]) -> str:
    """Return the name of the model that workers will load, fetching its weights if needed.

    Runs in a process of its own, because the command line loads no model.

    Args:
        name: A model, or ``AUTO``.
        environ: Settings of the workers.
        log: Called with each line that the process logs.

    Raises:
        PartFailed: The model does not exist, or its weights were not found.
    """
    answer: list[str] = []
    errors: list[str] = []

    def log_error(line: str) -> None:
        errors.append(line)
        log(line)

    command = [*PYTHON, "-m", "worker", "choose"]
    process = await spawn(
        command, {**environ, MODEL: name}, Path.cwd(), out=answer.append, err=log_error
    )
    try:
        status = await process.wait()
    finally:
        await process.stop(_STOP_S)
    if status != 0 or not answer:
        reports = [line for line in errors if is_report(line)]
        none = f"Choosing the model failed with status {status}."
        raise PartFailed((reports or errors or [none])[-1])
    return answer[-1].strip()


def active_model(address: RedisAddress) -> str | None:
    """Return the model that serves, or None before any worker has started.

    Raises:
        BrokerMisconfigured: Redis refuses the settings.
        BrokerUnavailable: Redis does not answer.
    """
    require_redis(address)
    with connect(address) as redis:
        return RedisModels(redis).roles().active


async def has_workers(address: RedisAddress, model: str) -> bool:
    """Return whether workers of a model consume every queue."""
    with connect(address) as redis:
        try:
            beats = RedisHeartbeats(redis).alive()
        except BrokerUnavailable:
            return False
    return {beat.queue for beat in beats if beat.model == model} >= set(QUEUES)
