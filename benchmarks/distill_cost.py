#!/usr/bin/env python3
"""What distilling costs by model: calls, tokens and dollars for a session, as Markdown tables.

    distill_cost.py REENACT DATA MODEL...

DATA holds dev/*.jsonl. The requests are the real ones, as `distill --estimate` counts them: four letters are taken for a token, an
answer for 900. Nothing is asked of a model, and no key is needed.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def told(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")
    return json.loads(done.stdout)


def estimated(reenact, store, model):
    return told(reenact, "--store", store, "--json", "distill", "--model", model, "--estimate", "-o", "none.yaml")["expected"]


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    reenact, data, models = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]), sys.argv[3:]
    print("| corpus | sessions | calls / session | tokens read / session | " + " | ".join(f"`{m}`" for m in models) + " |")
    print("|---" * (4 + len(models)) + "|")
    for corpus in sorted((data / "dev").glob("*.jsonl")):
        with tempfile.TemporaryDirectory() as folder:
            store = f"{folder}/store.db"
            told(reenact, "--store", store, "--json", "import", str(corpus))
            amounts = [estimated(reenact, store, model) for model in models]
            sessions = sum(1 for _ in corpus.open())
        calls, tokens = amounts[0]["calls"], amounts[0]["input_tokens"]
        costs = [f"${float(amount['usd']) / sessions:.5f}" for amount in amounts]
        print(f"| {corpus.stem} | {sessions} | {calls / sessions:.2f} | {tokens / sessions:,.0f} | {' | '.join(costs)} |")


if __name__ == "__main__":
    main()
