#!/usr/bin/env python3
"""The conversations of load.py, held by a ConversationSimulator with a function that asks OpenAI's client; peer.sh starts it.

    peer.py ADDRESS CONVERSATIONS mlflow.genai.simulators|reenact.mlflow simulate|evaluate

Four turns each, and in `evaluate` one scorer of sessions, which asks no model. MLflow's simulator asks for the user, the agent and the goal in each turn; ours for the user and the agent, because the
users of these cases have a wish left in each.
"""
import importlib
import json
import os
import resource
import sys
import time
import urllib.request

import mlflow
import openai
from mlflow.genai.scorers import scorer

from load import TURNS, case

address, conversations, module, way = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
simulators = importlib.import_module(module)
agent = openai.OpenAI(base_url=f"{address}/agent/v1")


def predict(input, **_):
    return agent.chat.completions.create(model="bench", messages=input).choices[0].message.content


@scorer
def turns(session):
    return len(session)


def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def counted():
    return json.load(urllib.request.urlopen(f"{address}/calls"))


def agent_alone():
    """What the agent itself takes for its calls, by whomever it is called: CPU seconds a call."""
    began = cpu()
    for _ in range(200):
        predict([{"role": "user", "content": "When does my parcel come?"}])
    return (cpu() - began) / 200


mlflow.set_experiment("load")
alone = agent_alone() if os.environ.get("AGENT_ALONE") else None
cases = [{key: case(number)[key] for key in ("goal", "persona")} for number in range(conversations)]
model = "openai:/bench" if module.startswith("mlflow") else f"{address}/user/v1#bench"
simulator = simulators.ConversationSimulator(test_cases=cases, max_turns=TURNS, user_model=model)
counted()
began, cpu_before, peak_before = time.monotonic(), cpu(), peak_kb()
if way == "simulate":
    traces = sum(map(len, simulator.simulate(predict)))
else:
    traces = len(mlflow.genai.evaluate(data=simulator, predict_fn=predict, scorers=[turns]).result_df)
wall, spent = time.monotonic() - began, cpu() - cpu_before
calls = counted()
print(
    f"{module} {way}, MLflow {mlflow.__version__}: {conversations} conversations, {traces} traces, {calls['calls']} calls, "
    f"{wall:.1f} s, {spent / calls['calls'] * 1000:.2f} ms of CPU per call without the tracking server, "
    f"{calls['in_flight_max']} calls in flight at the most, peak {peak_kb() / 1000:.0f} MB ({peak_before / 1000:.0f} before)"
    + ("" if alone is None else f", the agent alone {alone * 1000:.2f} ms a call")
)
