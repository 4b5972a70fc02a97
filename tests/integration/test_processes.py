"""The stack's processes: start order, crashes, final output, and no leftover processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
from pathlib import Path

import psutil
import pytest

from cli.errors import PartFailed
from cli.stack.folder import hold
from cli.stack.log import Log
from cli.stack.part import Part
from cli.stack.parts import Stack
from cli.stack.processes import Processes
from cli.stack.run import Run
from common.exit_codes import MISCONFIGURED, WEIGHTS_UNAVAILABLE
from tests.support.polling import wait_for

ENVIRON = {"PATH": os.environ["PATH"], "SHARED": "shared"}

# Prints a line when it is up, and another one shortly after SIGTERM.
POLITE = (
    "trap 'sleep 0.3; echo {name} ends; exit 0' TERM; echo {name} up; while :; do sleep 0.05; done"
)


def shell(name: str, script: str, tier: int = 0, stop_s: float = 5.0) -> Part:
    argv = ["sh", "-c", script.format(name=name)]
    return Part(name, argv, env={"OWN": name}, cwd=Path.cwd(), tier=tier, stop_s=stop_s)


class Stage:
    """Parts run by the real ``Processes``, and the lines they print."""

    def __init__(self, *parts: Part) -> None:
        self.parts = parts
        self.lines: list[str] = []
        self.pids: dict[str, list[int]] = {}
        self.log = Log([part.name for part in parts], self._take)
        self.processes = Processes(self.log, self._spawned)

    async def __aenter__(self) -> Stage:
        for part in self.parts:
            await self.processes.start(part, ENVIRON)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.processes.close()
        assert not [pid for pids in self.pids.values() for pid in pids if psutil.pid_exists(pid)]

    async def until(self, line: str, times: int = 1) -> None:
        """Supervise the parts until the line appears ``times`` times; pytest's timeout applies."""
        while self.lines.count(line) < times:
            await self.processes.look()
            await asyncio.sleep(0.02)

    def _take(self, line: str) -> None:
        self.lines.append(" ".join(line.split("|", 1)[1].replace("\x1b[0m", "").split()))

    def _spawned(self, name: str, pid: int) -> None:
        self.pids.setdefault(name, []).append(pid)


def wait_for_the_end(killed: psutil.Process) -> None:
    """Wait until a process that was killed has ended: SIGKILL takes effect with a delay."""

    def has_ended() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            # Whether zombies are collected depends on the machine.
            return bool(killed.status() == psutil.STATUS_ZOMBIE)
        return True

    wait_for(has_ended, 10, "the end of what was killed")


def test_parts_get_their_variables_and_their_output_is_shown() -> None:
    async def scene() -> list[str]:
        async with Stage(shell("a", "echo $SHARED $OWN; echo bad >&2; exec sleep 60")) as stage:
            await stage.until("shared a")
            await stage.until("bad")
            return stage.lines

    assert sorted(asyncio.run(scene())) == ["bad", "shared a"]


def test_tiers_end_from_the_top_each_before_the_next() -> None:
    async def scene() -> list[str]:
        parts = [shell(name, POLITE, tier) for name, tier in (("a", 0), ("b", 1), ("c", 2))]
        async with Stage(*parts) as stage:
            for part in parts:
                await stage.until(f"{part.name} up")
        return stage.lines

    assert asyncio.run(scene())[3:] == ["c ends", "b ends", "a ends"]


def test_a_part_that_does_not_end_is_killed_with_its_children() -> None:
    async def scene() -> psutil.Process:
        stubborn = "trap '' TERM; sleep 61 & echo $!; while :; do sleep 1; done"
        async with Stage(shell("a", stubborn, stop_s=0.3)) as stage:
            while not stage.lines:
                await asyncio.sleep(0.02)
            child = psutil.Process(int(stage.lines[0]))
            assert child.is_running()
        return child

    wait_for_the_end(asyncio.run(scene()))


def test_what_a_killed_part_started_is_killed_with_it() -> None:
    async def scene() -> psutil.Process:
        async with Stage(shell("a", "sleep 61 & echo $!; wait")) as stage:
            while not stage.lines:
                await asyncio.sleep(0.02)
            child = psutil.Process(int(stage.lines[0]))
            stage.processes.respawn()
            os.kill(stage.pids["a"][0], signal.SIGKILL)
            await stage.until("was killed by signal 9; restarting")
        return child

    wait_for_the_end(asyncio.run(scene()))


def test_a_pipe_that_a_daemon_keeps_open_does_not_hold_up_the_end() -> None:
    async def scene() -> int:
        async with Stage(shell("a", "setsid sleep 61 & echo $!; exit 1")) as stage:
            with pytest.raises(PartFailed, match="a exited with status 1"):
                await stage.until("never said")
        return int(stage.lines[0])

    os.kill(asyncio.run(scene()), signal.SIGKILL)


@pytest.mark.parametrize("steps", range(12))
def test_a_start_that_is_cancelled_leaves_no_process(steps: int) -> None:
    part = shell("a", POLITE)

    async def scene() -> None:
        processes = Processes(Log([part.name], lambda _: None), lambda *_: None)
        start = asyncio.create_task(processes.start(part, ENVIRON))
        for _ in range(steps):
            await asyncio.sleep(0)
        start.cancel()
        await asyncio.wait([start])
        await processes.close()

    before = psutil.Process().children()
    asyncio.run(scene())
    assert psutil.Process().children() == before


def test_a_part_that_ends_before_all_is_ready_ends_the_start_and_says_why() -> None:
    async def scene() -> None:
        refuses = "echo 'weights_unavailable: nowhere' >&2; exit 3"
        async with Stage(shell("a", "exec sleep 60"), shell("b", refuses)) as stage:
            await stage.until("never said")

    with pytest.raises(
        PartFailed, match=r"(?s)b exited with status 3.*weights_unavailable: nowhere"
    ):
        asyncio.run(scene())


