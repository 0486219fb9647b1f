"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import reenact

from stage import SUITE

TEST = """
import reenact

def agent(message):
    if "break" in message:
        raise RuntimeError("out of order")
    if "4711" in message or "not true" in message:
        return "Parcel 4711 was delivered on Monday. Is there anything else?"
    return "Done, it goes to 7 Elm Street." if "Elm" in message else "Of course. What is the new address?"

@reenact.cases("suite.yaml")
def test_agent(case):
    case.check(agent)
"""

MORE = (
    SUITE
    + """\
  - id: kind
    goal: say hello
    expectations:
      - id: is-kind
        text: The agent is kind
  - id: broken
    goal: break it
    expectations:
      - id: is-kind
        contains: kind
"""
)


@pytest.fixture
def pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_it=TEST)
    (pytester.path / "suite.yaml").write_text(MORE)
    return pytester


def properties(pytester: pytest.Pytester) -> dict[str, dict[str, str]]:
    tests = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    return {
        test.attrib["name"]: {it.attrib["name"]: it.attrib["value"] for it in test.iter("property")} for test in tests
    }


def test_each_case_is_a_test_and_only_a_pass_passes(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("-v", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=2, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "test_it.py::test_agent?never-came? FAILED*",
            "test_it.py::test_agent?new-address? PASSED*",
            "test_it.py::test_agent?kind? INCONCLUSIVE*",
            "test_it.py::test_agent?broken? ERRORED*",
        ]
    )
    told = properties(pytester)
    assert told["test_agent[never-came]"]["reenact.failed"] == "1"
    assert told["test_agent[kind]"]["reenact.status"] == "undecided"
    assert told["test_agent[new-address]"]["reenact.passed"] == "1"
    stored = reenact.Store(pytester.path / ".reenact" / "store.db").report(
        told["test_agent[never-came]"]["reenact.run"]
    )
    assert stored.trials[0].outcome == reenact.Outcome.FAILED


def test_a_failure_shows_the_conversation_and_the_cited_turns_and_no_frames(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("-k", "never-came")
    result.stdout.fnmatch_lines(
        [
            "case never-came failed: an expectation was not met",
            "",
            "  fail does-not-insist: The agent does not say that the parcel was delivered",
            '       the agent said "was delivered" ?assertion, turns 1, 2, 3, 4, 5?',
            "",
            "conversation of trial 1, which ended: lost patience",
            "    1 user     my parcel 4711 never came, I want my money back",
            ">     agent    Parcel 4711 was delivered on Monday. Is there anything else?",
            "    2 user     That's not true, it was not delivered. I was at home all day.",
            "*`reenact show */never-came/1` has it beside the recording",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*def check*")
    result.stdout.no_fnmatch_line("*During handling*")


def test_what_broke_off_says_what_broke(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("-k", "broken")
    result.stdout.fnmatch_lines(
        [
            "case broken errored: the conversation broke off, which says nothing about the agent",
            "conversation of trial 1, which ended: agent failed: RuntimeError: out of order (test_it.py:5, in agent)",
        ]
    )


def test_the_command_line_goes_before_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST.replace('"suite.yaml"', '"suite.yaml", trials=2, seed=3, max_turns=3'))
    pytester.runpytest("-k", "new-address", "--junitxml=junit.xml", "--reenact-trials=4").assert_outcomes(passed=1)
    told = properties(pytester)["test_agent[new-address]"]
    assert (told["reenact.trials"], told["reenact.seed"]) == ("4", "3")
    pytester.makeini("[pytest]\nreenact_trials = 3\nreenact_store = elsewhere.db\n")
    pytester.runpytest("-k", "new-address", "--junitxml=junit.xml").assert_outcomes(passed=1)
    assert properties(pytester)["test_agent[new-address]"]["reenact.trials"] == "3"
    assert (pytester.path / "elsewhere.db").exists()


def test_a_threshold_that_too_few_trials_hold_is_inconclusive(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("-k", "new-address", "--reenact-threshold=0.9", "--reenact-trials=2", "-v")
    why = "case new-address inconclusive: 2 of 2 decided trials passed: 34% to 100%, which does not show 90%; 35 trials that all pass would show it"
    result.stdout.fnmatch_lines(["*INCONCLUSIVE*", why])
    result = pytester.runpytest("-k", "never-came", "--reenact-threshold=0.9", "--reenact-trials=5")
    result.stdout.fnmatch_lines(["case never-came failed: * (of 5 trials: 5 failed); 0 of 5 *, which is below 90%"])
    pytester.runpytest("-k", "new-address", "--reenact-threshold=0.1", "--reenact-trials=5").assert_outcomes(passed=1)


def test_many_processes_collect_the_same_and_keep_their_runs_in_one_store(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    result = pytester.runpytest_subprocess("-n", "3", "-v", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=2, errors=1)
    result.stdout.fnmatch_lines_random(["*INCONCLUSIVE*kind*", "*ERRORED*broken*"])
    assert len(reenact.Store(pytester.path / ".reenact" / "store.db").runs()) == 4
    assert properties(pytester)["test_agent[kind]"]["reenact.inconclusive"] == "1"


def test_a_suite_that_is_wrong_is_an_error_of_collecting_with_its_line(pytester: pytest.Pytester) -> None:
    (pytester.path / "suite.yaml").write_text("cases:\n  - id: a\n    gaol: x\n")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*suite.yaml:3: *gaol*", "*hint: *"])


def test_cases_and_options_stand_in_python_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest
        import reenact

        suite = reenact.Suite.load("suite.yaml")

        @reenact.cases([suite["new-address"]], user=lambda scene: reenact.Leave("gave_up"))
        def test_agent(case):
            with pytest.raises(reenact.NotPassed) as not_passed:
                case.check("recorded", store=reenact.Store.temporary())
            assert not_passed.value.verdict == "invalid"
            assert not_passed.value.report.run.suite.cases == [case.test_case]

        async def agent(message):
            return "7 Elm Street it is. Anything else?"

        @reenact.cases(suite)
        def test_others(case):
            if case.id == "new-address":
                assert case.check(agent).passed
        """
    )
    pytester.runpytest("--reenact-store=s.db").assert_outcomes(passed=5)


def test_without_cases_the_plugin_leaves_pytest_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_one(): pass\n\ndef test_two(): assert False, 'on purpose'\n")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E   AssertionError: on purpose"])
    assert not Path(pytester.path / ".reenact").exists()
