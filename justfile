# The commands that a contributor needs; `just` lists them.

default:
    @just --list

# The form of the code and the tests, as CI runs them
ci:
    bash .ci/run

# The tests
test:
    bash .ci/test

# The story that the project exists for
demo:
    cargo run --release --package reenact-cli -- demo

# The crate documentation, without warnings
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The Python package: built as a wheel, installed apart, checked and tested
python:
    bash .ci/python

# The reference of the Python package, without warnings, from the environment that `just python` made
python-doc:
    target/python-venv/bin/python -W error -m pdoc --output-directory target/python-reference reenact reenact.words reenact.participants reenact.frames reenact.errors reenact.testing reenact.pytest_plugin

# Licences, sources and advisories of all dependencies
deny:
    cargo deny check

# Accept what the casebook, the snapshots, the schemas and the README now say, to be reviewed in the difference
accept:
    UPDATE_CASEBOOK=1 UPDATE_SCHEMA=1 UPDATE_README=1 INSTA_UPDATE=always cargo test --workspace
    python3 python/tools/write_words.py

# Speed of importing, distilling and starting, on a folder with the corpora of docs/benchmarks.md
bench DATA:
    bash benchmarks/speed.sh {{DATA}}

# What distilling costs by model, on a folder with the corpora of docs/benchmarks.md
distill-cost DATA:
    cargo build --release --package reenact-cli
    python3 benchmarks/distill_cost.py target/release/reenact {{DATA}} openai:/gpt-5 openai:/gpt-5-mini anthropic:/claude-sonnet-4-5 anthropic:/claude-haiku-4-5 gemini:/gemini-2.5-flash mistral:/mistral-small-latest

# What a run costs under load, beside the smallest program that makes the same calls
load *CONVERSATIONS:
    python3 benchmarks/load.py {{CONVERSATIONS}}

# What a turn costs that a Python function answers, beside the same run without Python; takes a release wheel
python-load *CONVERSATIONS:
    bash benchmarks/python.sh {{CONVERSATIONS}}

# How many spans a second the receiver takes on one core, and in how much memory
receive *SPANS:
    cargo build --release --package reenact-cli
    python3 benchmarks/receive.py target/release/reenact {{SPANS}}

# MLflow's simulator on the same conversations, in a virtual environment of its own
load-peer *CONVERSATIONS:
    bash benchmarks/peer.sh {{CONVERSATIONS}}

# What the pages take on a store of so many sessions, 100,000 unless told otherwise
pages *SESSIONS:
    cargo build --release --package reenact-cli
    python3 benchmarks/pages.py target/release/reenact {{SESSIONS}}

# Quality of the offline engine by the scorers that lie beside the corpora
score DATA:
    bash benchmarks/score.sh {{DATA}}

# What the statistics claim, simulated
statistics:
    cargo bench --package reenact --bench statistics

# The casebook's sessions as requests to a model, written to a folder; with the answers lying there, their score
casebook DIR MODEL:
    CASEBOOK_DIR={{absolute_path(DIR)}} CASEBOOK_MODEL={{MODEL}} cargo test --package reenact --test it -- --ignored --nocapture traps::
