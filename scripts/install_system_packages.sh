#!/usr/bin/env bash
# Installs the Debian packages that the tests need, if permitted. Without them, tests that need them
# are skipped on a laptop and fail in CI.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v nginx >/dev/null || missing+=(nginx)
# It brings promtool, which checks metrics and tests the rules of alerts.
command -v prometheus >/dev/null || missing+=(prometheus)
# The browser for tests and screenshots of the web page. Without windows, it takes half the CPU time
# of the whole one, which does where it is installed already.
command -v chromium-headless-shell chromium chromium-browser >/dev/null \
  || missing+=(chromium-headless-shell)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "Not installed: ${missing[*]}. Tests that need them are skipped." >&2
  exit 0
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  # Install only if sudo needs no password, because a prompt would block the script.
  sudo -n true 2>/dev/null || { echo "To run all tests: sudo apt-get install ${missing[*]}" >&2; exit 0; }
  as_root=(sudo -n)
fi
"${as_root[@]}" apt-get update -qq
# Some distributions package only the whole browser.
apt-cache show chromium-headless-shell >/dev/null 2>&1 \
  || missing=("${missing[@]/chromium-headless-shell/chromium}")
# Run level 1 prevents packages from starting their services.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
