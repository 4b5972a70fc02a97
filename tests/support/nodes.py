"""Forks the processes of pytest-xdist from one that has imported all tests.

    python -m tests.support.nodes SOCKET PID FOLDER [ARGUMENT ...]

returns at once, while a new process collects the tests of pytest's arguments in a folder. Then, for
each connection to the socket, which sends its input and output (``tests/support/node.py``), it
forks. It ends with the process PID.
"""

from __future__ import annotations

import atexit
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from execnet import XSpec

from tests.support.prefork import listen, next_connection

_NODE = Path(__file__).parent / "node.py"


def fork_nodes(config: pytest.Config, specs: Sequence[XSpec], path: Path) -> None:
    """Let execnet fork the processes of a run, which it has not started yet.

    Importing the tests takes most of collecting them, so that it happens once, and not in each
    process.

    Args:
        config: The controller's configuration.
        specs: The processes.
        path: A socket to create.
    """
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.nodes"),
            *(path, str(os.getpid()), config.invocation_params.dir),
            *config.invocation_params.args,
        ],
        cwd=config.rootpath,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    for spec in specs:
        spec.python = shlex.join([sys.executable, "-S", str(_NODE), str(path)])


def become(connection: socket.socket) -> None:
    """Do what execnet asks for, with the input and output that come over a connection."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["-c"]
    exec(eval(sys.stdin.readline()), {"__name__": "__main__"})


if __name__ == "__main__":
    path, owner, folder, *arguments = sys.argv[1:]
    listener = listen(path)
    os.chdir(folder)
    # Errors are reported by the processes, which collect again. Some modules keep `sys.stderr` when
    # they are imported; a captured one would be closed.
    pytest.main([*arguments, "--numprocesses=0", "--collect-only", "-qq", "--capture=no"])
    if connection := next_connection(listener, os.pidfd_open(int(owner))):
        # The other side waits for its end.
        with connection:
            become(connection)
    atexit._run_exitfuncs()
    # Python would take seconds to look for garbage among all that is imported.
    os._exit(0)
