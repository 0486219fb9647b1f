"""What goes wrong in a simulation, and what is to be seen of it: nothing vanishes, and each reason stands at its place."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Trace
from mlflow.exceptions import MlflowException
from mlflow.genai.datasets import create_dataset
from mlflow.genai.judges import make_judge
from mlflow.genai.scorers import Safety, scorer

from .agents import Agent
from .model_server import Fault, ModelServer, reply

ours = pytest.importorskip("reenact.mlflow")

CASES = [{"goal": f"Learn how the part {name} of a run is tracked"} for name in ("one", "two", "three")]


def ending_of(trace: Trace) -> tuple[Any, str | None]:
    ending: Any
    [ending] = trace.search_assessments(name="simulation_ending")
    return ending.feedback.value, ending.rationale


def test_expectations_stand_on_the_first_trace_and_no_case_is_lost_for_them(
    models: ModelServer, experiment: str
) -> None:
    cases = [{**case, "expectations": {"topic": f"runs {at}", "steps": ["a", "b"]}} for at, case in enumerate(CASES)]
    seen: list[Any] = []

    @scorer
    def expected(session: list[Any]) -> int:
        seen.append({it.name: it.expectation.value for it in session[0].search_assessments(type="expectation")})
        return len(session)

    judge = make_judge(
        name="on_topic", model="openai:/gpt-5-mini", instructions="Has {{ conversation }} {{ expectations }}?"
    )
    simulator = ours.ConversationSimulator(test_cases=cases, max_turns=2)

    results: Any = mlflow.genai.evaluate(data=simulator, predict_fn=Agent(models).traced, scorers=[expected, judge])

    assert results.metrics["expected/mean"] == 2.0
    assert sorted(it["topic"] for it in seen) == ["runs 0", "runs 1", "runs 2"]
    assert {tuple(it["steps"]) for it in seen} == {("a", "b")}
    assert all("runs " in asked.text for asked in models.asked_for("judge"))
    stored = mlflow.search_traces(locations=[experiment], return_type="list")
    assert sum(bool(trace.search_assessments(type="expectation")) for trace in stored) == 3
    assert not any("runs 0" in asked.text for asked in models.asked if asked.kind != "judge"), "no user knows them"


def test_what_a_datasets_records_expect_is_not_forgotten(models: ModelServer, experiment: str) -> None:
    dataset = create_dataset(name=f"expecting-{experiment}", experiment_id=[experiment])
    dataset.merge_records([{"inputs": CASES[0], "expectations": {"topic": "runs"}}, {"inputs": CASES[1]}])

    sessions = ours.ConversationSimulator(test_cases=dataset, max_turns=1).simulate(Agent(models).traced)

    expected = [[it.name for it in traces[0].search_assessments(type="expectation")] for traces in sessions]
    assert sorted(expected) == [[], ["topic"]]


def test_a_turn_in_which_the_agent_raises_is_a_trace_that_says_so_and_the_case_stays(
    models: ModelServer, experiment: str
) -> None:
    agent = Agent(models)

    def fails_late(messages: list[dict[str, Any]], **_: Any) -> str:
        if len(messages) > 1:
            raise KeyError("no such tool")
        return str(agent.ask(messages).choices[0].message.content)

    simulator = ours.ConversationSimulator(test_cases=CASES, max_turns=4)
    results: Any = mlflow.genai.evaluate(data=simulator, predict_fn=fails_late, scorers=[Safety()])

    assert len(results.result_df) == 6
    assert [len(conversation.traces) for conversation in simulator.conversations] == [2, 2, 2]
    for conversation, case in zip(simulator.conversations, CASES, strict=False):
        assert conversation.test_case == case
        assert conversation.ending == "agent_failed"
        assert isinstance(conversation.error, KeyError)
        good, bad = conversation.traces
        assert (good.info.state, bad.info.state) == ("OK", "ERROR")
        assert "no such tool" in str(bad.data.spans[0].events)
        kind, reason = ending_of(good)
        assert kind == "agent_failed"
        assert reason is not None
        assert "no such tool" in reason
    run = mlflow.get_run(results.run_id)
    assert run.data.metrics["simulation_ending/agent_failed"] == 3
    assert set(results.result_df["simulation_ending/value"].dropna()) == {"agent_failed"}


@pytest.mark.parametrize("nothing", ["", None, {"output": ""}])
def test_an_agent_that_says_nothing_is_told_from_one_that_is_done(
    models: ModelServer, experiment: str, nothing: Any
) -> None:
    simulator = ours.ConversationSimulator(test_cases=CASES[:1], max_turns=4)

    [traces] = simulator.simulate(lambda messages, **_: reply(1) if len(messages) == 1 else nothing)

    assert len(traces) == 2
    assert ending_of(traces[0])[0] == "agent_failed"
    assert "without any text" in simulator.conversations[0].reason


def test_a_user_whose_model_does_not_answer_leaves_a_trace_that_says_why(models: ModelServer, experiment: str) -> None:
    models.faults = [Fault("worded user", times=10_000, status=401)]

    simulator = ours.ConversationSimulator(test_cases=CASES, max_turns=2)
    results: Any = mlflow.genai.evaluate(data=simulator, predict_fn=Agent(models).traced, scorers=[Safety()])

    assert len(results.result_df) == 3
    for conversation in simulator.conversations:
        [trace] = conversation.traces
        assert (conversation.ending, trace.info.state) == ("user_failed", "ERROR")
        assert "401" in str(ending_of(trace)[1])
        assert "a-key-of-the-tests" not in trace.to_json()
    assert models.count("agent") == 0


def test_a_provider_that_asks_to_come_back_later_is_asked_again_then(models: ModelServer, experiment: str) -> None:
    models.faults = [Fault("worded user", status=429, headers={"retry-after": "2"})]
    began = time.monotonic()

    simulator = ours.ConversationSimulator(test_cases=CASES[:1], max_turns=1)
    simulator.simulate(Agent(models).traced)

    assert time.monotonic() - began >= 2, "and not a second too early"
    assert simulator.conversations[0].ending in ("satisfied", "turn_limit")
    assert models.count("worded user") == 2


def test_a_check_of_the_goal_in_a_fence_of_code_is_read(models: ModelServer, experiment: str) -> None:
    models.goal_reached_after = 1
    quote = {"turn": 1, "words": reply(1)}
    answer = {"parts": [{"part": 1, "reached": "yes", "quotes": [quote]}]}
    models.faults = [Fault("parts of the goal", content=f"```json\n{json.dumps(answer)}\n```")]

    simulator = ours.ConversationSimulator(test_cases=CASES[:1], max_turns=5)
    [traces] = simulator.simulate(Agent(models).traced)

    assert len(traces) == 1
    assert simulator.conversations[0].ending == "satisfied"


def test_what_a_frame_has_no_value_for_is_not_said(models: ModelServer, experiment: str) -> None:
    agent = Agent(models)
    frame = pd.DataFrame([{"goal": "Learn"}, {"goal": "Debug", "persona": "You are an expert"}])

    sessions = ours.ConversationSimulator(test_cases=frame, max_turns=1).simulate(agent.traced)

    personas = [traces[0].info.trace_metadata["mlflow.simulation.persona"] for traces in sessions]
    assert personas == ["You are an inquisitive user having a natural conversation.", "You are an expert"]


def test_coroutines_are_awaited_all_on_one_loop_and_each_leaves_its_own_trace(
    models: ModelServer, experiment: str
) -> None:
    loops = set()

    @mlflow.trace
    async def predict(messages: list[dict[str, Any]], mlflow_session_id: str) -> str:
        loops.add(id(asyncio.get_running_loop()))
        await asyncio.sleep(0.05)
        return f"{reply(1)} {mlflow_session_id}"

    simulator = ours.ConversationSimulator(test_cases=CASES * 3, max_turns=2)
    for sessions in (simulator.simulate(predict),):
        for traces, conversation in zip(sessions, simulator.conversations, strict=False):
            assert [trace.data.spans[0].outputs for trace in traces] == [f"{reply(1)} {conversation.session_id}"] * len(
                traces
            )
    mlflow.genai.evaluate(data=simulator, predict_fn=predict, scorers=[Safety()])
    assert len(loops) == 2, "one for each simulation"


def test_only_the_agent_leaves_traces_even_where_all_calls_of_a_client_are_traced(
    models: ModelServer, experiment: str
) -> None:
    mlflow.openai.autolog()
    try:
        agent = Agent(models)
        sessions = ours.ConversationSimulator(test_cases=CASES, max_turns=2).simulate(
            lambda messages, **_: agent.ask(messages)
        )
    finally:
        mlflow.openai.autolog(disable=True)

    stored = mlflow.search_traces(locations=[experiment], return_type="list")
    assert len(stored) == sum(map(len, sessions)) == models.count("agent")
    assert {trace.data.spans[0].name for traces in sessions for trace in traces} == {"Completions"}


def test_a_simulation_inside_of_a_span_leaves_traces_of_its_own(models: ModelServer, experiment: str) -> None:
    with mlflow.start_span(name="a job that simulates"):
        sessions = ours.ConversationSimulator(test_cases=CASES, max_turns=1).simulate(Agent(models).traced)

    assert [[len(trace.data.spans) for trace in traces] for traces in sessions] == [[2], [2], [2]]


def test_what_is_given_of_turns_that_left_no_trace_is_what_the_server_has(models: ModelServer, experiment: str) -> None:
    cases = [{**case, "expectations": {"topic": "runs"}} for case in CASES]

    sessions = ours.ConversationSimulator(test_cases=cases, max_turns=2).simulate(Agent(models).untraced)

    stored = {it.info.trace_id: it for it in mlflow.search_traces(locations=[experiment], return_type="list")}
    given = {trace.info.trace_id: trace for traces in sessions for trace in traces}
    assert stored.keys() == given.keys()
    for trace_id, trace in given.items():
        there = stored[trace_id]
        assert [it.to_dict() for it in there.data.spans] == [it.to_dict() for it in trace.data.spans]
        assert there.data.spans[0].inputs["mlflow_session_id"] == there.info.trace_metadata["mlflow.trace.session"]
        for name in ("state", "request_preview", "response_preview", "request_time"):
            assert getattr(there.info, name) == getattr(trace.info, name)
        assert there.info.trace_metadata["mlflow.sourceRun"]
        said = [[it.name for it in of.search_assessments()] for of in (there, trace)]
        assert sorted(said[0]) == sorted(said[1])
        assert all(name.startswith("mlflow.") for name in there.info.tags), "no word of the process that ran"
    first = [sorted(it.name for it in traces[0].search_assessments()) for traces in sessions]
    assert first == [["simulation_ending", "topic"]] * 3


def test_a_turn_is_a_trace_also_where_tracing_is_turned_off(models: ModelServer, experiment: str) -> None:
    mlflow.tracing.disable()
    try:
        sessions = ours.ConversationSimulator(test_cases=CASES, max_turns=2).simulate(Agent(models).traced)
    finally:
        mlflow.tracing.enable()

    stored = mlflow.search_traces(locations=[experiment], return_type="list")
    assert [len(traces) for traces in sessions] == [2, 2, 2]
    assert len(stored) == 6


def test_nothing_is_asked_where_there_can_be_no_traces(
    models: ModelServer, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    with pytest.raises(MlflowException, match="OTEL_SDK_DISABLED turns all of them off: unset it"):
        ours.ConversationSimulator(test_cases=CASES, max_turns=2).simulate(Agent(models).untraced)

    assert not models.asked


def test_ctrl_c_keeps_the_traces_of_the_turns_that_were_held(
    models: ModelServer, experiment: str, tmp_path: Path
) -> None:
    agent = Agent(models)

    def stopped(input: list[dict[str, Any]], **context: Any) -> Any:
        answer = agent.untraced(input, **context)
        if len(agent.calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        return answer

    def simulator(**resume: Any) -> Any:
        return ours.ConversationSimulator(CASES, max_turns=2, concurrency=1, store=tmp_path / "kept.db", **resume)

    with pytest.raises(KeyboardInterrupt):
        simulator().simulate(stopped)
    held = len(mlflow.search_traces(locations=[experiment], return_type="list"))
    sessions = simulator(resume="latest").simulate(agent.untraced)

    stored = mlflow.search_traces(locations=[experiment], return_type="list")
    assert held >= 2
    assert [len(traces) for traces in sessions] == [2, 2, 2]
    assert len(stored) == 6, "and none is there twice"


def test_an_agent_takes_what_it_names_and_may_change_what_it_is_handed(models: ModelServer, experiment: str) -> None:
    histories = []

    def predict(messages: list[dict[str, Any]]) -> str:
        histories.append([message["content"] for message in messages])
        messages.insert(0, {"role": "system", "content": "Be brief"})
        messages[-1]["content"] = "changed"
        return reply(len(histories))

    [traces] = ours.ConversationSimulator(test_cases=CASES[:1], max_turns=2).simulate(predict)

    assert "Be brief" not in str(histories)
    assert "changed" not in str(histories)
    assert len(traces) == 2


def test_the_context_reaches_the_agent_as_it_is_whatever_it_holds(models: ModelServer, experiment: str) -> None:
    client, met = object(), []

    def predict(messages: list[dict[str, Any]], tool_box: object, **_: Any) -> str:
        met.append(tool_box)
        return reply(1)

    ours.ConversationSimulator(test_cases=[{**CASES[0], "context": {"tool_box": client}}], max_turns=1).simulate(
        predict
    )

    assert met == [client]


FACT = "the number of my order is 4711"


def with_a_fact() -> dict[str, Any]:
    gate = {"asked": "the number of the order"}
    return {"goal": "Find out when my order comes", "facts": [{"id": "number", "text": FACT, "gate": gate}]}


def asks_for_the_number(messages: list[dict[str, Any]], **_: Any) -> str:
    turn = len([message for message in messages if message["role"] == "user"])
    answers = ["It is on its way.", "What is the number of your order?", "It comes on Monday."]
    return answers[min(turn, 3) - 1]


def test_a_fact_is_not_shown_to_whoever_words_the_user_before_the_agent_asks_for_it(
    models: ModelServer, experiment: str
) -> None:
    models.goal_reached_after = 3

    ours.ConversationSimulator(test_cases=[with_a_fact()], max_turns=3).simulate(asks_for_the_number)

    told = ["4711" in asked.text for asked in models.asked_for("worded user")]
    assert told[:2] == [False, False]
    assert told[2]


def test_facts_go_through_a_dataset_of_mlflow_and_come_back(models: ModelServer, experiment: str) -> None:
    from reenact.mlflow import _guidelines

    case = {
        "simulation_guidelines": ["Be curt"],
        "opening": "Where is it?",
        "patience": 2,
        "facts": [
            {"id": "fact-1", "text": FACT, "gate": {"asked": 'the "number"'}},
            {"id": "fact-2", "text": "it is a gift: for Ann", "gate": {"after": "fact-1"}},
            {"id": "fact-3", "text": "it is late", "gate": {"when": "the agent says twice: sorry"}},
            {"id": "fact-4", "text": "I live in Bonn", "gate": "open"},
            {"id": "fact-5", "text": "I am a tester", "gate": "never"},
        ],
    }
    sentences = _guidelines.written(case)
    assert _guidelines.read(sentences) == case
    dataset = create_dataset(name=f"facts-{experiment}", experiment_id=[experiment])
    dataset.merge_records([{"inputs": {"goal": "Find out when it comes", "simulation_guidelines": sentences}}])
    [kept] = ours.ConversationSimulator(test_cases=dataset).test_cases
    assert _guidelines.read(kept["simulation_guidelines"]) == case


def test_a_class_of_ones_own_is_told_a_fact_when_its_time_has_come(models: ModelServer, experiment: str) -> None:
    models.goal_reached_after = 3
    told: list[str] = []

    class Reader(ours.BaseSimulatedUserAgent):  # type: ignore[misc, name-defined]
        def generate_message(self, context: Any) -> str:
            told.append(str(context.simulation_guidelines))
            return "4711" if FACT in told[-1] else "And when does it come?"

    simulator = ours.ConversationSimulator(test_cases=[with_a_fact()], max_turns=3, user_agent_class=Reader)
    simulator.simulate(asks_for_the_number)

    assert [FACT in it for it in told] == [False, False, True]
    said = [it["content"] for it in simulator.conversations[0].messages if it["role"] == "user"]
    assert said == ["And when does it come?", "And when does it come?", "4711"], (
        "its words are its own, as often as it says them"
    )


def test_sessions_that_give_no_case_are_named_at_their_place(models: ModelServer, experiment: str) -> None:
    def recorded(session: str, words: str | None) -> list[Trace]:
        with mlflow.tracing.context(session_id=session), mlflow.start_span(name="chat") as span:
            if words is not None:
                span.set_inputs({"messages": [{"role": "user", "content": words}]})
                span.set_outputs(reply(1))
            trace_id = span.trace_id
        mlflow.flush_trace_async_logging()
        return [mlflow.get_trace(trace_id)]

    sessions = [recorded("a", "How do I track a run?"), recorded("b", None), recorded("c", "Where are my metrics?"), []]

    cases = ours.generate_test_cases(sessions)

    assert [case["goal"] for case in cases] == ["How do I track a run?", "Where are my metrics?"]
    assert [type(it).__name__ for it in cases.of_sessions] == [
        "TestCase",
        "SkippedSession",
        "TestCase",
        "SkippedSession",
    ]
    assert [(it.at, it.session_id) for it in cases.skipped] == [(1, "b"), (3, "session-3")]
    assert all(it.reason for it in cases.skipped)
    assert [case.origin.session for case in cases.suite.cases] == ["a", "c"]


def test_what_a_user_says_late_and_turns_against_is_kept_apart(models: ModelServer, experiment: str) -> None:
    said = [
        ("How are the markets doing?", "The market is open, the index is up."),
        ("No, it is Saturday, the market is closed", "You are right, these are Friday's levels."),
    ]
    for words, answer in said:
        with mlflow.tracing.context(session_id="market"), mlflow.start_span(name="chat") as span:
            span.set_inputs({"messages": [{"role": "user", "content": words}]})
            span.set_outputs(answer)
    mlflow.flush_trace_async_logging()

    cases = ours.generate_test_cases(mlflow.search_sessions(locations=[experiment]), model="offline")

    [case], [record] = list(cases), cases.records()
    assert "Saturday" not in case["goal"]
    assert any(it.startswith("Before this happens, ") and "Saturday" in it for it in case["simulation_guidelines"])
    assert record["expectations"]
    dataset = create_dataset(name=f"market-{experiment}", experiment_id=[experiment])
    dataset.merge_records(cases.records())
    [loaded] = ours.ConversationSimulator(test_cases=dataset).test_cases
    assert loaded["expectations"] == record["expectations"]
    assert [fact["text"] for fact in loaded["facts"]] == [fact.text for fact in cases.suite.cases[0].brief.facts]
    assert "simulation_guidelines" not in loaded or "Saturday" not in str(loaded["simulation_guidelines"])


def test_a_conversation_that_is_thrown_away_is_marked_and_not_among_the_results(
    models: ModelServer, experiment: str
) -> None:
    agent = Agent(models)
    coaching = json.dumps({"text": "You should always ask for the name first, and then call the tool."})

    def predict(messages: list[dict[str, Any]], **_: Any) -> str:
        if models.count("agent") == 0:
            models.faults.append(Fault("worded user", times=3, content=coaching))
        return str(agent.ask(messages).choices[0].message.content)

    simulator = ours.ConversationSimulator(CASES[:1], max_turns=2)
    [traces] = simulator.simulate(predict)

    stored = mlflow.search_traces(locations=[experiment], return_type="list")
    marked = [trace for trace in stored if "reenact.discarded" in trace.info.tags]
    assert len(traces) == 2
    assert [trace.info.trace_id in [it.info.trace_id for it in traces] for trace in marked] == [False]
    assert "You should always" in marked[0].info.tags["reenact.discarded"]


KILLED = """
import os, signal, sys
import mlflow
from with_mlflow.agents import Agent
from reenact.mlflow import ConversationSimulator

