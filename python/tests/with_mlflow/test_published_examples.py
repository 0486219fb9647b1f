"""What MLflow's pages on simulated conversations show, called as they call it. Each test runs on MLflow's simulators and on ours."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any, Literal

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Trace
from mlflow.genai.datasets import create_dataset, get_dataset
from mlflow.genai.judges import make_judge
from mlflow.genai.scorers import ConversationCompleteness, Safety, scorer

from .agents import Agent
from .model_server import USERS_WORDS, ModelServer, reply

GOALS: list[dict[str, Any]] = [
    {"goal": "Learn how runs and experiments are tracked"},
    {"goal": "Find out why a deployment fails", "persona": "You are a data scientist who has lost hours on this"},
    {
        "goal": "Set up versions of a model for production",
        "persona": "You are new to this and want to be led step by step",
        "context": {"user_id": "beginner_123"},
    },
]


def test_the_quick_start_simulates_evaluates_and_scores_each_conversation_and_each_turn(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    agent = Agent(models)
    simulator = simulators.ConversationSimulator(test_cases=GOALS, max_turns=5)

    results: Any = mlflow.genai.evaluate(
        data=simulator, predict_fn=agent.untraced, scorers=[ConversationCompleteness(), Safety()]
    )

    assert results.metrics["conversation_completeness/mean"] == 1.0
    assert results.metrics["safety/mean"] == 1.0
    # Three conversations of two turns: the second reply reaches the goal.
    frame = results.result_df
    assert len(frame) == 6
    assert frame["safety/value"].notna().all()
    assert frame["conversation_completeness/value"].notna().sum() == 3
    assert {call.get("user_id") for call in agent.calls} == {None, "beginner_123"}


def test_test_cases_come_from_a_frame_and_a_context_that_is_missing_is_none(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    agent = Agent(models)
    frame = pd.DataFrame([{"persona": "You are curt", **case} for case in GOALS])

    sessions = simulators.ConversationSimulator(test_cases=frame, max_turns=2).simulate(agent.traced)

    assert [len(traces) for traces in sessions] == [2, 2, 2]
    assert {call.get("user_id") for call in agent.calls} == {None, "beginner_123"}


def test_test_cases_come_from_a_dataset_whose_name_the_evaluation_keeps(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    name = f"conversations-{experiment}"
    dataset = create_dataset(name=name, experiment_id=[experiment])
    dataset.merge_records(
        [{"inputs": {"goal": "Learn to track"}}, {"inputs": {"goal": "Debug it", "persona": "Expert"}}]
    )
    simulator = simulators.ConversationSimulator(test_cases=get_dataset(name=name), max_turns=1)

    results: Any = mlflow.genai.evaluate(data=simulator, predict_fn=Agent(models).untraced, scorers=[Safety()])

    assert len(results.result_df) == 2
    run: Any = mlflow.get_run(results.run_id)
    assert [it.dataset.name for it in run.inputs.dataset_inputs] == [name]


def test_sessions_of_an_experiment_become_test_cases_and_those_are_simulated(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    agent = Agent(models)
    for session in ("monday", "tuesday"):
        for turn, words in enumerate(["How do I track an experiment?", "It must be done before the deadline"], 1):
            with mlflow.tracing.context(session_id=session), mlflow.start_span(name="chat") as span:
                span.set_inputs({"messages": [{"role": "user", "content": words}]})
                span.set_outputs(reply(turn))
    mlflow.flush_trace_async_logging()

    test_cases = simulators.generate_test_cases(mlflow.search_sessions(locations=[experiment], max_results=50))

    assert len(test_cases) == 2
    for case in test_cases:
        assert isinstance(case, dict)
        assert case["goal"]
        assert set(case) <= {"goal", "persona", "simulation_guidelines"}
    dataset = create_dataset(name=f"distilled-{experiment}", experiment_id=[experiment])
    dataset.merge_records([{"inputs": case} for case in test_cases])
    assert len(simulators.ConversationSimulator(test_cases=test_cases, max_turns=1).simulate(agent.traced)) == 2


def test_a_list_of_traces_stands_for_a_session(simulators: ModuleType, models: ModelServer, experiment: str) -> None:
    with mlflow.tracing.context(session_id="a-session"), mlflow.start_span(name="chat") as span:
        span.set_inputs({"messages": [{"role": "user", "content": "How do I track an experiment?"}]})
        span.set_outputs(reply(1))
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(locations=[experiment], return_type="list")

    assert [case["goal"] for case in simulators.generate_test_cases([traces], model="openai:/gpt-5-mini")] != []


def test_the_agent_gets_the_history_the_context_and_one_session_id_for_each_conversation(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    agent = Agent(models)
    context = {"user_id": "u-1", "tier": {"name": "gold", "since": 2024}}

    simulators.ConversationSimulator(test_cases=[{"goal": "Learn", "context": context}, {"goal": "Debug"}]).simulate(
        agent.traced
    )

    by_session: dict[str, list[dict[str, Any]]] = {}
    for call in agent.calls:
        by_session.setdefault(call["mlflow_session_id"], []).append(call)
    assert len(by_session) == 2
    for session, calls in by_session.items():
        assert session.startswith("sim-")
        assert len(session) == len("sim-") + 16
        assert [len(call["messages"]) for call in calls] == [1, 3]
        last = calls[1]["messages"]
        assert [message["role"] for message in last] == ["user", "assistant", "user"]
        assert last[1]["content"] == reply(1)
        assert {call.get("user_id") for call in calls} in ({"u-1"}, {None})
    assert context in [{key: call.get(key) for key in context} for call in agent.calls]


@pytest.mark.parametrize("kind", ["untraced", "traced", "completion"])
def test_each_turn_is_one_trace_of_its_session_with_the_simulations_metadata(
    simulators: ModuleType, models: ModelServer, experiment: str, kind: str
) -> None:
    goal = "Learn how to track " + "very " * 60 + "well"
    case = {"goal": goal, "persona": "You are curt", "simulation_guidelines": ["Be brief", "Do not thank"]}

    [traces] = simulators.ConversationSimulator(test_cases=[case], max_turns=2).simulate(getattr(Agent(models), kind))

    assert all(isinstance(trace, Trace) for trace in traces)
    metadata = [trace.info.trace_metadata for trace in traces]
    assert [of["mlflow.simulation.turn"] for of in metadata] == ["0", "1"]
    assert {of["mlflow.simulation.persona"] for of in metadata} == {"You are curt"}
    [told] = {of["mlflow.simulation.goal"] for of in metadata}
    # What is too long is cut by both; ours marks it.
    assert len(told) == 250
    assert told[:249] == goal[:249]
    assert {of["mlflow.simulation.simulation_guidelines"] for of in metadata} == {"Be brief\nDo not thank"}
    assert len({of["mlflow.trace.session"] for of in metadata}) == 1
    assert len({of["mlflow.sourceRun"] for of in metadata}) == 1
    stored = mlflow.search_traces(locations=[experiment], return_type="list")
    assert {trace.info.trace_id for trace in stored} == {trace.info.trace_id for trace in traces}
    if kind == "traced":
        assert [span.name for span in traces[0].data.spans] == ["my_agent", "model"]


def test_simulating_alone_starts_a_run_and_inside_of_one_it_stays_there(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    simulator = simulators.ConversationSimulator(test_cases=[{"goal": "Learn"}], max_turns=1)

    [[alone]] = simulator.simulate(Agent(models).traced)
    with mlflow.start_run() as run:
        [[inside]] = simulator.simulate(Agent(models).traced)

    assert inside.info.trace_metadata["mlflow.sourceRun"] == run.info.run_id
    own = mlflow.get_run(alone.info.trace_metadata["mlflow.sourceRun"])
    assert own.info.run_name.startswith("simulation-")
    assert own.info.status == "FINISHED"


def test_a_conversation_ends_with_its_goal_or_its_turns(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    models.goal_reached_after = 3
    cases = [{"goal": "Learn how runs are tracked"}]

    [reached] = simulators.ConversationSimulator(test_cases=cases, max_turns=5).simulate(Agent(models).traced)
    [cut] = simulators.ConversationSimulator(test_cases=cases, max_turns=2).simulate(Agent(models).traced)

    assert (len(reached), len(cut)) == (3, 2)


def test_a_users_own_class_says_what_it_says_with_and_without_a_model(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    seen: list[Any] = []

    class Impatient(simulators.BaseSimulatedUserAgent):  # type: ignore[misc, name-defined]
        def generate_message(self, context: Any) -> str:
            seen.append((context, context.last_assistant_response, context.formatted_history))
            if context.is_first_turn:
                return f"I need help NOW with: {context.goal}"
            return str(
                self.invoke_llm(
                    f"Be impatient about: {context.last_assistant_response}", system_prompt="You are a user"
                )
            )

    agent = Agent(models)
    models.goal_reached_after = 3
    case = {"goal": "Reset my password", "persona": "In a hurry", "simulation_guidelines": "Do not thank"}

    simulators.ConversationSimulator(
        test_cases=[case], max_turns=3, user_agent_class=Impatient, user_model="openai:/gpt-5-mini"
    ).simulate(agent.traced)

    said = [message["content"] for message in agent.calls[-1]["messages"] if message["role"] == "user"]
    assert said[0] == "I need help NOW with: Reset my password"
    assert set(said[1:]) <= set(USERS_WORDS)
    assert [context.turn for context, _, _ in seen] == [0, 1, 2]
    last, heard, history = seen[-1]
    assert (last.goal, last.persona, last.simulation_guidelines) == ("Reset my password", "In a hurry", "Do not thank")
    assert heard == reply(2)
    assert f"assistant: {reply(1)}" in history
    asked = [*models.asked_for("user"), *models.asked_for("worded user")]
    assert [message["role"] for message in asked[0].body["messages"]] == ["system", "user"]


def test_a_user_that_changes_what_the_default_one_says_gets_its_words(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    class Shouting(simulators.SimulatedUserAgent):  # type: ignore[misc, name-defined]
        def generate_message(self, context: Any) -> str:
            return str(super().generate_message(context)).upper()

    agent = Agent(models)

    simulators.ConversationSimulator(
        test_cases=[{"goal": "Learn how runs are tracked"}], max_turns=2, user_agent_class=Shouting
    ).simulate(agent.traced)

    said = [message["content"] for message in agent.calls[-1]["messages"] if message["role"] == "user"]
    assert len(said) == 2
    assert set(said) <= {words.upper() for words in USERS_WORDS}


def test_a_scorer_of_sessions_sees_the_traces_and_a_judge_the_conversation(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    @scorer
    def turns(session: list[Trace]) -> int:
        return len(session)

    polite = make_judge(
        name="polite",
        model="openai:/gpt-5-mini",
        instructions="Was the agent polite in {{ conversation }}?",
        feedback_value_type=Literal["yes", "no"],
    )
    simulator = simulators.ConversationSimulator(test_cases=[{"goal": "Learn"}, {"goal": "Debug"}], max_turns=2)

    results: Any = mlflow.genai.evaluate(data=simulator, predict_fn=Agent(models).traced, scorers=[turns, polite])

    assert results.metrics["turns/mean"] == 2.0
    assert list(results.result_df["polite/value"].dropna()) == ["yes", "yes"]
    assert reply(2) in models.asked_for("judge")[-1].text


def test_an_async_agent_is_awaited_under_an_evaluation(
    simulators: ModuleType, models: ModelServer, experiment: str
) -> None:
    async def predict(input: list[dict[str, Any]], **_: Any) -> str:
        return reply(1)

    simulator = simulators.ConversationSimulator(test_cases=[{"goal": "Learn"}], max_turns=1)

    results: Any = mlflow.genai.evaluate(data=simulator, predict_fn=predict, scorers=[Safety()])

    [trace] = results.result_df["trace"]
    assert reply(1) in str(trace)


def test_what_cannot_be_simulated_is_refused_before_anything_is_called(
    simulators: ModuleType, models: ModelServer
) -> None:
    def refused(cases: Any) -> str:
        with pytest.raises(ValueError, match="est") as fault:
            simulators.ConversationSimulator(test_cases=cases)
        return str(fault.value)

    assert "empty" in refused([])
    assert "goal" in refused([{"goal": "Learn"}, {"persona": "You are curt"}])
    assert "context" in refused([{"goal": "Learn", "context": "u-1"}])
    assert "mlflow_session_id" in refused([{"goal": "Learn", "context": {"mlflow_session_id": "s"}}])
    with pytest.raises(TypeError, match="BaseSimulatedUserAgent"):
        simulators.ConversationSimulator(test_cases=[{"goal": "Learn"}], user_agent_class=dict)
    simulator = simulators.ConversationSimulator(test_cases=[{"goal": "Learn"}])
    with pytest.raises(mlflow.MlflowException, match="both"):
        simulator.simulate(lambda input, messages: "")
    with pytest.raises(mlflow.MlflowException, match="either"):
        simulator.simulate(lambda question: "")
    assert models.asked == []


def test_the_names_and_the_signatures_are_the_same(simulators: ModuleType) -> None:
    import mlflow.genai.simulators as peer

    for name in peer.__all__:
        assert name in simulators.__all__
        theirs = inspect.signature(getattr(peer, name)).parameters
        ours = inspect.signature(getattr(simulators, name)).parameters
        # What we take besides is by keyword only, so that no call means something else.
        assert [it for it in ours if it in theirs] == list(theirs)
        for of in theirs:
            assert (ours[of].kind, ours[of].default) == (theirs[of].kind, theirs[of].default), f"{name}({of})"
        assert all(ours[of].kind is inspect.Parameter.KEYWORD_ONLY for of in ours if of not in theirs)
