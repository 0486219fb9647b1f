#!/usr/bin/env bash
# Speed and memory, as Markdown tables: importing, the store, offline distillation, and the start of the command.
#
#   speed.sh DATA
#
# DATA holds traces/*.jsonl (the same sessions in several formats) and dev/*.jsonl. Each benchmark runs ROUNDS times
# (3 where the environment does not say), and the medians count. On a machine that does other work as well, the
# ratios between figures of one run say more than the figures.
set -euo pipefail

if [[ $# -ne 1 || ! -d ${1:-}/dev || ! -d ${1:-}/traces ]]; then
    echo "usage: speed.sh DATA   (DATA is a folder with dev/*.jsonl and traces/*.jsonl)" >&2
    exit 2
fi
data=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rounds=${ROUNDS:-3}
starts=20
store_sessions=20000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$here/.."
cargo build --quiet --release --locked --workspace
cargo bench --quiet --locked --package reenact --no-run

bench() {
    local name=$1
    shift
    for ((round = 0; round < rounds; round++)); do
        cargo bench --quiet --locked --package reenact --bench "$name" -- "$@"
    done
}

# The seconds that a command takes, one line a start.
start_times() {
    local begun ended
    for ((start = 0; start < starts; start++)); do
        begun=${EPOCHREALTIME/[.,]/}
        "$@" >/dev/null 2>&1
        ended=${EPOCHREALTIME/[.,]/}
        echo "$((ended - begun))"
    done
}

start_time() {
    local microseconds
    microseconds=$(start_times "$@" | sort -n | sed -n "$((starts / 2))p")
    printf '%d.%d ms' "$((microseconds / 1000))" "$((microseconds % 1000 / 100))"
}

printf '\nImport\n\n'
bench import "$data/traces" "$data/dev/multiwoz.jsonl" "$data/dev/tau_airline.jsonl" | python3 "$here/medians.py" \
    file MB 'parse MB/s' 'store MB/s' 'sessions/s' 'peak MB' 'peak MB of 1/20'

printf '\nStore, %s sessions\n\n```text\n' "$store_sessions"
cargo bench --quiet --locked --package reenact --bench store -- "$store_sessions"
printf '```\n'

printf '\nOffline distillation\n\n'
bench distill "$data"/dev/*.jsonl | python3 "$here/medians.py" \
    corpus sessions 'user words' 'sessions/s' 'words/s'

reenact=$PWD/target/release/reenact
"$reenact" --store "$work/store.db" import "$data/dev/camrest.jsonl" >/dev/null
# The backquotes are Markdown.
# shellcheck disable=SC2016
{
    printf '\nStart of the command (median of %s)\n\n| command | time |\n|---|---|\n' "$starts"
    printf '| `true`, for comparison | %s |\n' "$(start_time "$(type -P true)")"
    printf '| `reenact --version` | %s |\n' "$(start_time "$reenact" --version)"
    printf '| `reenact sessions`, of %s | %s |\n' "$(wc -l <"$data/dev/camrest.jsonl")" \
        "$(start_time "$reenact" --store "$work/store.db" sessions)"
}
