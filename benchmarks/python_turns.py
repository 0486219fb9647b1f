"""What a turn costs that Python answers: the same conversations against a script, which is Rust, and against Python's own functions.

Usage: python benchmarks/python_turns.py [CONVERSATIONS] [TURNS], with the package installed from a release wheel.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import reenact

REPEATS = 5
SCRIPT = "- {for: agent, reply: I see.}\n"


def function(messages):
    return "I see."


def nothing_asked(turn):
    return "I see."


async def coroutine(messages):
    return "I see."


async def waiting(messages):
    await asyncio.sleep(0.01)
    return "I see."


def suite(conversations: int, turns: int) -> reenact.Suite:
    """Cases whose users say fixed words, so that every agent has the same conversations."""
    words = [f"This is message {n} of a user, and it is about as long as one is." for n in range(1, turns + 1)]
    data = {
        "brief": {"goal": "say what is to be said"},
        "staging": {"script": words, "first_speaker": "user", "after_script": "leave"},
        "expectations": [{"id": "sees", "contains": "I see"}],
    }
    return reenact.Suite(cases=[reenact.TestCase.from_dict({"id": f"case-{n}", **data}) for n in range(conversations)])


def measured(cases: reenact.Suite, agent, turns: int) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    store = reenact.Store.temporary()
    wall, cpu = time.perf_counter(), time.process_time()
    report = reenact.run(cases, agent, store=store, concurrency=100, max_turns=turns + 1)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert report.passed, report.headline
    assert sum(len(list(trial.conversation.turns())) for trial in report.trials) == turns * len(cases)
    return wall, cpu


def main() -> None:
    conversations = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    cases = suite(conversations, turns)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "agent.yaml"
        script.write_text(SCRIPT)
        agents = {
            "a script, in Rust": f"script:{script}",
            "a function of `turn`": nothing_asked,
            "a function of `messages`": function,
            "a coroutine": coroutine,
            "a coroutine that waits 10 ms": waiting,
        }
        found = {name: [] for name in agents}
        for _ in range(REPEATS):
            for name, agent in agents.items():
                found[name].append(measured(cases, agent, turns))
    told = conversations * turns
    print(f"{conversations} conversations of {turns} turns, 100 at once; medians of {REPEATS} runs\n")
    print("| agent | wall s | µs a turn over the script | CPU s | CPU µs a turn over the script |")
    print("|---|---|---|---|---|")
    base_wall, base_cpu = (statistics.median(times[n] for times in found["a script, in Rust"]) for n in (0, 1))
    for name, times in found.items():
        wall, cpu = (statistics.median(it[n] for it in times) for n in (0, 1))
        over, over_cpu = ((it - base) / told * 1e6 for it, base in ((wall, base_wall), (cpu, base_cpu)))
        print(f"| {name} | {wall:.2f} | {over:.0f} | {cpu:.2f} | {over_cpu:.0f} |")


if __name__ == "__main__":
    main()
