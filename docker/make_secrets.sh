#!/bin/sh
# Creates the secrets of docker-compose.yml in a folder, unless they exist: a password for Redis,
# and an empty file for the key with which Prometheus reads /metrics.
set -eu
folder=${1:-secrets}
umask 077
mkdir -p "$folder"
if [ -s "$folder/redis_url" ]; then
  exit 0
fi
password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
printf 'requirepass %s\n' "$password" > "$folder/redis.conf"
: > "$folder/metrics_key"
printf 'redis://:%s@redis:6379/0\n' "$password" > "$folder/redis_url"
# Compose mounts the files as they are, and each container reads them as a user of its own. The
# folder keeps the other users of this machine out.
chmod 444 "$folder/redis.conf" "$folder/redis_url" "$folder/metrics_key"
