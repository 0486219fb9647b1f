"""Runs against Python's own code: what it is given, what it may answer, what becomes of what it raises."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import functools
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import reenact

from stage import a_case, good, stubborn


def test_a_function_is_played_against_and_judged(suite: reenact.Suite, store: reenact.Store) -> None:
    report = reenact.run(suite, stubborn, store=store, trials=2, concurrency=4)
    assert {(trial.case, trial.outcome.value) for trial in report.trials} == {
        ("never-came", "failed"),
        ("new-address", "passed"),
    }
    assert (report.status, report.passed, report.outcomes.failed) == (reenact.Status.FAILED, False, 2)
    [assessment] = report.of_case("never-came")[0].assessments
    assert (assessment.verdict, assessment.turns[0]) == (reenact.Verdict.FAIL, 1)
    assert report.run.plan.agent == f"python:{stubborn.__module__}:stubborn"
    assert reenact.run(suite, good, store=store).passed
    assert str(report).startswith("1 of 2 cases failed, 1 passed.\n  never-came: the agent said")


def test_the_same_seed_gives_the_same_conversations(suite: reenact.Suite, store: reenact.Store) -> None:
    first, second = (reenact.run(suite, stubborn, store=store, seed=7) for _ in range(2))
    assert [trial.conversation for trial in first.trials] == [trial.conversation for trial in second.trials]


def test_an_agent_is_given_what_its_parameters_name(store: reenact.Store) -> None:
    seen: dict[str, Any] = {}

    def agent(messages, input, message, turn, session_id, mlflow_session_id, context, shop, unasked="unasked", **rest):  # type: ignore[no-untyped-def]
        seen.update(locals())
        return "hi"

    reenact.run(a_case(context={"shop": "Leeds", "open": True}), agent, store=store, max_turns=1)
    assert seen["messages"] == seen["input"] == [{"role": "user", "content": "hello"}]
    assert (seen["message"], seen["shop"], seen["unasked"]) == ("hello", "Leeds", "unasked")
    assert seen["session_id"] == seen["mlflow_session_id"] == seen["turn"].session_id
    assert seen["session_id"].startswith("sim-")
    assert seen["context"] == {"shop": "Leeds", "open": True}
    assert seen["rest"] == {"open": True}
    assert (seen["turn"].number, seen["turn"].case, seen["turn"].origin) == (1, "any", None)
    assert seen["turn"].conversation == [reenact.Message.user("hello")]
    assert "number=1" in repr(seen["turn"])


def test_whoever_takes_anything_is_given_what_mlflow_gives(store: reenact.Store) -> None:
    seen: dict[str, Any] = {}

    def agent(**given: Any) -> str:
        seen.update(given)
        return "hi"

    reenact.run(a_case(context={"shop": "Leeds"}), agent, store=store)
    assert seen.keys() == {"messages", "mlflow_session_id", "shop"}


def test_a_parameter_that_no_turn_has_is_an_error_before_anything_is_asked(store: reenact.Store) -> None:
    with pytest.raises(TypeError, match=r"takes `question`, which is no part of a turn .messages, input.*case `any`"):
        reenact.run(a_case(), lambda question: "hi", store=store)
    with pytest.raises(TypeError, match="by position only"):
        reenact.run(a_case(), lambda message, /: "hi", store=store)
    with pytest.raises(TypeError, match="something to call, not int"):
        reenact.run(a_case(), 7, store=store)  # type: ignore[arg-type]
    assert store.runs() == []


class Completion:
    """As clients of models give them: an object that knows how to become a dict."""

    def model_dump(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "hi"}
        return {
            "choices": [{"message": message}],
            "model": "m-1",
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        }


@dataclasses.dataclass
class Answer:
    """A class of somebody's own."""

    reply: str


ANSWERS: list[Any] = [
    "hi",
    {"role": "assistant", "content": "hi"},
    {"reply": "hi"},
    [{"role": "tool", "content": "7", "tool_call_id": "1"}, {"role": "assistant", "content": "hi"}],
    Completion(),
    Answer("hi"),
    {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}]},
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_an_agent_answers_in_any_of_the_usual_forms(answer: Any, store: reenact.Store) -> None:
    report = reenact.run(a_case(), lambda messages: answer, store=store)
    assert report.passed
    assert report.trials[0].conversation[-1].text == "hi"


