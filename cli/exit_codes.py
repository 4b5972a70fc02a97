"""Exit statuses of the commands, listed in `glimpse --help`."""

# Some pictures failed, nothing was found, or the stack failed.
INCOMPLETE = 1
# The command or a setting is invalid; click uses the same status.
USAGE = 2
# The server is unreachable or refused the request.
UNREACHABLE = 3
# The shell's convention for Ctrl-C: 128 plus the signal's number.
INTERRUPTED = 130
