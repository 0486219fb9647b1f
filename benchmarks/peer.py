#!/usr/bin/env python3
"""The conversations of load.py, held by MLflow's ConversationSimulator; peer.sh starts it.

    peer.py ADDRESS CONVERSATIONS

Four turns each: the simulated user, the agent, and the goal check after the turn.
"""
import json
import resource
import sys
import time
import urllib.request

import mlflow
import openai
from mlflow.genai.simulators import ConversationSimulator

from load import TURNS, case

address, conversations = sys.argv[1], int(sys.argv[2])
agent = openai.OpenAI(base_url=f"{address}/agent/v1")


def predict(input=None, messages=None, **_):
    answer = agent.chat.completions.create(model="bench", messages=messages if messages is not None else input)
    return answer.choices[0].message.content


def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


mlflow.set_experiment("load")
cases = [{key: case(number)[key] for key in ("goal", "persona")} for number in range(conversations)]
simulator = ConversationSimulator(test_cases=cases, max_turns=TURNS, user_model="openai:/bench")
began, cpu_before, peak_before = time.monotonic(), cpu(), peak_kb()
simulator.simulate(predict)
wall, spent = time.monotonic() - began, cpu() - cpu_before
counted = json.load(urllib.request.urlopen(f"{address}/calls"))
print(
    f"MLflow {mlflow.__version__}: {conversations} conversations, {counted['calls']} calls, {wall:.1f} s, "
    f"{spent / counted['calls'] * 1000:.1f} ms of CPU per call without the tracking server, "
    f"{counted['in_flight_max']} calls in flight at the most, peak {peak_kb() / 1000:.0f} MB ({peak_before / 1000:.0f} before)"
)