def test_what_a_completion_says_of_its_model_and_tokens_is_kept(store: reenact.Store) -> None:
    trial = reenact.run(a_case(), lambda messages: Completion(), store=store).trials[0]
    assert trial.agent_version == "m-1"
    assert trial.agent_usage[0] is not None
    assert trial.agent_usage[0].input_tokens == 3


@pytest.mark.parametrize(
    ("answer", "fault"), [(7, "malformed"), ("", "empty"), (None, "malformed"), ({"a": 1}, "malformed")]
)
def test_what_is_no_answer_is_a_fault_that_says_so(answer: Any, fault: str, store: reenact.Store) -> None:
    trial = reenact.run(a_case(), lambda messages: answer, store=store).trials[0]
    assert (trial.outcome, trial.ending.kind, trial.ending.detail["fault"]) == ("errored", "agent_failed", fault)


def test_words_that_are_no_unicode_arrive_with_a_mark(store: reenact.Store) -> None:
    trial = reenact.run(a_case(), lambda messages: "hi \ud800 there", store=store).trials[0]
    assert trial.conversation[-1].text == "hi ? there"


def breaks(messages: list[Any]) -> str:
    raise ValueError("no such\norder")


def test_an_exception_ends_its_trial_and_is_kept_with_its_traceback(suite: reenact.Suite, store: reenact.Store) -> None:
    report = reenact.run(suite, breaks, store=store)
    assert [trial.outcome.value for trial in report.trials] == ["errored", "errored"]
    reason = report.trials[0].ending.detail["reason"]
    assert reason.startswith("ValueError: no such order (test_running.py:")
    assert "in breaks" in reason
    assert {raised.session_id for raised in report.exceptions} == {trial.session_id for trial in report.trials}
    assert report.exceptions[0].error.__traceback__ is not None


def test_an_exception_comes_back_as_itself_and_the_run_goes_on_when_it_is_mended(
    suite: reenact.Suite, store: reenact.Store
) -> None:
    asked: list[str] = []

    def once(message: str) -> str:
        asked.append(message)
        if "Elm" in message:
            raise LookupError("no such street")
        return good(message)

    with pytest.raises(LookupError, match="no such street") as raised:
        reenact.run(suite, once, store=store, on_error="raise", concurrency=1)
    assert any(frame.name == "once" for frame in raised.traceback)
    before = list(asked)
    report = reenact.resume(agent=good, store=store)
    assert report.passed
    # What was answered before is not asked again, and what was raised is.
    assert before[-1] == "7 Elm Street, Leeds"
    assert report.of_case("never-came")[0].conversation[0].text == before[0]


def test_what_leaves_a_program_leaves_a_run_whatever_becomes_of_errors(store: reenact.Store) -> None:
    def leaves(messages: list[Any]) -> str:
        raise SystemExit(4)

    with pytest.raises(SystemExit):
        reenact.run(a_case(), leaves, store=store)


def test_what_hears_of_trials_stops_the_run_with_its_exception(suite: reenact.Suite, store: reenact.Store) -> None:
    heard: list[reenact.Trial] = []
    reenact.run(suite, good, store=store, on_trial=heard.append)
    assert {trial.case for trial in heard} == {"never-came", "new-address"}

    def refuses(trial: reenact.Trial) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reenact.run(suite, good, store=store, on_trial=refuses)


def test_many_slow_functions_go_on_at_once_on_threads(store: reenact.Store) -> None:
    together = threading.Barrier(20, timeout=60)

    def waits_for_all(messages: list[Any]) -> str:
        together.wait()
        return "hi"

    report = reenact.run(a_case(), waits_for_all, store=store, trials=20, concurrency=20, max_turns=1)
    assert report.passed