def test_a_part_that_dies_later_is_started_again() -> None:
    async def scene() -> list[int]:
        async with Stage(shell("a", POLITE)) as stage:
            await stage.until("a up")
            stage.processes.respawn()
            os.kill(stage.pids["a"][0], signal.SIGKILL)
            await stage.until("a up", times=2)
            assert "was killed by signal 9; restarting" in stage.lines
        return stage.pids["a"]

    first, second = asyncio.run(scene())
    assert first != second


def test_a_part_that_keeps_dying_ends_the_stack_and_its_last_words_are_heard() -> None:
    async def scene() -> None:
        async with Stage(shell("a", "echo up; sleep 0.1; echo the disk is full; exit 7")) as stage:
            await stage.until("up")
            stage.processes.respawn()
            try:
                await stage.until("never said")
            finally:
                assert len(stage.pids["a"]) in (5, 6)

    with pytest.raises(PartFailed, match=r"(?s)a exited with status 7, 5 times.*the disk is full"):
        asyncio.run(scene())


@pytest.mark.parametrize("status", [MISCONFIGURED, WEIGHTS_UNAVAILABLE])
def test_a_part_that_no_restart_helps_ends_the_stack_at_once(status: int) -> None:
    async def scene() -> None:
        script = f"echo up; sleep 0.1; echo weights not found; exit {status}"
        async with Stage(shell("a", script)) as stage:
            await stage.until("up")
            stage.processes.respawn()
            try:
                await stage.until("never said")
            finally:
                assert len(stage.pids["a"]) == 1

    with pytest.raises(PartFailed, match=r"(?s)a restart would not help.*weights not found"):
        asyncio.run(scene())


def test_much_output_at_the_end_is_read_whole() -> None:
    async def scene() -> list[str]:
        async with Stage(shell("a", "seq 5000; exit 1")) as stage:
            with pytest.raises(PartFailed):
                await stage.until("never said")
        return stage.lines

    assert asyncio.run(scene()) == [str(number) for number in range(1, 5001)]


def test_output_of_any_form_is_shown() -> None:
    async def scene() -> list[str]:
        odd = r"printf '\377\n'; head -c 200000 /dev/zero | tr '\0' x; printf '\n\nno end'; exit 1"
        async with Stage(shell("a", odd)) as stage:
            with pytest.raises(PartFailed, match="no end"):
                await stage.until("never said")
        return stage.lines

    first, *long, empty, last = asyncio.run(scene())
    assert (first, "".join(long), empty, last) == (
        "\N{REPLACEMENT CHARACTER}",
        "x" * 200_000,
        "",
        "no end",
    )


def test_a_program_that_is_not_there_is_named() -> None:
    async def scene() -> None:
        part = Part("a", ["/nowhere/program"], {}, Path.cwd(), tier=0, stop_s=1.0)
        async with Stage(part) as stage:
            await stage.until("never said")

    with pytest.raises(PartFailed, match="/nowhere/program"):
        asyncio.run(scene())


def test_ctrl_c_does_not_cut_short_the_stop_after_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = tmp_path / "ready"

    async def answers() -> bool:
        return ready.exists()

    async def never() -> bool:
        return False

    # The part itself sends SIGINT when it receives SIGTERM.
    script = f"trap 'kill -INT $PPID; sleep 0.3; echo a ends; exit 0' TERM; touch {ready}; "
    first = dataclasses.replace(
        shell("a", script + "while :; do sleep 0.05; done"), answers=answers
    )
    second = dataclasses.replace(shell("b", "exit 1"), answers=never)
    environ = {**os.environ, "GLIMPSE_MODEL": "hashing"}
    stack = Stack([first, second], [], environ)
    with hold(tmp_path) as folder, pytest.raises(PartFailed, match="b exited with status 1"):
        asyncio.run(Run(stack, folder, "http://127.0.0.1:9", "127.0.0.1").until_stopped())
    output = capsys.readouterr().out
    assert output.index("already stopping") < output.index("a ends")


def test_ctrl_c_counts_where_a_library_suppresses_the_cancellation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = tmp_path / "ready"

    async def answers() -> bool:
        if not ready.exists():
            return False
        os.kill(os.getpid(), signal.SIGINT)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        return False

    script = POLITE.replace("echo {name} up", f"touch {ready}")
    part = dataclasses.replace(shell("a", script), answers=answers)
    stack = Stack([part], [], {**os.environ, "GLIMPSE_MODEL": "hashing"})
    with hold(tmp_path) as folder:
        asyncio.run(Run(stack, folder, "http://127.0.0.1:9", "127.0.0.1").until_stopped())
    output = capsys.readouterr().out
    assert "already stopping" not in output
    assert output.index("a ends") < output.index("stopped")


def test_a_redis_elsewhere_that_does_not_answer_is_named_and_not_awaited_for_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.stack.run._ELSEWHERE_S", 0.5)
    monkeypatch.setattr("cli.stack.awaited._SAY_S", 0.1)
    url = "redis://127.0.0.1:1/0"
    stack = Stack([], [], {**os.environ, "GLIMPSE_MODEL": "auto", "GLIMPSE_REDIS_URL": url})
    refusal = rf"Redis did not answer within 0\.5 s\. Redis at {url} does not answer: .* Check that"
    with hold(tmp_path) as folder, pytest.raises(PartFailed, match=refusal):
        asyncio.run(Run(stack, folder, "http://127.0.0.1:9", "127.0.0.1").until_stopped())
    assert capsys.readouterr().out.count(f"waiting: Redis at {url} does not answer") == 1
