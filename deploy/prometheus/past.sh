#!/bin/sh
# Gives a Prometheus of its first hour a past: records what the rules make of the samples that
# `closeknit backfill --openmetrics` wrote, and puts these blocks into Prometheus's own folder, which
# notices within a minute. It needs prometheus and promtool.
#
#   past.sh PAST DATA [PORT PORT]
#
# PAST is a folder with the samples, past.om, and the rules in levels:
# python -m streams.alerting --past deploy/prometheus/alerts.toml PAST
#
# What workers would have exported is imported into a Prometheus that only the next one reads, so
# that none of it stays: the charts need what is recorded, and the workers' own series are real.
set -eu
past=$1
data=$2
port=${3:-9098}
next=${4:-9099}
work=$data/past.new # beside the blocks: moving one from here is a single step
done=$data/past.done

if [ -e "$done" ]; then
  echo "This Prometheus has its past already."
  exit 0
fi
if ls "$data"/*/meta.json >/dev/null 2>&1; then
  echo "This Prometheus has been at work for hours: another past would overlay its own." >&2
  echo "Nothing was done. For the demo, docker compose --profile demo down --volumes forgets all." >&2
  exit 1
fi

# When the samples begin and end, in seconds: the last words of the first line and of the last.
start=$(sed -n '1{s/.* //;s/\..*//p;q}' "$past/past.om")
end=$(tail -n 2 "$past/past.om" | sed -n '1{s/.* //;s/\..*//p}')
if [ -z "$start" ] || [ -z "$end" ]; then
  echo "There are no samples in $past/past.om. Nothing was done." >&2
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
  blocks rules --start="$start" --end="$end" \
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

blocks openmetrics "$past/past.om" "$work/exported"
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
echo "The past is recorded."