class Models:
    url = os.environ["OPENAI_BASE_URL"]

agent, calls = Agent(Models), []

@mlflow.trace
def predict(messages, **context):
    calls.append(messages)
    if len(calls) == int(sys.argv[1]):
        mlflow.flush_trace_async_logging()
        os.kill(os.getpid(), signal.SIGKILL)
    return agent.ask(messages).choices[0].message.content

mlflow.set_experiment(experiment_id=sys.argv[2])
cases = [{"goal": f"Learn how the part {name} of a run is tracked"} for name in ("one", "two", "three")]
resume = {"resume": "latest"} if sys.argv[1] == "0" else {}
simulator = ConversationSimulator(cases, max_turns=3, concurrency=1, store="simulations.db", **resume)
print([len(traces) for traces in simulator.simulate(predict)], [it.ending for it in simulator.conversations])
"""


def test_a_simulation_that_is_killed_goes_on_and_asks_nothing_twice(
    models: ModelServer, experiment: str, tmp_path: Path
) -> None:
    def simulate(kill_at_call: int) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        environment = {**os.environ, "PYTHONPATH": paths, "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
        command = [sys.executable, "-c", KILLED, str(kill_at_call), experiment]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    killed = simulate(kill_at_call=4)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert models.count("agent") == 3
    resumed = simulate(kill_at_call=0)

    assert "[2, 2, 2] ['satisfied', 'satisfied', 'satisfied']" in resumed.stdout, resumed.stderr
    assert models.count("agent") == 6, "each turn once"
    assert models.count("worded user") == 6
    stored = mlflow.search_traces(locations=[experiment], return_type="list")
    turns = [
        (it.info.trace_metadata["mlflow.trace.session"], it.info.trace_metadata["mlflow.simulation.turn"])
        for it in stored
    ]
    assert len(set(turns)) == len(turns) == 6, "and each a trace, once"


def test_a_simulation_goes_on_with_its_own_cases_only(models: ModelServer, experiment: str, tmp_path: Path) -> None:
    store = tmp_path / "simulations.db"
    ours.ConversationSimulator(CASES, max_turns=1, store=store).simulate(Agent(models).traced)

    other = ours.ConversationSimulator(CASES[:2], max_turns=1, store=store, resume="latest")
    with pytest.raises(ValueError, match="other test cases"):
        other.simulate(Agent(models).traced)
    with pytest.raises(ValueError, match="store"):
        ours.ConversationSimulator(CASES, resume="latest")


def test_what_is_wrong_with_cases_is_told_for_each_of_them(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="test case 0") as fault:
        ours.ConversationSimulator(
            test_cases=[{"goal": 7}, {"goal": "Learn", "context": ["u"]}, {"goal": "Learn", "expectations": "none"}]
        )
    lines = str(fault.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["test case 0", "test case 1", "test case 2"]
    ours.ConversationSimulator(test_cases=[{"goal": "Learn", "perzona": "curt"}])
    assert "did you mean 'persona'?" in caplog.text


def test_a_suite_file_is_a_set_of_test_cases(models: ModelServer, experiment: str, tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "cases:\n  - id: order\n    goal: Find out when my order comes\n    facts:\n"
        f"      - {{ id: number, text: {FACT}, gate: {{ asked: the number of the order }} }}\n"
        "    expectations:\n      - id: says-when\n        text: The agent says on which day it comes\n"
    )
    [traces] = ours.ConversationSimulator(test_cases=suite, max_turns=3).simulate(asks_for_the_number)

    [expected] = traces[0].search_assessments(type="expectation")
    assert (expected.name, expected.expectation.value) == ("says-when", "The agent says on which day it comes")


def test_mlflow_is_asked_for_where_it_is_not_there_or_not_one_that_this_works_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import importlib.metadata

    from reenact.mlflow import _versions

    def is_version(version: str) -> None:
        monkeypatch.setattr(importlib.metadata, "version", lambda _: version)

    is_version("3.9.0")
    with pytest.raises(ImportError, match=r"found 3\.9\.0"):
        _versions.check()
    is_version("4.0.0rc1")
    with pytest.raises(ImportError, match="not including, 4"):
        _versions.check()
    is_version("3.99.1")
    _versions.check()

    def missing(_: str) -> str:
        raise importlib.metadata.PackageNotFoundError("mlflow")

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(ImportError, match=r"reenact\[mlflow\]"):
        _versions.check()
