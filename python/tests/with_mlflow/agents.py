"""Agents under test, as users of MLflow write them."""

from __future__ import annotations

from typing import Any

import mlflow
from openai import OpenAI

from .model_server import AGENT_MODEL, ModelServer


class Agent:
    """A `predict_fn` that asks a model with OpenAI's client, and keeps what it was called with."""

    def __init__(self, models: ModelServer) -> None:
        self.client = OpenAI(base_url=models.url, api_key="a-key-of-the-tests")
        self.calls: list[dict[str, Any]] = []

    def ask(self, messages: list[dict[str, Any]]) -> Any:
        create: Any = self.client.chat.completions.create
        return create(model=AGENT_MODEL, messages=messages)

    def untraced(self, input: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """Takes the Responses API's `input`, and answers with a mapping."""
        self.calls.append({"input": list(input), **kwargs})
        return {"output": self.ask(input).choices[0].message.content}

    @mlflow.trace(name="my_agent")
    def traced(self, messages: list[dict[str, Any]], **kwargs: Any) -> str:
        """Takes the chat `messages`, logs a trace with a span for the model, and answers with a text."""
        self.calls.append({"messages": list(messages), **kwargs})
        with mlflow.start_span(name="model", span_type="CHAT_MODEL") as span:
            answer = self.ask(messages).choices[0].message.content
            span.set_outputs(answer)
        return str(answer)

    def completion(self, input: list[dict[str, Any]], **kwargs: Any) -> Any:
        """Answers with what the client gave."""
        self.calls.append({"input": list(input), **kwargs})
        return self.ask(input)
