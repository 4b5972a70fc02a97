#!/usr/bin/env bash
# Installs the Debian packages that the tests use beside the Python ones, where it may.
# What stays absent is skipped by the tests on a laptop and fails them in CI.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
# The browser in which the page is tested and its pictures are taken; other systems call it so too.
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "Not installed: ${missing[*]}; the tests that need them are skipped." >&2
  exit 0
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  # A password prompt would hang a script: without rights nothing is installed.
  sudo -n true 2>/dev/null || { echo "Install for all tests: sudo apt-get install ${missing[*]}" >&2; exit 0; }
  as_root=(sudo -n)
fi
"${as_root[@]}" apt-get update -qq
# Run level 1 keeps a package from starting a server of its own.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
