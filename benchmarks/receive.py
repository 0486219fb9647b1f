#!/usr/bin/env python3
"""How many spans a second `reenact serve` takes, durably, and makes sessions of, and in how much memory.

    receive.py REENACT [SPANS]

The program runs on one core (taskset), this client on another. Spans are what an agent with a tool sends by the conventions for
generative AI: each call of its model tells the whole history. They come in requests of 512 spans over several connections, at
once and as fast as they are taken; the clock stops when every trace is part of a session. SPANS is 400000 where it is not said.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

TURNS = 6
SPANS_PER_REQUEST = 512
CONNECTIONS = 4
MARK = b"@@@@@@@@"


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def attribute(key, value):
    return field(9, field(1, key) + field(2, field(1, value)))


def span(trace, ident, parent, name, start, end, attributes):
    ids = field(1, trace) + field(2, ident) + (field(4, parent) if parent else b"")
    times = varint(7 << 3 | 1) + start.to_bytes(8, "little") + varint(8 << 3 | 1) + end.to_bytes(8, "little")
    return field(2, ids + field(5, name) + times + b"".join(attribute(*pair) for pair in attributes.items()))


def part(role, kind, **values):
    return {"role": role, "parts": [{"type": kind, **values}]}


def session(number):
    """The spans of one session, four a turn; the marks in it stand for what differs from session to session."""
    history, spans = [part("system", "text", content="You keep a shop. " * 20)], []
    begin = 1_756_713_600_000_000_000 + number * 3_600_000_000_000
    conversation = {"gen_ai.conversation.id": MARK.decode() + f"-{number:06}"}
    for turn in range(TURNS):
        trace = MARK + number.to_bytes(4, "big") + turn.to_bytes(4, "big")
        root, at = b"root" + turn.to_bytes(4, "big"), begin + turn * 60_000_000_000
        asked = part("user", "text", content=f"In turn {turn} I would like to know where order {number}-{turn} is. " * 4)
        history.append(asked)
        called = part("assistant", "tool_call", id=f"call-{turn}", name="find_order", arguments={"order": turn})
        found = json.dumps({"order": turn, "status": "delivered", "events": ["packed", "sent", "delivered"] * 5})
        result = part("tool", "tool_call_response", id=f"call-{turn}", response=found)
        answer = part("assistant", "text", content=f"Order {number}-{turn} was delivered on Monday. " * 6)

        def call(ident, start, output):
            model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "a-model", **conversation,
                     "gen_ai.input.messages": json.dumps(history), "gen_ai.output.messages": json.dumps([output])}
            spans.append(span(trace, ident, root, "chat a-model", start, start + 1_000_000_000, model))
            history.append(output)

        call(b"call1" + bytes(3), at, called)
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_order",
                "gen_ai.tool.call.id": f"call-{turn}", "gen_ai.tool.call.result": found}
        spans.append(span(trace, b"tool" + bytes(3) + b"1", root, "execute_tool find_order", at + 10**9, at + 2 * 10**9, tool))
        history.append(result)
        call(b"call2" + bytes(3), at + 2 * 10**9, answer)
        agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "shop", **conversation,
                 "gen_ai.input.messages": json.dumps([asked]), "gen_ai.output.messages": json.dumps([answer])}
        spans.append(span(trace, root, None, "invoke_agent shop", at, at + 3 * 10**9, agent))
    return spans


def requests():
    """The requests of one round, in which every session comes whole, their spans one after the other."""
    sessions = 4 * SPANS_PER_REQUEST // (4 * TURNS)
    spans = [each for number in range(sessions) for each in session(number)]
    resource = field(1, field(1, field(1, "service.name") + field(2, field(1, "shop"))))
    batches = [spans[at:at + SPANS_PER_REQUEST] for at in range(0, len(spans), SPANS_PER_REQUEST)]
    return [field(1, resource + field(2, b"".join(batch))) for batch in batches], len(spans), sessions


def memory(pid, name):
    lines = open(f"/proc/{pid}/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def send(port, rounds, bodies):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in rounds:
        mark = b"%08x" % number
        for body in bodies:
            body = body.replace(MARK, mark)
            while True:
                connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    break
                assert answer.status in (429, 503), answer.status
                time.sleep(0.05)


def main():
    program, wanted = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 400_000
    bodies, spans_per_round, sessions_per_round = requests()
    rounds = -(-wanted // spans_per_round)
    spans, megabytes = rounds * spans_per_round, rounds * sum(map(len, bodies)) / 1e6
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    with tempfile.TemporaryDirectory() as folder:
        command = ["taskset", "-c", str(cores[-1]), program, "--store", f"{folder}/store.db", "serve", "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(server.stdout.readline().strip().rstrip("/").rsplit(":", 1)[1])
            begun = time.monotonic()
            senders = [threading.Thread(target=send, args=(port, range(first, rounds, CONNECTIONS), bodies))
                       for first in range(CONNECTIONS)]
            [sender.start() for sender in senders]
            seen = []
            while any(sender.is_alive() for sender in senders):
                seen.append(memory(server.pid, "VmRSS"))
                time.sleep(0.5)
            taken = time.monotonic() - begun
            while ask(port, "/api/receiver")["traces_waiting"]:
                time.sleep(0.1)
            done = time.monotonic() - begun
            standing = ask(port, "/api/receiver")
            found = ask(port, "/api/sessions")["matched"]
            assert standing["accepted"] == spans and found == rounds * sessions_per_round, (standing, found)
            half, peak = seen[len(seen) // 2:] or [0], memory(server.pid, "VmHWM")
        finally:
            server.terminate()
            server.wait()
        size = sum(entry.stat().st_size for entry in os.scandir(folder)) / 1e6
    print("| spans | MB | sessions | taken, spans/s | in sessions, spans/s | peak MB | MB in the second half | store, MB |")
    print("|---|---|---|---|---|---|---|---|")
    print(f"| {spans:,} | {megabytes:,.0f} | {rounds * sessions_per_round:,} | {spans / taken:,.0f} | {spans / done:,.0f} "
          f"| {peak:,.0f} | {min(half):,.0f} to {max(half):,.0f} | {size:,.0f} |")


if __name__ == "__main__":
    main()
