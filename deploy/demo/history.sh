#!/bin/sh
# Gives a Prometheus of its first hour the past that history.py wrote: records what the rules make
# of it, and puts these blocks into Prometheus's own folder, which notices within a minute.
#
#   history.sh PAST DATA [PORT PORT]
#
# What workers would have exported is imported into a Prometheus that only the next one reads, so
# that none of it stays: the charts need what is recorded, and the workers' own series are real.
set -eu
past=$1
data=$2
port=${3:-9098}
next=${4:-9099}
work=$data/history.new # beside the blocks: moving one from here is a single step
done=$data/history.done

if [ -e "$done" ]; then
  echo "This Prometheus has its past already."
  exit 0
fi
if ls "$data"/*/meta.json >/dev/null 2>&1; then
  echo "This Prometheus has been at work for hours: an invented past would overlay the true one." >&2
  echo "Nothing was done. docker compose --profile demo down --volumes forgets everything." >&2
  exit 1
fi

rm -rf "$work"
mkdir -p "$work/exported" "$work/recorded"
pids=
trap 'kill $pids 2>/dev/null || true' EXIT

# serve FOLDER PORT CONFIGURATION
serve() {
  echo "$3" >"$work/$2.yml"
  prometheus --config.file="$work/$2.yml" --storage.tsdb.path="$work/$1" \
    --storage.tsdb.retention.time=10y --web.listen-address="127.0.0.1:$2" \
    --query.lookback-delta=2h --log.level=error &
  pid=$!
  pids="$pids $pid"
  until promtool query instant "http://127.0.0.1:$2" 1 >/dev/null 2>&1; do
    kill -0 "$pid" || exit 1
    sleep 0.2
  done
}

# blocks ARGUMENT...: of up to twenty days, for every block is a reading of the whole file
blocks() {
  promtool tsdb create-blocks-from --quiet --max-block-duration=486h "$@"
}

# record RULES: over all of the past
record() {
  said=$work/$(basename "$1").log
  blocks rules --start="$(cat "$past/start")" --end="$(cat "$past/end")" \
    --url="http://127.0.0.1:$next" --output-dir="$work/next" "$1" >"$said" 2>&1 && return
  cat "$said" >&2
  return 1
}

# move FROM TO: every block there is, and nothing else
move() {
  for block in "$1"/*/meta.json; do
    if [ -e "$block" ]; then mv "${block%/meta.json}" "$2"; fi
  done
}

blocks openmetrics "$past/history.om" "$work/exported"
serve exported "$port" 'global: {}'
level=0
while [ -e "$past/level-$level-0.json" ]; do
  serve recorded "$next" \
    "remote_read: [{url: 'http://127.0.0.1:$port/api/v1/read', read_recent: true}]"
  parts=
  for rules in "$past/level-$level"-*.json; do
    record "$rules" &
    parts="$parts $!"
  done
  for part in $parts; do wait "$part"; done
  kill "$pid"
  wait "$pid" || true
  move "$work/next" "$work/recorded"
  level=$((level + 1))
done
move "$work/recorded" "$data"
rm -rf "$work"
touch "$done"
echo "Ten weeks are recorded."
