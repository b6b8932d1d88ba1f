#!/usr/bin/env bash
# Replaces the nodes of the running compose project, one after the other, by nodes of the
# code and settings as they are now: a new one is started and ready before an old one drains.
set -euo pipefail
cd "$(dirname "$0")/.."

docker compose rm -f node # what has ended or does not get up: it would be counted, or started again
old="$(docker compose ps -q node)"
count="$(wc -w <<<"$old")"
if [ "$count" = 0 ]; then
  echo "no node is running: docker compose up --build --wait starts them" >&2
  exit 1
fi
docker compose build node
for node in $old; do
  before="$(docker compose ps -q node)"
  if ! docker compose up --wait --no-deps --no-recreate --scale node=$((count + 1)) node; then
    for new in $(docker compose ps -aq node); do
      if [[ "$before" != *"$new"* ]]; then
        docker logs --tail 20 "$new" >&2
        docker stop "$new"
        docker rm "$new"
      fi
    done
    echo "a new node did not get ready; it is gone again, and its last lines are above" >&2
    exit 1
  fi
  docker stop "$node"
  code="$(docker inspect -f '{{.State.ExitCode}}' "$node")"
  if [ "$code" != 0 ]; then
    echo "a node ended with $code; docker logs $node says why, until the next roll" >&2
    exit 1
  fi
  docker rm "$node"
done
