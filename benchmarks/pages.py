"""What `reenact serve` takes for its pages on a large store: `python3 benchmarks/pages.py REENACT [SESSIONS]`.

Makes a store of made-up sessions by `reenact import`, serves it, and asks for pages one after the other. The sessions are the same on
every machine: ten turns and some 400 words each, whose n-th most frequent word is said 1/n times as often as the first.
"""

import http.client
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse

SYLLABLES = ["ka", "re", "mi", "to", "su", "ne", "lo", "vi", "da", "pe"]
VOCABULARY = 50_000
SEARCHES = 300


def word(number):
    letters = []
    while True:
        number, last = divmod(number, 10)
        letters.append(SYLLABLES[last])
        if number == 0:
            return "".join(letters)


def sessions(count):
    chance = random.Random(7)
    words = [word(n) for n in range(VOCABULARY)]
    weights = [1 / (n + 1) for n in range(VOCABULARY)]
    for at in range(count):
        said = chance.choices(words, weights, k=400)
        texts = [" ".join(said[n * 20 : (n + 1) * 20]) for n in range(20)]
        roles = ["user", "assistant"] * 10
        day = f"2025-{at % 12 + 1:02}-{at % 28 + 1:02}T{at % 24:02}:{at % 60:02}:00Z"
        messages = [{"role": role, "content": text, "timestamp": day} for role, text in zip(roles, texts)]
        yield {"session_id": f"session-{at:06}", "user": f"user-{at % 500}", "messages": messages}


def store_of(reenact, folder, count):
    log = folder / "log.jsonl"
    with log.open("w") as out:
        for session in sessions(count):
            out.write(json.dumps(session) + "\n")
    subprocess.run([reenact, "import", log], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    log.unlink()


def resident_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def asked(connection, path):
    began = time.perf_counter()
    connection.request("GET", path, headers={"accept": "text/html"})
    answer = connection.getresponse()
    body = answer.read()
    spent = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {body[:200]}")
    return spent


def search(query, after=""):
    return "/sessions?" + urllib.parse.urlencode({"q": query} | ({"after": after} if after else {}))


def places(connection, steps):
    """Cursors that lie further and further behind."""
    after = ""
    for _ in range(steps):
        connection.request("GET", "/api" + search("", after))
        after = json.loads(connection.getresponse().read())["next"]
        yield after


def row(what, times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    print(f"| {what} | {at(0.5):.1f} ms | {at(0.99):.1f} ms | {times[-1]:.1f} ms |", flush=True)


def measured(connection, process, count):
    chance = random.Random(11)
    rare = lambda: word(chance.randrange(1_000, VOCABULARY))
    print("| page | median | 99th percentile | slowest |\n|---|---|---|---|")
    row("the first page, for the first time", [asked(connection, "/sessions")])
    memory = resident_mib(process)
    row("the first page", [asked(connection, "/sessions") for _ in range(100)])
    row("a page deep in the list", [asked(connection, search("", after)) for after in places(connection, 60)])
    row("search: a rare word", [asked(connection, search(rare())) for _ in range(SEARCHES)])
    row("search: two common words", [asked(connection, search(f"{word(chance.randrange(2, 30))} {word(chance.randrange(30, 200))}")) for _ in range(SEARCHES)])
    row("search: a word, a user, a time", [asked(connection, search(f"{rare()} user:user-{chance.randrange(500)} after:2025-07-01")) for _ in range(SEARCHES)])
    row("search: turns>=3", [asked(connection, search("turns>=3")) for _ in range(100)])
    row("a session", [asked(connection, f"/sessions/session-{chance.randrange(count):06}") for _ in range(SEARCHES)])
    print(f"\nmemory: {memory:.0f} MiB after the first page, {resident_mib(process):.0f} MiB after all of them")


def main():
    reenact = pathlib.Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        store_of(reenact, folder, count)
        process = subprocess.Popen([reenact, "serve", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = urllib.parse.urlsplit(process.stdout.readline().strip()).netloc
            measured(http.client.HTTPConnection(address), process, count)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
