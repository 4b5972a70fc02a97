"""Exit statuses of the commands; `glimpse --help` lists them."""

# Some pictures failed, nothing was found, or the stack could not run.
INCOMPLETE = 1
# The command or a setting is wrong; click's own status for it.
USAGE = 2
# The server cannot be reached, or refused.
UNREACHABLE = 3
# The shell's status for what Ctrl-C ended: 128 and the signal's number.
INTERRUPTED = 130
