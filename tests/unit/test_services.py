"""The ports and service processes that the tests use."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.services import Service, ServiceNotStarted, free_port


class Script(Service):
    """A service that runs a Python script; it answers once the script has made a file."""

    name = "script"
    start_s = 20.0
    stop_s = 0.5
    code = "open('ready', 'w').close(); import time; time.sleep(60)"

    def command(self) -> list[str]:
        return [sys.executable, "-c", self.code]

    def answers(self) -> bool:
        return (self.folder / "ready").exists()


class Failing(Script):
    """Prints an error and exits."""

    code = "print('no such thing'); raise SystemExit(3)"


class Stubborn(Script):
    """Ignores SIGTERM."""

    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + Script.code


def test_no_port_is_given_twice() -> None:
    with ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(lambda _: free_port(), range(200)))
    assert len(set(ports)) == 200


def test_the_process_in_place_of_a_crashed_one_finds_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    assert free_port()


def test_a_service_that_ends_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServiceNotStarted, match="no such thing"):
        Failing(tmp_path).start()


def test_a_service_is_gone_when_it_was_stopped(tmp_path: Path) -> None:
    service = Script(tmp_path)
    with service:
        assert service.running
    assert not service.running
    service.stop()
    service.kill()


def test_a_service_that_does_not_end_is_killed(tmp_path: Path) -> None:
    service = Stubborn(tmp_path).start()
    service.stop()
    assert not service.running


def test_a_service_starts_again(tmp_path: Path) -> None:
    service = Script(tmp_path).start()
    first = service.pid
    service.kill()
    assert not service.running
    with service:
        assert service.pid != first