def test_many_coroutines_go_on_at_once_on_one_loop(store: reenact.Store) -> None:
    loops: set[int] = set()
    together: list[asyncio.Event] = []
    waiting = 0

    async def waits_for_all(messages: list[Any]) -> str:
        nonlocal waiting
        loops.add(id(asyncio.get_running_loop()))
        waiting += 1
        if not together:
            together.append(asyncio.Event())
        if waiting == 200:
            together[0].set()
        await asyncio.wait_for(together[0].wait(), 60)
        return "hi"

    report = reenact.run(a_case(), waits_for_all, store=store, trials=200, concurrency=200, max_turns=1)
    assert report.passed
    assert len(loops) == 1


class Method:
    """An object with an `async` call."""

    async def __call__(self, message: str) -> str:
        await asyncio.sleep(0)
        return "hi"


@pytest.mark.parametrize("agent", [Method(), functools.partial(Method().__call__), lambda message: Method()(message)])
def test_whatever_gives_something_to_await_is_awaited(agent: Any, store: reenact.Store) -> None:
    assert reenact.run(a_case(), agent, store=store).passed


def test_who_has_a_loop_already_awaits_and_its_agents_run_there(store: reenact.Store) -> None:
    async def main() -> None:
        here = asyncio.get_running_loop()
        ticks = 0

        async def agent(message: str) -> str:
            assert asyncio.get_running_loop() is here
            return "hi"

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        report = await reenact.run_async(a_case(), agent, store=store, trials=3)
        ticking.cancel()
        assert report.passed
        assert ticks > 1
        judged = await reenact.judge_async(report, store=store)
        assert judged.passed

    asyncio.run(main())


def test_a_run_that_is_cancelled_stops_and_can_be_resumed(store: reenact.Store) -> None:
    async def main() -> None:
        begun = asyncio.Event()
        free = asyncio.Event()

        async def agent(message: str) -> str:
            begun.set()
            await free.wait()
            return "hi"

        work = asyncio.create_task(reenact.run_async(a_case(), agent, store=store, trials=3, concurrency=1))
        await begun.wait()
        work.cancel()
        await asyncio.sleep(0)
        free.set()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not store.runs()[0]["finished"]
        report = await reenact.resume_async(agent=agent, store=store)
        assert report.passed
        assert report.trials_done == 3

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_an_agent_that_takes_too_long_is_timed_out_and_holds_up_nobody(kind: str, store: reenact.Store) -> None:
    late = threading.Event()

    def plain(turn: reenact.AgentTurn) -> str:
        if turn.case == "slow":
            late.wait(30)
        return "hi"

    async def slow(turn: reenact.AgentTurn) -> str:
        if turn.case == "slow":
            await asyncio.sleep(30)
        return "hi"

    agent = plain if kind == "plain" else slow
    report = reenact.run([a_case("slow"), a_case("quick")], agent, store=store, agent_timeout_seconds=1)
    late.set()
    [trial] = report.of_case("slow")
    assert (trial.ending.kind.value, trial.ending.detail["fault"]) == ("agent_failed", "timed_out")
    assert report.of_case("quick")[0].outcome.value == "passed"


def test_the_interpreters_lock_is_free_while_a_run_waits(store: reenact.Store) -> None:
    counted, begun = 0, threading.Event()
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        begun.set()
        while not done.is_set():
            counted += 1

    counting = threading.Thread(target=count)
    counting.start()
    begun.wait()
    at_first = counted
    # Nobody of Python's takes part: all of it is Rust's.
    reenact.run([a_case(f"c{n}") for n in range(50)], 'cmd:printf \'{"reply":"hi"}\\n\'', store=store)
    at_last = counted
    done.set()
    counting.join()
    assert at_last > at_first + 1000


def test_an_agent_takes_no_more_conversations_than_it_is_said_to(store: reenact.Store) -> None:
    busy: set[str] = set()
    most = 0
    lock = threading.Lock()

    def agent(session_id: str) -> str:
        nonlocal most
        with lock:
            busy.add(session_id)
            most = max(most, len(busy))
        time.sleep(0.005)
        with lock:
            busy.discard(session_id)
        return "hi"

    assert reenact.run(a_case(), agent, store=store, trials=12, agent_concurrency=2).passed
    assert most <= 2


def test_what_the_caller_knows_by_context_its_code_knows_too(store: reenact.Store) -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    who.set("me")

    async def agent(message: str) -> str:
        return f"hi {who.get()}"

    for asked in (agent, lambda message: f"hi {who.get()}"):
        assert reenact.run(a_case(), asked, store=store).trials[0].conversation[1].text == "hi me"


