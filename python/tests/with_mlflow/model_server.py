"""A model server for tests: speaks chat completions, plays everybody whom a simulation asks, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

AGENT_MODEL = "agent-model"
"""The model that the agents of the tests ask; whoever asks for another one plays a user, checks a goal, distils or judges."""

USERS_WORDS = [
    "How do I begin with that, please?",
    "And which settings does it need before I start?",
    "What happens when one of the workers is lost?",
    "Where would I see afterwards what was recorded?",
    "Is there anything that I must clean up in the end?",
    "Who else in my team should know about this?",
]


@dataclass
class Fault:
    """What is answered in place of an answer, so many times."""

    kind: str
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    content: str | None = None
    """The text of an answer that is none, with status 200."""


@dataclass
class Asked:
    """One question."""

    kind: str
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return "\n".join(message["content"] for message in self.body["messages"] if isinstance(message["content"], str))


class ModelServer:
    """Serves on a port of its own until it is closed."""

    def __init__(self) -> None:
        self.goal_reached_after = 2
        """How many replies of the agent reach the goal."""
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, headers, answer = server._answer(body)
                payload = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def count(self, kind: str) -> int:
        """How many questions of a kind came, those that were answered by a fault included."""
        return len(self.asked_for(kind))

    def asked_for(self, kind: str) -> list[Asked]:
        with self._lock:
            return [asked for asked in self.asked if asked.kind == kind]

    def _answer(self, body: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        asked = Asked(kind_of(body), body)
        with self._lock:
            self.asked.append(asked)
            fault = next((it for it in self.faults if it.kind == asked.kind and it.times > 0), None)
            if fault:
                fault.times -= 1
        if fault and fault.content is None:
            return (
                fault.status,
                fault.headers,
                {"error": {"message": "this is a fault of the tests", "code": fault.status}},
            )
        content = fault.content if fault else self._content(asked)
        return 200, {}, completion(body["model"], content)

    def _content(self, asked: Asked) -> str:
        match asked.kind:
            case "agent":
                return reply(sum(message["role"] == "user" for message in asked.body["messages"]))
            case "user":
                return USERS_WORDS[asked.text.count("user: ") % len(USERS_WORDS)]
            case "worded user":
                said = sum(message["role"] == "assistant" for message in asked.body["messages"])
                return json.dumps({"text": USERS_WORDS[said % len(USERS_WORDS)]})
            case "goal":
                is_reached = asked.text.count("assistant: ") >= self.goal_reached_after
                return json.dumps({"rationale": "as far as it was said", "result": "yes" if is_reached else "no"})
            case "parts of the goal":
                return json.dumps({"parts": list(self._parts(asked.text))})
            case "gates":
                return json.dumps({"opened": [], "wants": "nothing"})
            case "distil":
                guidelines = ["Wait for the second answer before you mention the deadline"]
                goal, persona = "Learn how to track experiments", "You are brief and polite"
                return json.dumps({"goal": goal, "persona": persona, "simulation_guidelines": guidelines})
            case "distilled case":
                return json.dumps(distilled(asked.text))
            case _:
                return json.dumps({"result": "yes", "rationale": "each request has its answer"})

    def _parts(self, text: str) -> Iterator[dict[str, Any]]:
        replies = [line for line in transcript(text) if line["speaker"] == "agent"]
        wanted = text.split("What the user wants:")[1]
        numbers = [int(line.split(".")[0]) for line in wanted.splitlines() if line.split(".")[0].isdigit()]
        for number in numbers:
            if len(replies) >= self.goal_reached_after:
                quote = {"turn": replies[-1]["turn"], "words": replies[-1]["text"]}
                yield {"part": number, "reached": "yes", "quotes": [quote]}
            else:
                yield {"part": number, "reached": "open", "quotes": []}


def reply(turn: int) -> str:
    """What the agent of the tests answers in a turn, from 1."""
    return f"Answer {turn}: set the tracking address, then start the job."


def completion(model: str, content: str | None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60},
    }


def kind_of(body: dict[str, Any]) -> str:
    """Who is asked: told by the schema of the answer that is asked for."""
    if body["model"] == AGENT_MODEL:
        return "agent"
    schema = (body.get("response_format") or {}).get("json_schema")
    if not schema:
        return "user"
    wanted = set(schema["schema"].get("properties", {}))
    if "facts" in wanted:
        return "distilled case"
    if "goal" in wanted:
        return "distil"
    if wanted == {"text"}:
        return "worded user"
    if wanted == {"parts"}:
        return "parts of the goal"
    if "opened" in wanted:
        return "gates"
    return "goal" if "GoalCheck" in schema.get("name", "") else "judge"


def transcript(text: str) -> list[dict[str, Any]]:
    """The conversation inside a prompt: one JSON object a line."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"turn"')]


def distilled(text: str) -> dict[str, Any]:
    """A case as a model might distil it: the first message is the goal, whatever the user adds later a fact that waits."""
    said = [line for line in transcript(text) if line["speaker"] == "user"]
    evidence = [[{"turn": line["turn"], "quote": line["text"]}] for line in said]
    facts = [
        {"id": f"fact-{at}", "text": line["text"], "gate": {"kind": "asked", "of": "order number"}, "evidence": quotes}
        for at, (line, quotes) in enumerate(zip(said[1:], evidence[1:], strict=False), 1)
    ]
    return {
        "skip": None,
        "id": "made-by-a-model",
        "goal": {"text": said[0]["text"], "evidence": evidence[0]},
        "persona": [{"text": "You write short messages.", "evidence": evidence[0]}],
        "guidelines": [],
        "facts": facts,
        "opening": None,
        "patience": {"asks": None, "evidence": []},
        "ending": {"kind": None, "evidence": []},
        "expectations": [],
    }
