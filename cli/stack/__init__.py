"""The whole stack on one machine: what `glimpse up` starts, watches and stops."""
