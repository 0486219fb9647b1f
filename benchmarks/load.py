#!/usr/bin/env python3
"""What a run costs under load, beside the floor, as a Markdown table.

    load.py [CONVERSATIONS...]      (200 1000 5000 where nothing is said)

A model server of our own answers each call after 200 ms. For each number of conversations, the floor (the smallest
program that makes the same calls, crates/reenact/benches/load) and `reenact run` hold them all at once, one program after
the other, ROUNDS times (5 where the environment does not say); the medians of the rounds count, and a ratio is the median
of the ratios within one round. REENACT and LOAD name other builds of the two programs. Standard library only.

Each conversation has four turns: four calls of the model that plays the user, four of the agent, and four of the judge, one
for each expectation, twelve in all and one after the other.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

DELAY_MS = 200
CALLS = 12
TURNS = 4
ROUNDS = int(os.environ.get("ROUNDS", "5"))
COLUMNS = [
    "conversations", "program", "wall s", "wall / critical path", "CPU ms / call", "peak MB", "kB / conversation",
    "in flight", "wall / floor", "CPU / floor", "memory / floor",
]


def main():
    sizes = [int(size) for size in sys.argv[1:]] or [200, 1000, 5000]
    load = os.environ.get("LOAD") or built("load", ["bench", "--package", "reenact", "--bench", "load", "--no-run"])
    reenact = os.environ.get("REENACT") or built("reenact", ["build", "--release", "--package", "reenact-cli"])
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        keep = Path(work, "kept")
        keep.mkdir()
        server = subprocess.Popen([load, "serve", str(DELAY_MS), str(keep)], stdout=subprocess.PIPE, text=True)
        try:
            table(load, reenact, server.stdout.readline().strip(), keep, sizes)
        finally:
            server.kill()


def built(name, command):
    """The path of a program that cargo builds."""
    command = ["cargo", *command, "--quiet", "--locked", "--message-format=json"]
    told = subprocess.run(command, cwd=Path(__file__).parent, check=True, stdout=subprocess.PIPE, text=True).stdout
    artifacts = [json.loads(line) for line in told.splitlines()]
    return [it["executable"] for it in artifacts if it.get("executable") and it["target"]["name"] == name][-1]


def table(load, reenact, address, keep, sizes):
    # The first conversation is kept by the server, and is what the floor repeats.
    alone = {"reenact": play(reenact, address, 1), "floor": measured([load, "floor", str(keep), address, "1"], address, 1)}
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for size in sizes:
        rounds = []
        for _ in range(ROUNDS):
            floor = measured([load, "floor", str(keep), address, str(size)], address, size)
            rounds.append({"floor": floor, "reenact": play(reenact, address, size)})
        for program in ("floor", "reenact"):
            print(row(size, program, rounds, alone))


def row(size, program, rounds, alone):
    def memory(figures, program):
        return (figures[program]["peak_kb"] - alone[program]["peak_kb"]) / size

    def median(figure):
        return statistics.median(figure(figures) for figures in rounds)

    def ratio(figure):
        return f"{median(lambda figures: figures[program][figure] / figures['floor'][figure]):.2f}"

    wall = median(lambda figures: figures[program]["wall"])
    fields = [
        f"{size:,}", program, f"{wall:.2f}", f"{wall / (CALLS * DELAY_MS / 1000):.2f}",
        f"{median(lambda figures: figures[program]['cpu']) / size / CALLS * 1000:.3f}",
        f"{median(lambda figures: figures[program]['peak_kb']) / 1000:.0f}",
        f"{median(lambda figures: memory(figures, program)):.0f}",
        f"{median(lambda figures: figures[program]['in_flight_max']):,.0f}",
        ratio("wall"), ratio("cpu"),
        f"{median(lambda figures: memory(figures, program) / memory(figures, 'floor')):.2f}",
    ]
    return f"| {' | '.join(fields)} |"


def play(reenact, address, size, *options):
    """One run in a store of its own."""
    suite, store = Path(f"suite-{size}.jsonl"), Path("store.db")
    if not suite.exists():
        suite.write_text("".join(json.dumps(case(number)) + "\n" for number in range(size)))
    model = f"{address}/{{}}/v1#bench".format
    command = [
        reenact, "--store", str(store), "run", str(suite), "--agent", f"{address}/agent/v1/chat/completions",
        "--user-model", model("user"), "--judge-model", model("judge"), "--max-turns", str(TURNS),
        "--concurrency", str(size), *options,
    ]
    figures = measured(command, address, size)
    for file in Path().glob("store.db*"):
        file.unlink()
    return figures


def case(number):
    expectations = ["says when the parcel comes", "says what it costs", "offers further help", "stays polite"]
    return {
        "id": f"parcel-{number}",
        # A wish a line: each turn asks for the next one.
        "goal": "\n".join(
            ["find out when your parcel comes", "ask where it is now", "ask what you have to pay for it at the door",
             "ask who carries it"][:TURNS]
        ),
        "persona": "You are in a hurry, write short messages, and do not like to be asked for what you have said already",
        "facts": [{"id": "number", "text": f"the parcel's number is {4711 + number}", "gate": {"asked": "parcel number"}}],
        "expectations": [{"id": f"e{n}", "text": f"The agent {text}"} for n, text in enumerate(expectations)],
    }


def measured(command, address, size):
    """Wall and CPU seconds of a command, and the most memory that it held."""
    began = time.monotonic()
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watch = Peak(program.pid)
    said = program.stderr.read()
    _, status, usage = os.wait4(program.pid, 0)
    wall = time.monotonic() - began
    counted = json.load(urllib.request.urlopen(f"{address}/calls"))
    if status != 0 or counted["calls"] != CALLS * size:
        sys.exit(f"{' '.join(command)}\n{said.decode()}\nended with {status} after {counted['calls']} calls")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": wall, "cpu": cpu, "peak_kb": watch.peak_kb(), "in_flight_max": counted["in_flight_max"]}


class Peak(threading.Thread):
    """Looks at a process until it ends: what the system tells afterwards counts the memory of this script as well."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.status, self.peak = Path(f"/proc/{process}/status"), 0
        self.start()

    def run(self):
        try:
            while True:
                lines = self.status.read_text().splitlines()
                if (self.status.parent / "exe").resolve().name.startswith("python"):
                    continue
                self.peak = max([self.peak] + [int(line.split()[1]) * 1.024 for line in lines if line.startswith("VmHWM")])
                time.sleep(0.02)
        except OSError:
            return

    def peak_kb(self):
        self.join()
        return self.peak


if __name__ == "__main__":
    main()
