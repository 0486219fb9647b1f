"""The words: classes that hold what is stored, and nothing else."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import reenact
from reenact import _native, words
from reenact._word import Word

from stage import good

ROOT = Path(__file__).resolve().parents[2]
CLASSES = [it for it in vars(words).values() if isinstance(it, type) and issubclass(it, Word)]


def test_the_classes_are_what_the_published_schemas_say() -> None:
    written = subprocess.run([sys.executable, ROOT / "python" / "tools" / "write_words.py", "--check"], check=False)
    assert written.returncode == 0, "run python/tools/write_words.py, and look at the difference"


def test_every_class_and_every_member_is_documented() -> None:
    for word in CLASSES:
        assert (word.__doc__ or "").endswith("."), word


def test_a_plan_is_by_default_what_it_is_in_rust() -> None:
    assert words.Plan.from_dict(_native.plan_default()) == words.Plan()


def test_a_report_is_the_same_after_a_round_through_plain_data(suite: reenact.Suite, store: reenact.Store) -> None:
    report = reenact.run(suite, good, store=store, trials=2)
    data = report.to_dict()
    assert reenact.Report.from_dict(data) == report
    assert store.report(report.run.id) == report
    assert data.keys() == {"run", "trials", "report"}
    assert data["report"]["run"] == report.run.id


def test_words_compare_copy_and_pickle_by_value(suite: reenact.Suite, store: reenact.Store) -> None:
    report = reenact.run(suite, good, store=store)
    for value in (suite, report, report.trials[0], report.trials[0].conversation, suite.cases[0].expectations[0]):
        assert pickle.loads(pickle.dumps(value)) == value
        assert copy.deepcopy(value) == value
    changed = dataclasses.replace(report.trials[0], trial=7)
    assert changed != report.trials[0]


def test_a_suite_keeps_what_it_holds_through_its_file(suite: reenact.Suite, tmp_path: Path) -> None:
    for name in ("again.yaml", "again.jsonl"):
        suite.save(tmp_path / name)
        assert reenact.Suite.load(tmp_path / name) == suite
    assert "\nsuite: parcels\n" in suite.to_yaml()
    assert suite["new-address"].brief.goal.startswith("can you change")
    with pytest.raises(KeyError, match="there is no case `gone`; there are never-came, new-address"):
        suite["gone"]


def test_a_case_is_made_in_python_as_in_a_file(tmp_path: Path) -> None:
    case = reenact.TestCase(
        id="refund",
        brief=reenact.Brief(
            goal="get my money back",
            facts=[
                reenact.Fact(id="order", text="4711", gate=reenact.Gate.asked("order number")),
                reenact.Fact(id="late", text="it is late", gate=reenact.Gate.after("order")),
                reenact.Fact(id="free", text="I am in a hurry"),
                reenact.Fact(id="secret", text="I moved", gate=reenact.Gate.never()),
                reenact.Fact(id="shut", text="you are shut", gate=reenact.Gate.when('the agent says "open"')),
            ],
        ),
        expectations=[
            reenact.Expectation(id="kind", text="The agent is kind"),
            reenact.Expectation(id="amount", matches=r"\d+ euro"),
            reenact.Expectation(id="soon", in_turn=words.InTurn(turn=1, check=reenact.Check(contains="soon"))),
            reenact.Expectation(
                id="asks",
                json_path=words.JsonPathCheck(tool="refund", part=words.CallPart.RESULT, path="$.ok", equals=True),
            ),
            reenact.Expectation(id="there", json_path=words.JsonPathCheck(tool="refund", path="$.id", exists=True)),
        ],
    )
    assert [it.is_judged for it in case.expectations] == [True, False, False, False, False]
    reenact.Suite(cases=[case]).save(tmp_path / "made.yaml")
    assert reenact.Suite.load(tmp_path / "made.yaml").cases == [case]
    assert str(case.brief.facts[0].gate) == "asked: order number"


def test_what_no_word_has_says_what_it_has() -> None:
    with pytest.raises(ValueError, match="Skipped has no `why`; it has reason, what"):
        words.Skipped.from_dict({"what": "x", "why": "y"})
    with pytest.raises(ValueError, match="Skipped needs `reason`"):
        words.Skipped.from_dict({"what": "x"})
    with pytest.raises(ValueError, match="'shouts' is not a valid Speaker"):
        words.Message.from_dict({"speaker": "shouts"})


def test_a_bad_suite_names_the_line_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("cases:\n  - id: a\n    gaol: x\n")
    with pytest.raises(reenact.Error) as raised:
        reenact.Suite.load(file)
    assert (raised.value.kind, raised.value.line) == ("input", 3)
    assert raised.value.hint is not None
    assert "hint:" in str(raised.value)
    problems = reenact.Suite.check(file)
    assert problems[0].fix
    again = pickle.loads(pickle.dumps(raised.value))
    assert str(again) == str(raised.value)


def test_a_conversation_is_a_list_with_turns_and_other_points_of_view() -> None:
    chat: list[dict[str, Any]] = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "seven"},
        {"role": "assistant", "content": "seven"},
        {"role": "user", "content": "thanks"},
    ]
    conversation = reenact.Conversation.from_chat(chat)
    assert [message.speaker.value for message in conversation] == ["operator", "user", "agent", "tool", "agent", "user"]
    assert [(turn.number, turn.user.text, turn.said_by_agent) for turn in conversation.turns()] == [
        (1, "look\n[image_url]", "seven"),
        (2, "thanks", ""),
    ]
    assert [message["role"] for message in conversation.to_chat()] == [message["role"] for message in chat]
    assert str(conversation[2]) == "agent: f({})"
    assert reenact.Conversation.from_dict(conversation.to_dict()) == conversation
    assert reenact.Message.user("hi") == reenact.Message(speaker=reenact.Speaker.USER, text="hi")
    assert reenact.Message.agent("hi") != reenact.Message.user("hi")
