"""Gives its input and output to a process that ``tests.support.nodes`` forks, and ends with it.

execnet starts this program in place of Python:

    python tests/support/node.py SOCKET [ARGUMENT ...]
"""

import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    socket.send_fds(connection, [b"."], [0, 1, 2])
    # execnet sees that the process has ended when its output is closed.
    os.close(0)
    os.close(1)
    connection.recv(1)