class Impatient:
    """A user that says one thing and leaves."""

    async def next(self, scene: reenact.Scene) -> reenact.Say | reenact.Leave:
        assert not hasattr(scene, "expectations")
        if scene.conversation:
            return reenact.Leave("lost_patience")
        return reenact.Say(f"{scene.brief.goal}!", act="open")


def test_a_user_of_ones_own_plays(suite: reenact.Suite, store: reenact.Store) -> None:
    report = reenact.run(suite, good, user=Impatient(), store=store)
    assert {trial.ending.kind.value for trial in report.trials} == {"lost_patience"}
    assert report.trials[0].conversation[0].text == "my parcel 4711 never came, I want my money back!"
    assert report.run.plan.user_model == f"python:{__name__}:Impatient"

    def plain(scene: reenact.Scene) -> Any:
        told = {disclosed.fact for disclosed in scene.disclosures}
        facts = [fact for fact in scene.brief.facts if fact.id not in told]
        if not scene.conversation:
            return scene.brief.goal
        return reenact.Say(facts[0].text, discloses=(facts[0].id,)) if facts else reenact.Leave()

    trial = reenact.run(suite["new-address"], good, user=plain, store=store).trials[0]
    assert (trial.outcome.value, trial.disclosures[0].fact) == ("passed", "elm-street")


def test_a_user_that_fails_says_nothing_about_the_agent(store: reenact.Store) -> None:
    def broken(scene: reenact.Scene) -> str:
        raise RuntimeError("asleep")

    report = reenact.run(a_case(), good, user=broken, store=store)
    assert (report.trials[0].outcome.value, report.trials[0].ending.kind.value) == ("errored", "user_failed")
    assert (report.exceptions[0].role, str(report.exceptions[0].error)) == ("user", "asleep")
    wrong: Any = lambda scene: 7  # noqa: E731
    report = reenact.run(a_case(), good, user=wrong, store=store)
    assert "TypeError: a simulated user answers with a text" in str(report.trials[0].ending)


class WordCounter:
    """A judge that counts."""

    def assess(self, expectation: reenact.Expectation, hearing: reenact.Hearing) -> reenact.Ruling:
        words = sum(len(message.text.split()) for message in hearing.conversation if message.speaker == "agent")
        return reenact.Ruling("pass" if words < 5 else "fail", f"{words} words", turns=(1,), value=words)


def judged_case() -> reenact.TestCase:
    return a_case(expectations=[{"id": "brief", "text": "The agent is brief", "judged": None}])


def test_a_judge_of_ones_own_judges_now_and_again(store: reenact.Store) -> None:
    report = reenact.run(judged_case(), lambda message: "hi", judge=WordCounter(), store=store, max_turns=1)
    [assessment] = report.trials[0].assessments
    assert (assessment.verdict.value, assessment.reason, assessment.turns, assessment.value) == (
        "pass",
        "1 words",
        [1],
        1,
    )
    assert assessment.judge == f"python:{__name__}:WordCounter"
    again = reenact.judge(report, judge=lambda expectation, hearing: False, store=store)
    assert again.trials[0].outcome.value == "failed"
    assert again.trials[0].conversation == report.trials[0].conversation
    assert reenact.judge(store=store).trials[0].outcome.value == "inconclusive"


@pytest.mark.parametrize(
    ("ruling", "verdict"),
    [
        (True, "pass"),
        (False, "fail"),
        ("inconclusive", "inconclusive"),
        (("fail", "because"), "fail"),
        (reenact.Verdict.PASS, "pass"),
    ],
)
def test_a_judge_answers_in_any_handy_form(ruling: Any, verdict: str) -> None:
    said = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]

    async def judge(expectation: reenact.Expectation, hearing: reenact.Hearing) -> Any:
        assert hearing.ending is None
        return ruling

    [assessment] = reenact.assess(judged_case(), said, judge=judge)
    assert assessment.verdict.value == verdict


