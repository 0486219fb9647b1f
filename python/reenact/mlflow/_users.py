"""Whoever plays the users: MLflow's classes, with models asked natively, so that nothing of it is traced and limits are heeded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.genai import simulators as peer
from mlflow.genai.simulators import SimulatorContext

from reenact import _native

from ._guidelines import listed

REMARK = "That is all, thank you."
"""What a user says that has nothing left to say and is to say something."""


class BaseSimulatedUserAgent(peer.BaseSimulatedUserAgent):
    """What a simulated user of your own begins with: a class with `generate_message`, as in MLflow.

    A model is asked with `invoke_llm`. Such a call leaves no trace, heeds what the provider says of its limits, and is asked again after
    faults that pass.
    """

    def invoke_llm(self, prompt: str, system_prompt: str | None = None) -> str:
        """Asks the user's model, and gives its words.

        Raises `reenact.Error` where there is no answer after all attempts.
        """
        messages = [{"role": "system", "content": system_prompt}] if system_prompt else []
        messages.append({"role": "user", "content": prompt})
        return _native.ask_model(self.model, json.dumps(self.inference_params), messages)


class SimulatedUserAgent(BaseSimulatedUserAgent):
    """The simulated user that plays where no other class is given: code decides what comes next, and the model words it.

    `ConversationSimulator` plays it natively. A class of your own may build on what it would say: `super().generate_message(context)`.
    """

    def generate_message(self, context: SimulatorContext) -> str:
        """What this user would say now."""
        brief = {"goal": context.goal, "persona": context.persona, "guidelines": listed(context.simulation_guidelines)}
        act = _native.user_act(
            self.model, json.dumps(self.inference_params), scene_of(brief, context.conversation_history)
        )
        if "say" in act:
            return str(act["say"]["text"])
        return str(act["leave"].get("goodbye") or REMARK)


def scene_of(brief: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A brief and a chat history as what a simulated user knows when it is its turn."""
    speakers = {"user": "user", "assistant": "agent"}
    heard = [it for it in history if it.get("role") in speakers and it.get("content")]
    conversation = [{"speaker": speakers[it["role"]], "text": str(it["content"])} for it in heard]
    return {"brief": dict(brief), "conversation": conversation, "disclosures": [], "seed": 0, "rejected": []}
