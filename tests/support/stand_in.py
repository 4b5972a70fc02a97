"""Takes Python's place where tests start Glimpse's programs: has them forked, and ends as they do.

    python -IS tests/support/stand_in.py FOLDER PYTHON [-P] -m MODULE [ARGUMENT ...]

asks what ``tests.support.prefork`` left in the folder, passes signals on to the forked process, and
takes it along when it is killed. Anything else is run by Python, as if this program were not here.
It imports little, since it is started often; ``tests.support.services.forked`` makes the command.
"""

import json
import os
import signal
import socket
import sys

# What modules are forked from, and packages.
_KINDS = {"worker": "worker", "gunicorn": "api", "cli": "cli"}
_PACKAGES = {"benchmarks": "benchmark"}
_PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def run(path: str, module: str, arguments: list[str]) -> int:
    """Run a module in a forked process; return its exit status, or minus the signal."""
    own = os.getpid()
    request = {
        "module": module,
        "arguments": arguments,
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes long to import
        "environ": dict(os.environ),
        "input": f"/proc/{own}/fd/0",
        "log": f"/proc/{own}/fd/1",
        "errors": f"/proc/{own}/fd/2",
        "netns": None,
    }
    # Until there is a process to pass them on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(f"{json.dumps(request)}\n".encode())
        with connection.makefile("rb", buffering=0) as stream:
            pid = int(stream.readline().split()[1])
            for number in _PASSED_ON:
                signal.signal(number, lambda number, _: os.kill(pid, number))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
            return int(stream.readline().split()[1])


if __name__ == "__main__":
    folder, python, *arguments = sys.argv[1:]
    options = arguments[1:] if arguments[:1] == ["-P"] else arguments
    path = ""
    if options[:1] == ["-m"]:
        package = options[1].partition(".")[0]
        path = f"{folder}/{_KINDS.get(options[1]) or _PACKAGES.get(package, 'unknown')}"
    if not os.path.exists(path):  # noqa: PTH110 - pathlib takes long to import
        os.execv(python, [python, *arguments])
    status = run(path, options[1], options[2:])
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
