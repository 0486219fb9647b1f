#!/usr/bin/env bash
# Quality of the offline engine on recorded conversations with known goals, as Markdown tables.
#
#   score.sh DATA [CORPUS...]
#
# DATA holds dev/CORPUS.jsonl, the scorers score_distill.py and score_sim.py, and baselines-dev.md.
# Each corpus is imported, distilled and played by the `reenact` command, as a user would do it.
set -euo pipefail

if [[ $# -lt 1 || ! -d ${1:-}/dev ]]; then
    echo "usage: score.sh DATA [CORPUS...]   (DATA is a folder with dev/*.jsonl and the scorers)" >&2
    exit 2
fi
data=$(cd "$1" && pwd)
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The scorers' folder may be read-only.
export PYTHONDONTWRITEBYTECODE=1

cargo build --quiet --release --locked --manifest-path "$here/../Cargo.toml" --package reenact-cli
reenact=$here/../target/release/reenact
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs the command, keeps what it prints and its exit status under a name.
keep() {
    local name=$1 status=0
    shift
    "$reenact" --store "$out/store.db" --json "$@" >"$out/$name.json" 2>"$out/$name.err" || status=$?
    if [[ $status -ne 0 && $status -ne 1 && $status -ne 3 ]]; then
        sed "s/^/$corpus, $name: /" "$out/$name.err" >&2
    fi
    statuses+="${statuses:+, }\"$name\": $status"
}

score_corpus() {
    corpus=$1 truth=$data/dev/$1.jsonl out=$work/$1 statuses=
    mkdir "$out"
    keep import import "$truth"
    keep distill distill -o "$out/suite.jsonl"
    if [[ -e $out/suite.jsonl ]]; then
        keep run run "$out/suite.jsonl" --agent recorded
        python3 "$here/rows.py" rotated "$out/suite.jsonl" >"$out/rotated.jsonl"
        keep floor run "$out/rotated.jsonl" --agent recorded
        score
    fi
    echo "{$statuses}" >"$out/statuses.json"
    python3 "$here/accounts.py" "$truth" "$out" >"$out/accounts.json"
    echo "$corpus is scored" >&2
}

score() {
    local suite=$out/suite.jsonl
    python3 "$here/rows.py" cases "$suite" >"$out/goal.rows"
    python3 "$here/rows.py" knowledge "$suite" >"$out/knowledge.rows"
    python3 "$here/rows.py" trials "$suite" "$out/run.json" >"$out/simulation.rows"
    python3 "$here/rows.py" trials "$suite" "$out/floor.json" >"$out/floor.rows"
    python3 "$here/closeness.py" "$truth" "$suite" "$out/run.json" >"$out/simulation.close"
    python3 "$here/closeness.py" "$truth" "$suite" "$out/run.json" --shuffled >"$out/floor.close"
    for rows in goal knowledge; do
        python3 "$data/score_distill.py" --truth "$truth" --distilled "$out/$rows.rows" --json "$out/$rows.score" >/dev/null
    done
    for rows in simulation floor; do
        python3 "$data/score_sim.py" --truth "$truth" --simulated "$out/$rows.rows" --json "$out/$rows.score" >/dev/null
    done
}

if [[ $# -eq 0 ]]; then
    mapfile -t corpora < <(cd "$data/dev" && printf '%s\n' *.jsonl | sed 's/\.jsonl$//')
else
    corpora=("$@")
fi
for corpus in "${corpora[@]}"; do
    score_corpus "$corpus"
done
python3 "$here/tables.py" "$work" "$data"
