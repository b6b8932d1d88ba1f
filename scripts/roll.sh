#!/usr/bin/env bash
# Replaces the nodes of the running compose project, one after the other, by nodes of the
# code and settings as they are now: a new one is started and ready before an old one drains.
set -euo pipefail
cd "$(dirname "$0")/.."

old="$(docker compose ps -q node)"
count="$(wc -w <<<"$old")"
if [ "$count" = 0 ]; then
  echo "no node is running: docker compose up --build --wait starts them" >&2
  exit 1
fi
docker compose build node
for node in $old; do
  docker compose up --wait --no-deps --no-recreate --scale node=$((count + 1)) node
  docker stop "$node"
  code="$(docker inspect -f '{{.State.ExitCode}}' "$node")"
  if [ "$code" != 0 ]; then
    echo "a node ended with $code, and was left as it is: docker logs $node" >&2
    exit 1
  fi
  docker rm "$node"
done