def test_a_judge_that_fails_decides_nothing(store: reenact.Store) -> None:
    def broken(expectation: reenact.Expectation, hearing: reenact.Hearing) -> bool:
        raise RuntimeError("no verdict")

    report = reenact.run(judged_case(), lambda message: "hi", judge=broken, store=store)
    assert report.trials[0].outcome.value == "inconclusive"
    assert "RuntimeError: no verdict" in report.trials[0].assessments[0].reason
    with pytest.raises(RuntimeError, match="no verdict"):
        reenact.assess(judged_case(), report.trials[0].conversation, judge=broken)


def test_built_in_judges_are_named_and_decide_nothing_without_a_model(store: reenact.Store) -> None:
    report = reenact.run(a_case(), good, judges=["conversation_completeness"], store=store)
    assert report.trials[0].assessments[-1].expectation == "conversation_completeness"
    with pytest.raises(reenact.Error, match="neither a built-in judge nor a file"):
        reenact.run(a_case(), good, judges=["astrology"], store=store)


def test_participants_are_also_names(suite: reenact.Suite, store: reenact.Store, recording: bytes) -> None:
    store.import_(recording)
    report = reenact.run(reenact.distill(store).suite(), "recorded", store=store, user_kind="recorded")
    assert (report.run.plan.agent, report.run.plan.user) == ("recorded", "recorded")
    with pytest.raises(reenact.Error, match="`nobody` is not the name of an agent"):
        reenact.run(suite, "nobody", store=store)
    with pytest.raises(reenact.Error) as raised:
        reenact.run(suite, good, user="nobody", store=store)
    assert raised.value.hint


def test_a_run_of_code_is_not_resumed_without_it(suite: reenact.Suite, store: reenact.Store) -> None:
    reenact.run(suite, good, store=store)
    with pytest.raises(reenact.Error, match="the agent of this run is code of your own") as raised:
        reenact.resume(store=store)
    assert "hand it in" in str(raised.value)


def test_a_report_is_written_in_every_form(suite: reenact.Suite, store: reenact.Store, tmp_path: Path) -> None:
    report = reenact.run(suite, stubborn, store=store)
    assert '<testsuite name="parcels"' in report.to_junit(tmp_path / "r.xml")
    assert "never-came" in report.to_markdown(tmp_path / "r.md")
    assert "<!doctype html>" in report.to_html(tmp_path / "r.html", store=store)
    assert (tmp_path / "r.xml").read_text() == report.to_junit()
    assert report._repr_markdown_() == report.to_markdown()
    comparison = reenact.diff(reenact.run(suite, good, store=store), report)
    assert {case.case: case.change.value for case in comparison.cases}["never-came"] != "unchanged"


def test_a_report_is_a_dataframe_of_trials_or_of_assessments(suite: reenact.Suite, store: reenact.Store) -> None:
    pytest.importorskip("pandas")
    report = reenact.run(suite, stubborn, store=store, trials=2)
    trials = report.to_pandas()
    assert list(trials.groupby("case")["outcome"].first()) == ["failed", "passed"]
    assert trials["why"].notna().sum() == 2
    assert list(report.to_pandas("assessments")["verdict"]) == ["fail", "fail", "pass", "pass"]
    with pytest.raises(ValueError, match="not of `cases`"):
        report.to_pandas("cases")


def test_how_far_it_is_is_said_only_where_somebody_looks(
    suite: reenact.Suite, store: reenact.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    reenact.run(suite, good, store=store)
    assert capsys.readouterr() == ("", "")
    reenact.run(suite, good, store=store, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "0/2 trials" in err
    assert err.endswith("\r\033[K")


def test_a_cost_that_is_none_says_so(suite: reenact.Suite, store: reenact.Store) -> None:
    assert reenact.run(suite, good, store=store, max_cost="0.50").passed
    with pytest.raises(reenact.Error, match="is no amount of US dollars"):
        reenact.run(suite, good, store=store, max_cost="-1")


def test_code_of_ones_own_is_not_told_as_a_model_with_prompts(suite: reenact.Suite, store: reenact.Store) -> None:
    report = reenact.run(suite, good, user=Impatient(), judge=WordCounter(), store=store)
    made = report.run.provenance
    assert (made.user_prompts, made.judge_prompts, made.prices) == ([], [], {})
