"""The words of reenact as plain classes: what is stored, printed with `--json` and handed to your code.

Each class is a dataclass with `to_dict` and `from_dict`, in the form of the published schemas. Times are texts in the form of
RFC 3339, and money is an exact `decimal.Decimal`.
"""

# Written by python/tools/write_words.py from docs/schema. Do not edit.

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from ._ways import (
    Conversation,
    DistilledWords,
    EndingWords,
    GateWords,
    HasCheck,
    JsonPathWords,
    MessageWords,
    SessionWords,
    SuiteWords,
)
from ._word import Word


class AfterScript(str, Enum):
    """What the user does at the end of a script."""
    LEAVE = "leave"
    """Leaves."""
    GO_ON = "go_on"
    """Goes on as a simulated user."""

    def __str__(self) -> str:
        return str(self.value)


class CallPart(str, Enum):
    """A side of a tool call."""
    ARGUMENTS = "arguments"
    """What the agent sent."""
    RESULT = "result"
    """What the tool answered."""

    def __str__(self) -> str:
        return str(self.value)


class Change(str, Enum):
    """What became of a case from one run to the other."""
    BROKEN = "broken"
    """It surely passes less often."""
    WORSE = "worse"
    """It passed less often, which could be chance."""
    UNDECIDED = "undecided"
    """One of the runs did not decide it."""
    UNCHANGED = "unchanged"
    """It passed as often, or a rerun did not confirm that it passes less often."""
    BETTER = "better"
    """It passed more often, which could be chance, or still fails at times."""
    FIXED = "fixed"
    """It surely passes more often, and always passed."""

    def __str__(self) -> str:
        return str(self.value)


class CostRole(str, Enum):
    """For whom a model was asked."""
    DISTILLER = "distiller"
    """To distil cases."""
    USER = "user"
    """To play the user."""
    JUDGE = "judge"
    """To judge."""
    TOOLS = "tools"
    """To answer for tools what the recording does not."""
    EARLIER_JUDGE = "earlier_judge"
    """To judge in an earlier round, whose verdicts a later one has replaced."""

    def __str__(self) -> str:
        return str(self.value)


class Course(str, Enum):
    """How the trials of a case stand."""
    GOES_ON = "goes_on"
    """Another trial is needed."""
    PASSED = "passed"
    """It is held to pass."""
    FAILED = "failed"
    """It is held to fail."""
    UNDECIDED = "undecided"
    """All trials that it may have are done, and neither can be said."""

    def __str__(self) -> str:
        return str(self.value)


class EndingKind(str, Enum):
    """Why a conversation stopped, without the detail: an `Ending` that can be counted."""
    SATISFIED = "satisfied"
    GAVE_UP = "gave_up"
    LOST_PATIENCE = "lost_patience"
    SAID_ALL = "said_all"
    ASKED_FOR_PERSON = "asked_for_person"
    AGENT_ENDED = "agent_ended"
    TURN_LIMIT = "turn_limit"
    AGENT_FAILED = "agent_failed"
    TOOL_MISSED = "tool_missed"
    USER_INVALID = "user_invalid"
    USER_FAILED = "user_failed"

    def __str__(self) -> str:
        return str(self.value)


class FaultKind(str, Enum):
    """How an agent failed to answer."""
    UNREACHABLE = "unreachable"
    """It could not be started or reached."""
    TIMED_OUT = "timed_out"
    """It did not answer in time."""
    DIED = "died"
    """It stopped in the middle of the conversation."""
    MALFORMED = "malformed"
    """Its answer is not of the agreed form."""
    EMPTY = "empty"
    """Its answer has no text."""
    REFUSED = "refused"
    """It answered that it will not: an HTTP status, an error of its own."""
    NOT_RECORDED = "not_recorded"
    """It called a tool for which the recording has no result, and the trial shall not count then."""
    TOOLS_FAILED = "tools_failed"
    """Its tools cannot be had, or cannot go on."""

    def __str__(self) -> str:
        return str(self.value)


class FirstSpeaker(str, Enum):
    """Who speaks first."""
    USER = "user"
    """The user."""
    AGENT = "agent"
    """The agent, before it has heard anything."""

    def __str__(self) -> str:
        return str(self.value)


class JudgeRule(str, Enum):
    """How the verdicts of several judge models become one."""
    ANY_VETO = "any-veto"
    """One Fail fails, and only Passes of all pass. Judges err on the lenient side far more often than on the strict
    one, so a minority that objects is right more often than a majority that does not (Jain et al. 2025, arXiv
    2510.11822)."""
    MAJORITY = "majority"
    """What more than half of all judges say; those that cannot tell count among all."""

    def __str__(self) -> str:
        return str(self.value)


class Leaving(str, Enum):
    """Why the simulated user leaves."""
    SATISFIED = "satisfied"
    """Got what the goal asks for."""
    GAVE_UP = "gave_up"
    """Has nothing more to say, and what the goal asks for was refused."""
    LOST_PATIENCE = "lost_patience"
    """Asked too often without an answer."""
    SAID_ALL = "said_all"
    """Has nothing more to say, and whether the goal was reached could not be told."""
    ASKED_FOR_PERSON = "asked_for_person"
    """Asked for a person."""

    def __str__(self) -> str:
        return str(self.value)


class Measure(str, Enum):
    """What a back-test measures."""
    CONVEYED = "conveyed"
    """The share of what the recorded user told that is told."""
    ORDER = "order"
    """The order in which it is told."""
    EARLY = "early"
    """What comes too early."""
    LEAVING = "leaving"
    """When and how the user leaves."""
    STYLE = "style"
    """How the messages look."""
    USER = "user"
    """Whether the user keeps to its part."""

    def __str__(self) -> str:
        return str(self.value)


class Misstep(str, Enum):
    """What a simulated user must not do."""
    SAYS_NOTHING = "says_nothing"
    """Says nothing, or nothing that can be read."""
    GIVES_AWAY = "gives_away"
    """Gives away a fact that is not to be said now."""
    STATES_EXPECTATION = "states_expectation"
    """Says what the agent is expected to do."""
    PLAYS_THE_AGENT = "plays_the_agent"
    """Plays the agent."""
    COACHES = "coaches"
    """Tells the agent how to do its work."""
    INVENTS = "invents"
    """Names a value that is neither in the brief nor was heard."""
    LEAVES_OUT = "leaves_out"
    """Leaves out a value of the fact that was to be said."""
    REPEATS_ITSELF = "repeats_itself"
    """Says what was said before."""
    OUT_OF_STYLE = "out_of_style"
    """Writes as the recorded user never does."""

    def __str__(self) -> str:
        return str(self.value)


class Outcome(str, Enum):
    """What a trial amounts to."""
    PASSED = "passed"
    """Every expectation was met, and every judge that decides was content."""
    FAILED = "failed"
    """At least one expectation was not met."""
    INCONCLUSIVE = "inconclusive"
    """It could not be decided."""
    INVALID = "invalid"
    """The simulated user misbehaved, or the recording could not answer for a tool; says nothing about the agent."""
    ERRORED = "errored"
    """The infrastructure failed; says nothing about the agent."""

    def __str__(self) -> str:
        return str(self.value)


class Reached(str, Enum):
    """Whether a part of a goal, or all of it, is reached."""
    YES = "yes"
    """The agent gave what was asked for."""
    OPEN = "open"
    """Not yet, and nothing says that it will not be."""
    REFUSED = "refused"
    """The agent made clear that it cannot or will not."""
    UNKNOWN = "unknown"
    """It could not be told."""

    def __str__(self) -> str:
        return str(self.value)


class Reproduced(str, Enum):
    """What replays say about a recorded failure."""
    REPRODUCED = "reproduced"
    """It came back every time, or surely more often than not."""
    INTERMITTENT = "intermittent"
    """It came back, and not always."""
    NOT_REPRODUCED = "not_reproduced"
    """It did not come back, in too few replays to say that it is gone."""
    FIXED = "fixed"
    """It did not come back in enough replays."""

    def __str__(self) -> str:
        return str(self.value)


class Speaker(str, Enum):
    """Who contributed a message."""
    USER = "user"
    """The person, real or simulated."""
    AGENT = "agent"
    """The AI agent."""
    TOOL = "tool"
    """A tool, answering a call of the agent."""
    OPERATOR = "operator"
    """Whoever runs the agent: the system or developer prompt."""

    def __str__(self) -> str:
        return str(self.value)


class Status(str, Enum):
    """What a case or a whole run amounts to."""
    PASSED = "passed"
    """All that was planned was done, and every trial passed."""
    FAILED = "failed"
    """Some trial failed."""
    UNDECIDED = "undecided"
    """No trial failed, but some could not be judged or was not done, or there was none."""

    def __str__(self) -> str:
        return str(self.value)


class Stopgap(str, Enum):
    """What answered a call in place of the recording."""
    FAILURE = "failure"
    """Nothing: the agent was told that the call failed."""
    NEAREST = "nearest"
    """The result of the recorded call that is most alike."""
    MODEL = "model"
    """A model."""

    def __str__(self) -> str:
        return str(self.value)


class Stress(str, Enum):
    """A way of making a case harder."""
    IMPATIENT = "impatient"
    """Leaves after the first ask that stays unanswered."""
    VAGUE = "vague"
    """Begins with half a sentence, and tells the rest when asked."""
    TANGENTIAL = "tangential"
    """Talks about something else in between."""
    TYPOS = "typos"
    """Mistypes words; numbers and names stay as they are."""
    CHANGED_MIND = "changed-mind"
    """Changes its mind in the middle, and changes it back."""
    OTHER_LANGUAGE = "other-language"
    """Writes in another language; takes a model."""

    def __str__(self) -> str:
        return str(self.value)


class UserKind(str, Enum):
    """Which words the users of a run speak. Where a case has a script, it is spoken."""
    SIMULATED = "simulated"
    """Those of the simulated user."""
    RECORDED = "recorded"
    """Those of the recorded user, as long as the agent does what it did in the recording; then those of the
    simulated user."""

    def __str__(self) -> str:
        return str(self.value)


class Verb(str, Enum):
    """Which verb asked. Its names are those of the command line."""
    DISTILL = "distill"
    """Sessions were turned into cases."""
    RUN = "run"
    """A suite was played, and judged."""
    JUDGE = "judge"
    """The conversations of a run were judged again."""

    def __str__(self) -> str:
        return str(self.value)


class Verdict(str, Enum):
    """What a judge says of an expectation."""
    PASS = "pass"
    """Met."""
    FAIL = "fail"
    """Not met."""
    INCONCLUSIVE = "inconclusive"
    """Cannot be told."""

    def __str__(self) -> str:
        return str(self.value)


@dataclass(kw_only=True)
class AgentFault(Word):
    """Why a turn got no usable reply."""
    fault: FaultKind
    """How it failed."""
    reason: str
    """What happened, in a line, with what the agent printed where that helps."""
    hint: str | None = None
    """What to do about it, where that is known."""


@dataclass(kw_only=True)
class AgentUsage(Word):
    """What an agent says that a reply took."""
    model: str | None = None
    """The model that it asked, by a name as models have them here (`openai:/gpt-5`), where it says which."""
    input_tokens: int
    """Tokens read, those from a cache included."""
    cached_tokens: int = 0
    """Of the tokens read, those that came from the provider's prompt cache."""
    cache_write_tokens: int = 0
    """Of the tokens read, those that the provider wrote to its prompt cache, where it charges for that."""
    output_tokens: int
    """Tokens written, those of reasoning included."""


@dataclass(kw_only=True)
class Amount(Word):
    """Tokens and money of some questions to models."""
    calls: int
    """Questions that were asked. One that had to be asked again counts once, with the tokens of both calls."""
    input_tokens: int
    """Tokens read, those from a cache included."""
    cached_tokens: int = 0
    """Of the tokens read, those that came from the provider's prompt cache."""
    cache_write_tokens: int = 0
    """Of the tokens read, those that the provider wrote to its prompt cache, where it charges for that."""
    output_tokens: int
    """Tokens written, those of reasoning included."""
    usd: Decimal
    """What is known to have been charged."""
    unpriced_tokens: int = 0
    """Tokens, read and written, of models whose price is not known."""
    unmetered_calls: int = 0
    """Answers of models that are not free, of which nobody said how many tokens they took."""


@dataclass(kw_only=True)
class Assessment(Word):
    """A verdict with its reason, the turns that it cites and its judge."""
    expectation: str
    """The expectation's id; for a judge that the run names, that judge's name."""
    verdict: Verdict
    """What the judge says."""
    decides: bool = True
    """Whether the outcome depends on it. What a judge says whose value nothing tells how to pass, or that does not
    apply to the case, is shown and decides nothing."""
    value: Any = None
    """The value that the judge gives, where it gives one: true or false, a number, a label or a text."""
    reason: str
    """Why."""
    turns: list[int] = field(default_factory=list)
    """The turns of the simulated conversation that it rests on, from 1."""
    judge: str
    """Who judged: `assertion`, a model's name, several with the rule that joined them, `offline` where no judge was
    named, or a name of the caller's own."""
    votes: list[Vote] = field(default_factory=list)
    """What each judge said, where several were asked."""


@dataclass(kw_only=True)
class BackTest(Word):
    """How one case plays the recording that it comes from."""
    case: str
    """The case's id."""
    session: str
    """The session's id."""
    scores: Scores
    """Its figures, as it is after a repair."""
    floor: Floor | None = None
    """The figures of a stranger; none where all cases are of one session."""
    findings: list[Finding]
    """What is poor; nothing where the case is good, and what the case is marked with where it is not."""
    repaired: Repaired | None = None
    """What a repair changed, where there was one."""
    turns: list[PlayedTurn]
    """What was said at each turn."""


@dataclass(kw_only=True)
class Brief(Word):
    """All that the simulated user may know."""
    goal: str
    """What the user wants, in a sentence or two."""
    persona: str | None = None
    """How the user writes and behaves."""
    guidelines: list[str] = field(default_factory=list)
    """How to play this user beyond the persona."""
    facts: list[Fact] = field(default_factory=list)
    """What the user knows, each with when it may be said, in the order of the recording."""
    opening: str | None = None
    """The first message, word for word."""
    patience: int | None = None
    """How many asks may stay unanswered before the user gives up."""


@dataclass(kw_only=True)
class CallPattern(Word):
    """Which calls of a tool are meant."""
    tool: str
    """The tool's name."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """What the arguments hold at least: objects may have more members, all else must be the same."""


@dataclass(kw_only=True)
class CaseChange(Word):
    """What became of one case."""
    case: str
    """The case's id."""
    goal: str
    """What the user wants in it."""
    change: Change
    """What became of it."""
    baseline: Tally
    """The decided trials of the baseline."""
    candidate: Tally
    """The decided trials of the candidate."""
    difference: float | None = None
    """The pass rate of the candidate less that of the baseline; nothing where one of them was not decided."""
    p: float | None = None
    """How likely so large a change in this direction would be, were both alike (Fisher's exact test, one-sided).
    Nothing where nothing changed, or trials stopped early."""
    fresh: Fresh | None = None
    """The trials of the rerun, for a suspect that was tried once more."""
    failure: FailureShown | None = None
    """A failure of the candidate, or else of the baseline; nothing where neither failed."""
    reproduction_baseline: Reproduction | None = None
    """Whether the recorded failure came back in the baseline, for a case that has one."""
    reproduction_candidate: Reproduction | None = None
    """Whether the recorded failure came back in the candidate."""


@dataclass(kw_only=True)
class CaseReport(Word):
    """What one case amounts to."""
    case: str
    """The case's id."""
    goal: str
    """What the user wants in it."""
    status: Status
    """What it amounts to."""
    trials: list[TrialSummary]
    """Its trials, in order."""
    missing: list[int] = field(default_factory=list)
    """Planned trials that were not done."""
    outcomes: OutcomeCounts
    """Its trials by outcome."""
    pass_rate: float | None = None
    """Passed among its decided trials, 0 to 1; nothing where none was decided. Where trials stopped early it is
    corrected for that."""
    interval: list[float] | None = field(default_factory=list)
    """The lower and the upper end of that rate's 95 % interval (Wilson's; the trials of one case are independent).
    Trials that stop early have none."""
    tally: Tally
    """The decided trials that the pass rate rests on; where trials stop early, those up to the stop."""
    course: Course | None = None
    """How the trials stand, where they stop early."""
    reproduction: Reproduction | None = None
    """Whether the recorded failure came back, for a case that has one."""
    cost: Amount | None = None
    """What the models cost in its trials; nothing where none was asked."""
    first_failure: Why | None = None
    """The first expectation that failed, in the first trial that failed."""


@dataclass(kw_only=True)
class Check(HasCheck):
    """What decides an expectation."""
    contains: str | None = None
    """Code: some message of the agent contains this text, upper and lower case alike."""
    matches: str | None = None
    """Code: some message of the agent matches this regular expression."""
    must_not_match: str | None = None
    """Code: no message of the agent matches this regular expression."""
    tool_called: CallPattern | None = None
    """Code: the agent makes such a call."""
    tool_never_called: CallPattern | None = None
    """Code: the agent makes no such call."""
    called_before: list[CallPattern] | None = field(default_factory=list)
    """Code: before the agent makes the second call, it makes the first."""
    json_path: JsonPathCheck | None = None
    """Code: some call of a tool has this in its arguments or its result."""
    max_turns: int | None = None
    """Code: the user needs no more messages than this."""
    latency_ms: int | None = None
    """Code: no reply of the agent takes longer than this, in milliseconds."""
    cost_usd: Decimal | None = None
    """Code: the agent's answers cost no more than this, all together."""
    in_turn: InTurn | None = None
    """The same, of the agent's part of one turn alone."""


@dataclass(kw_only=True)
class Cited(Word):
    """Words that were said in a turn."""
    turn: int
    """The turn, from 1; 0 is what came before the first."""
    words: str
    """The words, as they were said."""


@dataclass(kw_only=True)
class Compared(Word):
    """One of the two runs."""
    run: str
    """The run's id."""
    created_at: str
    """When it began."""
    agent: str
    """The agent under test."""
    agent_version: str | None = None
    """Its version, as whoever planned the run gave it."""
    suite: str | None = None
    """The name of the suite, where it has one."""
    missing: int
    """Planned trials that are not done."""


@dataclass(kw_only=True)
class Comparison(Word):
    """Two runs of the same cases, compared: what `diff` prints with `--json`."""
    baseline: Compared
    """The run that is compared with."""
    candidate: Compared
    """The run that is compared."""
    status: Status
    """Passed: no regression. Failed: a regression. Undecided: neither can be said. Decides the exit status."""
    reasons: list[str]
    """Why, in sentences."""
    difference: Difference | None = None
    """How much the pass rate changed over the cases that were decided in both; nothing where none was."""
    margin: MarginVerdict | None = None
    """The verdict on the margin that was asked for."""
    rerun: Rerun | None = None
    """The runs in which the suspects were tried once more."""
    cases: list[CaseChange]
    """Every case that is the same in both runs, in the order of the candidate's suite."""
    unmatched: list[Unmatched]
    """Every case that is not, and so could not be compared."""
    also_differ: list[RunDifference]
    """In what the runs differ besides the agent: each could be the cause of a difference too."""


@dataclass(kw_only=True)
class Correction(Word):
    """A message of the simulated user that was not let through, and so was never said."""
    turn: int
    """The turn that it was worded for, from 1."""
    text: str
    """The words."""
    misstep: Misstep
    """What a simulated user must not do, and this one did."""
    reason: str
    """What it did, for whoever reads the trial."""


@dataclass(kw_only=True)
class Cost(Word):
    """What models cost."""
    calls: int
    """Questions that were asked. One that had to be asked again counts once, with the tokens of both calls."""
    input_tokens: int
    """Tokens read, those from a cache included."""
    cached_tokens: int = 0
    """Of the tokens read, those that came from the provider's prompt cache."""
    cache_write_tokens: int = 0
    """Of the tokens read, those that the provider wrote to its prompt cache, where it charges for that."""
    output_tokens: int
    """Tokens written, those of reasoning included."""
    usd: Decimal
    """What is known to have been charged."""
    unpriced_tokens: int = 0
    """Tokens, read and written, of models whose price is not known."""
    unmetered_calls: int = 0
    """Answers of models that are not free, of which nobody said how many tokens they took."""
    parts: list[Spent] = field(default_factory=list)
    """Its parts, by role and model; they add up to the whole."""


@dataclass(kw_only=True)
class Difference(Word):
    """The mean over cases of how much the pass rate changed; figures rounded to six decimals."""
    mean: float
    """The mean of candidate less baseline, -1 to 1."""
    low: float
    """The lower end of its 95 % interval."""
    high: float
    """The upper end of its 95 % interval."""
    p: float
    """How likely a mean this far from none would be, were both alike; two-sided."""
    cases: int
    """Cases that were decided in both runs."""
    smallest_difference: float | None = None
    """The smallest difference that this comparison finds four times in five; nothing where it finds none."""


@dataclass(kw_only=True)
class Discarded(Word):
    """A conversation of a trial that was thrown away, because its simulated user misbehaved, and played again."""
    session_id: str
    """The session id under which the agent saw it."""
    reason: str
    """What the simulated user did."""
    conversation: Conversation
    """What was said until then."""
    disclosures: list[Disclosure] = field(default_factory=list)
    """Which fact was said when."""
    corrections: list[Correction] = field(default_factory=list)
    """What was not let through."""


@dataclass(kw_only=True)
class Disclosure(Word):
    """One fact that the simulated user said, when, and by which gate."""
    turn: int
    """The turn of the simulated conversation, from 1."""
    fact: str
    """The fact's id."""
    gate: str
    """The gate that allowed it, as a person reads it."""
    opened_by: Cited | None = None
    """The agent's words that opened the gate, where it waits for the agent."""


@dataclass(kw_only=True)
class Distilled(DistilledWords):
    """What a distillation gives: each session is a case, or is among the skipped."""
    cases: list[TestCase]
    """The cases, in the order of the sessions."""
    skipped: list[Skipped]
    """The sessions that gave none, with the reason."""
    dropped: list[Skipped]
    """The parts of cases that did not pass the checks, with the reason."""
    cost: Cost | None = None
    """What the model cost, answers that were there from an earlier distillation included; nothing where none was
    asked."""
    splits: list[Split] = field(default_factory=list)
    """Sessions that plainly turn to something else; `Distilled.apart` makes a case of each part."""
    back_tests: list[BackTest] = field(default_factory=list)
    """How each case plays the recording that it comes from, where that was tried (`back_test`)."""


@dataclass(kw_only=True)
class EarlyStopping(Word):
    """A rule that says after each trial of a case whether another is needed. A. Wald's sequential probability ratio
    test, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16 (1945): each decided
    trial moves the evidence towards "as good as `good`" or "as bad as `bad`", and the case is decided when the
    evidence crosses a bound that `alpha` and `beta` set. The rule is a function of the outcomes so far and of
    nothing else, so a resumed run stops where an uninterrupted one does."""
    good: float
    """A case that passes this often, 0 to 1, should be held to pass."""
    bad: float
    """A case that passes only this often should be held to fail."""
    alpha: float
    """How often, at the most, a case that is `bad` is held to pass."""
    beta: float
    """How often, at the most, a case that is `good` is held to fail."""


@dataclass(kw_only=True)
class Ending(EndingWords):
    """Why a conversation stopped."""
    kind: EndingKind
    """What happened."""
    detail: Any = None
    """More about it: the agent's fault, or a text."""


@dataclass(kw_only=True)
class EndingCount(Word):
    """How many trials ended in one way."""
    ending: EndingKind
    """The way."""
    trials: int
    """How many trials."""


@dataclass(kw_only=True)
class Evidence(Word):
    """The words that a part of a case comes from."""
    field: str
    """The part: `goal`, `persona`, `opening`, `patience`, `facts.ID`, `guidelines.N`, `expectations.ID`. How the
    user left stands here as well: `ending.satisfied`, `ending.gave_up`, `ending.asked_for_person` or
    `ending.cut_off`; and as `remark` what the user said that tells nothing."""
    turn: int
    """The turn of the session, from 1."""
    quote: str
    """The user's words, verbatim."""


@dataclass(kw_only=True)
class Exclusions(Word):
    """The trials that a pass rate leaves out because they were not decided, and how much they could have changed
    it."""
    trials: int
    """Trials that were done and not decided."""
    at_worst: float
    """The pass rate if each of them had failed, 0 to 1."""
    at_best: float
    """The pass rate if each of them had passed."""


@dataclass(kw_only=True)
class Expectation(HasCheck):
    """One checkable statement about the agent."""
    id: str
    """Unique in its case."""
    text: str | None = None
    """The statement, for a reader or a judge."""
    contains: str | None = None
    """Code: some message of the agent contains this text, upper and lower case alike."""
    matches: str | None = None
    """Code: some message of the agent matches this regular expression."""
    must_not_match: str | None = None
    """Code: no message of the agent matches this regular expression."""
    tool_called: CallPattern | None = None
    """Code: the agent makes such a call."""
    tool_never_called: CallPattern | None = None
    """Code: the agent makes no such call."""
    called_before: list[CallPattern] | None = field(default_factory=list)
    """Code: before the agent makes the second call, it makes the first."""
    json_path: JsonPathCheck | None = None
    """Code: some call of a tool has this in its arguments or its result."""
    max_turns: int | None = None
    """Code: the user needs no more messages than this."""
    latency_ms: int | None = None
    """Code: no reply of the agent takes longer than this, in milliseconds."""
    cost_usd: Decimal | None = None
    """Code: the agent's answers cost no more than this, all together."""
    in_turn: InTurn | None = None
    """The same, of the agent's part of one turn alone."""


@dataclass(kw_only=True)
class Fact(Word):
    """Something that the user knows, and when it may be said."""
    id: str
    """Unique in its brief."""
    text: str
    """What the user knows, in the user's own words where it was distilled."""
    gate: Gate = field(default_factory=lambda: Gate())
    """When it may be said."""


@dataclass(kw_only=True)
class FailureShown(Word):
    """A failure, with where to look."""
    run: str
    """The run that it happened in."""
    why: Why
    """The failing expectation, the reason and the turns that it cites."""
    first_bad_turn: int | None = None
    """The first turn that the failing expectations cite; where the other run passed, the first of them in which the
    agent said something else there."""
    said: str | None = None
    """What the agent said in that turn, shortened."""


@dataclass(kw_only=True)
class Figures(Word):
    """What a run amounts to, in figures."""
    created_at: str
    """When the run began."""
    suite: str | None = None
    """The name of the suite, where it has one."""
    plan: Plan
    """What was to be tried."""
    provenance: Provenance
    """What made the run."""
    agent_versions: list[str] = field(default_factory=list)
    """The versions that the agent told with its answers, sorted; more than one where it changed while the run went
    on."""
    status: Status
    """What the whole amounts to; decides the exit status."""
    trials_planned: int
    """Trials that the plan asks for; where trials stop early, those that are done or known to be needed."""
    trials_done: int
    """Trials that were done; fewer than planned where the run is unfinished."""
    outcomes: OutcomeCounts
    """Trials by outcome."""
    endings: list[EndingCount]
    """Trials by ending; endings that did not occur are left out."""
    turns: list[TurnCount]
    """Trials by the number of their turns, from few to many."""
    variants: list[VariantReport] = field(default_factory=list)
    """The stress variants, each way by itself; nothing else in this report counts them."""
    missteps: list[MisstepCount] = field(default_factory=list)
    """What simulated users did that they must not; none where none did."""
    discarded: int = 0
    """Conversations that were thrown away for that, and played again."""
    tool_misses: dict[str, int] = field(default_factory=dict)
    """Calls of tools that no recorded call answered, by what answered instead; none where every call was
    recorded."""
    cost: Cost | None = None
    """What the models that played users and judged cost, by role and model, trials that were not finished included;
    nothing where the journal was not read. What the agent itself costs is no part of it."""
    pass_rate: PassRate | None = None
    """Passed among decided trials; nothing where no trial was decided."""
    exclusions: Exclusions | None = None
    """What the trials that are not in the pass rate could have changed; nothing where none was left out."""
    threshold: Threshold | None = None
    """The verdict against the plan's threshold, where it has one; it then decides the status."""
    pass_hat_k: list[PassHatK] = field(default_factory=list)
    """pass^k for every k that each decided case has trials for; none where trials stopped early."""
    flakiness: Flakiness | None = None
    """Cases of which some trials passed and some failed; nothing where no case was decided twice."""
    smallest_difference: float | None = None
    """The smallest difference of pass rates that a comparison with such a run finds four times in five."""
    cases: list[CaseReport]
    """Every case of the suite, in its order."""


@dataclass(kw_only=True)
class Finding(Word):
    """A figure of a case that is poor."""
    measure: Measure
    """Which figure."""
    words: str
    """What is wrong, with the figure and what it is held to."""


@dataclass(kw_only=True)
class Flakiness(Word):
    """How many cases neither always passed nor always failed."""
    flaky: int
    """Cases of which some decided trials passed and some failed."""
    cases: int
    """Cases with two decided trials at least; only such a case can be seen to be flaky."""
    share: float
    """The share of flaky cases, 0 to 1. It grows with the number of trials, so compare runs of equal numbers."""


@dataclass(kw_only=True)
class Floor(Word):
    """Another session's case on the same recording."""
    case: str
    """The other case's id."""
    scores: Scores
    """Its figures."""


@dataclass(kw_only=True)
class Fresh(Word):
    """The trials of a suspect that was tried once more."""
    baseline: Tally
    """The baseline's agent."""
    candidate: Tally
    """The candidate's agent."""
    p: float
    """How likely so large a fall would be, were both alike (Fisher's exact test, one-sided)."""


@dataclass(kw_only=True)
class Gate(GateWords):
    """When a fact may be said."""
    kind: str = "open"
    """`open`, `asked`, `after`, `when` or `never`."""
    what: str | None = None
    """The topic, the id or what the agent does."""


@dataclass(kw_only=True)
class GoalCheck(Word):
    """What a check of the goal found."""
    by: str
    """Who checked: `code`, or a model's name."""
    parts: list[GoalPart]
    """The parts of the goal."""


@dataclass(kw_only=True)
class GoalPart(Word):
    """One thing that the user wants, and what became of it."""
    text: str
    """What the user wants, in the words of the brief."""
    reached: Reached
    """What became of it."""
    cited: list[Cited] = field(default_factory=list)
    """The agent's words that show it."""
    doubt: str | None = None
    """Why it could not be told."""


@dataclass(kw_only=True)
class Imported(Word):
    """What an import did."""
    files: int
    """Files and streams that were read."""
    bytes: int
    """Bytes that were read, as they lie on disk."""
    records: int
    """Records that were found: lines, elements of arrays, documents."""
    sessions_new: int
    """Sessions that the store did not know."""
    sessions_grown: int
    """Sessions that the store knew and that have grown. A session whose traces lie far apart in the files can be
    new first and grow later, and is then counted in both."""
    sessions_unchanged: int
    """Sessions that the store knew as they are."""
    skipped_count: int
    """How many records, traces and sessions were skipped."""
    skipped: list[Skipped]
    """What was skipped, with the reason; no more than the first thousand of `skipped_count`."""
    unreadable: list[Unreadable]
    """Files that could not be read, or not to their end."""
    refused: bool
    """Whether the import was refused for one of these problems, and nothing was written."""


@dataclass(kw_only=True)
class InTurn(Word):
    """What decides an expectation about one turn."""
    turn: int
    """The turn, from 1."""
    check: Check
    """What decides it."""


@dataclass(kw_only=True)
class JsonPathCheck(JsonPathWords):
    """What some call of a tool has in its arguments or its result."""
    tool: str
    """The tool's name."""
    part: CallPart = field(default=CallPart.ARGUMENTS, metadata={'key': 'in'})
    """Where to look."""
    path: str
    """A JSONPath (RFC 9535)."""
    equals: Any = None
    """This value; numbers are compared as numbers."""
    matches: str | None = None
    """A text that matches this regular expression, or a value whose JSON does."""
    exists: bool = False
    """Anything. In JSON: `"exists": null`."""


@dataclass(kw_only=True)
class JudgeSpec(Word):
    """A judge that a run names."""
    name: str
    """Its name, under which its assessments stand."""
    asks: Any
    """What it asks."""
    model: str | None = None
    """The model that answers in place of the run's."""


@dataclass(kw_only=True)
class JudgesCassette(Word):
    """Where the recorded answers of judges stand."""
    file: str
    """The cassette's file."""
    verb: Verb
    """Which of its judges: those of the run, or those that judged it again."""


@dataclass(kw_only=True)
class Judging(Word):
    """Who judges a run, and what besides the expectations."""
    models: list[str] = field(default_factory=lambda: ["offline"])
    """What judges whatever no code decides: the names of models, or `offline` alone."""
    rule: JudgeRule = JudgeRule.ANY_VETO
    """How the verdicts of several models become one."""
    judges: list[JudgeSpec] = field(default_factory=list)
    """The judges that every conversation is put to, besides the expectations of its case."""
    cassette: JudgesCassette | None = None
    """The cassette that answers in place of the models, where one does."""


@dataclass(kw_only=True)
class LeavingScore(Word):
    """When and how a user leaves."""
    turns_late: int | None = None
    """How many turns after the recorded user, before it where it is negative; goodbyes are not counted. Who goes on
    at the end of the recording leaves one turn late at least. None where the recording does not tell."""
    why: Leaving | None = None
    """Why the simulated user leaves, where it does."""
    as_recorded: bool | None = None
    """Whether that is how the recorded user left; none where one of them cannot be told."""


@dataclass(kw_only=True)
class MarginVerdict(Word):
    """Whether the candidate is worse by less than was allowed."""
    margin: float
    """How much worse it may be, 0 to 1."""
    verdict: Verdict
    """Pass where the whole interval of the difference is above minus the margin, Fail where it is below, else
    Inconclusive."""


@dataclass(kw_only=True)
class Message(MessageWords):
    """One contribution: text, tool calls or a tool's result."""
    speaker: Speaker
    """Who spoke."""
    text: str = ""
    """What was said. A part that is not text stands as a mark, such as `[image]`."""
    tool_calls: list[ToolCall] = field(default_factory=list)
    """Tools that the agent called with this message."""
    tool_call_id: str | None = None
    """For a tool's result: the id of the call that it answers."""
    name: str | None = None
    """For a tool's result: the tool's name."""
    at: str | None = None
    """When it was said, where the recording knows."""


@dataclass(kw_only=True)
class MisstepCount(Word):
    """How many messages of simulated users did one thing that they must not. None of them was said."""
    misstep: Misstep
    """What they did."""
    messages: int
    """How many messages."""


@dataclass(kw_only=True)
class Origin(Word):
    """Where a case comes from."""
    session: str
    """The id of the session."""
    alike: int = 0
    """How many other sessions are nearly the same, where it was chosen among many."""
    distilled: dict[str, str] = field(default_factory=dict)
    """Each part of the case as it was distilled, by a piece of its hash: shows which of them somebody edited
    since."""
    evidence: list[Evidence] = field(default_factory=list)
    """For each part of the case, the turn and the words that it comes from."""
    back_test: list[str] = field(default_factory=list)
    """Why the case plays its own recording poorly, where a back-test found that and could not repair it."""
    not_failed: list[str] = field(default_factory=list)
    """The ids of the expectations that the recorded agent is not seen to have failed."""


@dataclass(kw_only=True)
class OutcomeCounts(Word):
    """Trials by outcome."""
    passed: int
    """Every expectation was met."""
    failed: int
    """Some expectation was not met."""
    inconclusive: int
    """Could not be decided."""
    invalid: int
    """The simulated user misbehaved."""
    errored: int
    """The infrastructure failed."""


@dataclass(kw_only=True)
class Over(Word):
    """What the tokens of a long call cost."""
    tokens: int
    """A call is long that reads more tokens than this."""
    input: float
    """Tokens read."""
    cached_input: float | None = None
    """Tokens read from the provider's prompt cache; as others where it is left out."""
    cache_write: float | None = None
    """Tokens read that are written to the cache; as others where it is left out."""
    output: float
    """Tokens written, those of reasoning included."""


@dataclass(kw_only=True)
class OwnJudge(Word):
    """A judge of one's own."""
    instructions: str
    """What the model is to judge: a template over `conversation`, `expectations` and `case`."""
    value: Any
    """What it answers."""
    passes: Any = None
    """Which values pass; without it the value is shown and decides nothing."""


@dataclass(kw_only=True)
class PassHatK(Word):
    """The chance that `k` trials of a case all pass, with its 95 % interval; figures rounded to six decimals."""
    k: int
    """How many trials in a row."""
    rate: float
    """The mean over cases, 0 to 1."""
    low: float
    """The lower end of the 95 % interval."""
    high: float
    """The upper end of the 95 % interval."""


@dataclass(kw_only=True)
class PassRate(Word):
    """A pass rate with its 95 % interval; its figures are rounded to six decimals."""
    rate: float
    """The mean over cases of each case's share of passed trials, 0 to 1."""
    low: float
    """The lower end of the 95 % interval."""
    high: float
    """The upper end of the 95 % interval."""
    cases: int
    """Cases with at least one decided trial."""
    trials: int
    """Decided trials."""
    effective_trials: float
    """How many independent trials the decided ones are worth."""
    intraclass_correlation: float
    """How much trials of one case resemble each other: 0 not at all, 1 entirely."""


@dataclass(kw_only=True)
class Plan(Word):
    """What will be tried: plain data, kept with the run, so that a run can be resumed from its id alone."""
    agent: str = "recorded"
    """The agent under test, by name."""
    agent_version: str | None = None
    """Its version, as whoever planned the run gave it; an agent may also tell its own with its answers."""
    agent_cassette: str | None = None
    """The cassette that answers in place of the agent, where one does."""
    user_model: str = "offline"
    """What plays the user: a model's name, or `offline`."""
    user_cassette: str | None = None
    """The cassette that answers in place of that model, where one does."""
    user: UserKind = UserKind.SIMULATED
    """Which words the users speak."""
    variants: list[Stress] = field(default_factory=list)
    """Ways in which each case is made harder besides; tried as often, and reported apart."""
    tools: ToolMocks | None = None
    """How the agent's tools are answered from the recording, where it takes them from here."""
    judging: Judging = field(default_factory=lambda: Judging())
    """Who judges, and what besides the expectations."""
    trials: int = 1
    """How often each case is tried; at the most, where trials stop early."""
    stopping: EarlyStopping | None = None
    """When the trials of a case may stop before that."""
    threshold: float | None = None
    """The pass rate, 0 to 1, that the run is held to; it then decides the exit status."""
    rerun_of: str | None = None
    """The run whose cases are tried once more, where this is such a rerun."""
    attempts: int = 3
    """How often a trial is played at the most whose simulated user misbehaves. What is thrown away stays with the
    trial."""
    max_turns: int = 20
    """User messages in one conversation at the most."""
    concurrency: int = 16
    """Conversations at once."""
    seed: int = 0
    """Where the seeds of the trials start."""
    agent_timeout_seconds: int = 120
    """How long one reply of the agent may take."""
    agent_concurrency: int | None = None
    """How many conversations the agent takes at once, where that is less than there are."""


@dataclass(kw_only=True)
class PlayedTurn(Word):
    """One turn of the recorded user beside what the simulated one did in its place."""
    turn: int
    """The turn, from 1."""
    recorded: str | None = None
    """What the recorded user said; none where the recording is over."""
    said: str | None = None
    """What the simulated user said."""
    left: Leaving | None = None
    """Why it left, where it did."""
    failed: str | None = None
    """Why it did neither."""


@dataclass(kw_only=True)
class Price(Word):
    """What a model costs."""
    input: float
    """Tokens read."""
    cached_input: float | None = None
    """Tokens read from the provider's prompt cache; as others where it is left out."""
    cache_write: float | None = None
    """Tokens read that are written to the cache; as others where it is left out."""
    output: float
    """Tokens written, those of reasoning included."""
    over: Over | None = None
    """What they cost in calls that read more than so many tokens, for providers that charge more then."""


@dataclass(kw_only=True)
class Problem(Word):
    """One thing that is wrong with a suite file. Its `Display` is `file:line: what`, its JSON an object with
    `file`, `line`, `what` and `fix`."""
    file: str
    """The file, as the user named it; `<stdin>` for standard input."""
    line: int | None = None
    """The line, where one is known."""
    what: str
    """What is wrong."""
    fix: str
    """What would be right."""


@dataclass(kw_only=True)
class PromptHash(Word):
    """A prompt and the hash of its text, which changes with any change of its words."""
    name: str
    """The name of its file."""
    hash: str
    """The first 12 hex digits of its BLAKE3 hash."""


@dataclass(kw_only=True)
class Provenance(Word):
    """What made a run, besides what its plan names."""
    reenact: str = ""
    """The version of reenact that began the run; empty where none was recorded."""
    user_prompts: list[PromptHash] = field(default_factory=list)
    """What the model that plays the users is asked with; none where no model does."""
    tool_prompts: list[PromptHash] = field(default_factory=list)
    """What the model that answers for tools is asked with; none where no model does."""
    judge_prompts: list[PromptHash] = field(default_factory=list)
    """What the model that judges is asked with; none where no model does. A run that was judged again has those of
    its last judging."""
    prices: dict[str, Price] = field(default_factory=dict)
    """What its models cost, as it was known when the run began or was stated for it; a model that is not here has
    an unknown price. In dollars for a million tokens."""


@dataclass(kw_only=True)
class Repaired(Word):
    """What a repair changed."""
    changes: list[str]
    """The changes, in words."""
    before: Scores
    """The figures before it."""


@dataclass(kw_only=True)
class Reproduction(Word):
    """How often a recorded failure came back, with a 95 % interval; figures rounded to six decimals."""
    reproduced: Reproduced
    """What that amounts to."""
    failed: int
    """Replays in which the failure came back."""
    replays: int
    """Replays in which it was decided whether it came back."""
    low: float
    """The lower end of the interval of how often it comes back."""
    high: float
    """The upper end; where it never came back, what 95 of 100 such series of replays would have shown."""


@dataclass(kw_only=True)
class Rerun(Word):
    """The runs that tried the suspects once more."""
    baseline: str
    """The run with the baseline's agent."""
    candidate: str
    """The run with the candidate's agent."""
    trials: int
    """How often each suspect was to be tried."""


@dataclass(kw_only=True)
class Run(Word):
    """A suite that was, or is being, tried."""
    id: str
    """Its id: a UUID of version 7, so that ids sort by time."""
    created_at: str
    """When it began."""
    plan: Plan
    """What is tried."""
    provenance: Provenance = field(default_factory=lambda: Provenance())
    """What made it, so that a later report tells of the run and not of whatever reports it."""
    suite: Suite
    """The cases as they were when the run began, and after them their variants."""
    left_out: list[Skipped] = field(default_factory=list)
    """The variants that were asked for and could not be made."""


@dataclass(kw_only=True)
class RunDifference(Word):
    """One thing besides the agent in which the two runs differ."""
    key: str
    """The key in the plan or the provenance."""
    baseline: str
    """Its value in the baseline, as JSON."""
    candidate: str
    """Its value in the candidate, as JSON."""


@dataclass(kw_only=True)
class Scores(Word):
    """How a case plays a recording."""
    conveyed: float | None = None
    """The share of what the recorded user told that the simulated one tells, 0 to 1; none where nothing was
    told."""
    order: float | None = None
    """How far it is told in the recorded order, -1 to 1 (Kendall's tau); none where fewer than two turns tell
    anything."""
    early: float | None = None
    """The share of what is told that comes before the recorded user told it, 0 to 1."""
    leaving: LeavingScore
    """When and how the user leaves."""
    style_distance: float | None = None
    """How far the simulated messages look from the recorded ones, 0 to 1."""
    failed_turns: int
    """At how many turns the user misbehaved, or whoever plays it did not answer."""


@dataclass(kw_only=True)
class Session(SessionWords):
    """A conversation that really happened."""
    id: str
    """The id under which it was traced, or one made from its content where it had none."""
    source: str = ""
    """The format and file that it came from, such as `mlflow traces/july.jsonl.gz`."""
    started_at: str | None = None
    """When it began, where the recording knows."""
    metadata: dict[str, str] = field(default_factory=dict)
    """What the recording says about it: user, agent, model, tags."""
    conversation: Conversation = field(metadata={'key': 'messages', 'required': True})
    """What was said."""


@dataclass(kw_only=True)
class SessionSummary(Word):
    """A session as a list shows it."""
    id: str
    """The session's id."""
    source: str
    """The format and file that it came from."""
    started_at: str | None = None
    """When it began, to the microsecond, where the recording knows."""
    turns: int
    """The number of user messages."""
    messages: int
    """The number of all messages."""
    opening: str
    """The first words of the user, in one line; cut ones end with `…`."""
    metadata: dict[str, str] = field(default_factory=dict)
    """What the recording says about it."""


@dataclass(kw_only=True)
class Skipped(Word):
    """A thing that gave nothing, with the reason; counted and shown wherever it arises."""
    what: str
    """The thing: `file:line`, or `session ID`."""
    reason: str
    """Why it gave nothing."""


@dataclass(kw_only=True)
class Spent(Word):
    """What one model cost in one role."""
    role: CostRole
    """For whom it was asked."""
    model: str
    """The model's name."""
    calls: int
    """Questions that were asked. One that had to be asked again counts once, with the tokens of both calls."""
    input_tokens: int
    """Tokens read, those from a cache included."""
    cached_tokens: int = 0
    """Of the tokens read, those that came from the provider's prompt cache."""
    cache_write_tokens: int = 0
    """Of the tokens read, those that the provider wrote to its prompt cache, where it charges for that."""
    output_tokens: int
    """Tokens written, those of reasoning included."""
    usd: Decimal
    """What is known to have been charged."""
    unpriced_tokens: int = 0
    """Tokens, read and written, of models whose price is not known."""
    unmetered_calls: int = 0
    """Answers of models that are not free, of which nobody said how many tokens they took."""


@dataclass(kw_only=True)
class Split(Word):
    """Where a session turns to something else."""
    session: str
    """The session's id."""
    turns: list[int]
    """The turns with which a further goal begins, in order."""


@dataclass(kw_only=True)
class Staging(Word):
    """How the conversation of a case is set up, beyond its brief."""
    prefix: Conversation = field(default_factory=Conversation)
    """What the user and the agent said before; the conversation goes on from there."""
    first_speaker: FirstSpeaker = FirstSpeaker.USER
    """Who speaks first."""
    script: list[str] = field(default_factory=list)
    """The user's messages, word for word."""
    after_script: AfterScript = AfterScript.LEAVE
    """What the user does at the end of the script."""


@dataclass(kw_only=True)
class Suite(SuiteWords):
    """A file of cases that a person reads, edits and keeps in git."""
    name: str | None = None
    """The suite's name."""
    cases: list[TestCase]
    """The cases."""


@dataclass(kw_only=True)
class Tally(Word):
    """What was decided about one case: how many of its decided trials passed."""
    passed: int
    """Trials that passed."""
    decided: int
    """Trials that passed or failed."""


@dataclass(kw_only=True)
class TestCase(Word):
    """One case of a suite."""
    id: str
    """Unique in its suite."""
    brief: Brief
    """All that the simulated user may know."""
    context: dict[str, Any] = field(default_factory=dict)
    """Handed to the agent with every turn, never to the user."""
    expectations: list[Expectation] = field(default_factory=list)
    """What the agent must do; never shown to the user."""
    staging: Staging = field(default_factory=lambda: Staging())
    """What was said before, who speaks first, and which words are fixed."""
    variant: Variant | None = None
    """Which case it was derived from to stress the agent, and how."""
    origin: Origin | None = None
    """Where the case comes from, for a case that was distilled."""


@dataclass(kw_only=True)
class Threshold(Word):
    """Whether a pass rate holds a threshold."""
    threshold: float
    """The pass rate that was asked for, 0 to 1."""
    verdict: Verdict
    """Pass where the whole interval is at or above it, Fail where the whole interval is below it, else
    Inconclusive."""
    reason: str
    """Why, in a sentence."""
    more_cases: int | None = None
    """How many more cases like these would decide, if the rate stays; nothing where it is decided, or none
    would."""
    more_trials: int | None = None
    """How many more trials of each of these cases would decide, likewise."""


@dataclass(kw_only=True)
class ToolCall(Word):
    """A call of a tool by the agent."""
    id: str | None = None
    """The id that the tool's answer refers to, where the recording has one."""
    name: str
    """The tool's name."""
    arguments: str = ''
    """The arguments as they were sent: JSON text, also where it is not valid JSON."""


@dataclass(kw_only=True)
class ToolMiss(Word):
    """A call of a tool that no recorded call answered."""
    turn: int
    """The turn, from 1; 0 is what came before the first."""
    tool: str
    """The tool's name."""
    arguments: str
    """The arguments as the agent sent them."""
    answered_by: Stopgap
    """What answered instead."""
    nearest: str | None = None
    """The arguments of the recorded call that is most alike, where the tool was recorded at all."""
    likeness: float | None = None
    """How alike, 0 to 1: the share of the arguments that are the same, texts by their edit distance."""


@dataclass(kw_only=True)
class ToolMocks(Word):
    """How tools are answered from the recording; part of a plan."""
    on_miss: Any = 'fail'
    """What becomes of a call that no recorded call answers."""
    ignore: list[str] = field(default_factory=list)
    """Arguments that do not count when calls are compared, because they change with the day: `request_id`, or
    `TOOL.request_id` for one tool alone."""


@dataclass(kw_only=True)
class Trial(Word):
    """One conversation of one case, judged."""
    case: str
    """The case's id."""
    trial: int
    """Which trial of the case, from 1."""
    session_id: str
    """The session id under which the agent saw it."""
    ending: Ending
    """Why the conversation stopped."""
    outcome: Outcome
    """What it amounts to."""
    conversation: Conversation
    """What was said."""
    disclosures: list[Disclosure] = field(default_factory=list)
    """Which fact was said when."""
    corrections: list[Correction] = field(default_factory=list)
    """Messages of the simulated user that were not let through and worded again."""
    goal: GoalCheck | None = None
    """Whether the goal was reached, where the user came to ask itself that."""
    handed_over_at: int | None = None
    """From which turn on the simulated user spoke, where a script or the recorded user's words came before."""
    discarded: list[Discarded] = field(default_factory=list)
    """Earlier conversations of this trial whose simulated user misbehaved; they count for nothing."""
    agent_version: str | None = None
    """Which version of the agent answered, where the agent says."""
    agent_latencies_ms: list[int] = field(default_factory=list)
    """How long the agent took for each of its replies, in milliseconds and in order, also where a reply was a
    fault."""
    agent_usage: list[AgentUsage | None] = field(default_factory=list)
    """What each of the agent's replies took, in order, where the agent says; none where it never does."""
    tool_misses: list[ToolMiss] = field(default_factory=list)
    """The calls of tools that no recorded call answered."""
    assessments: list[Assessment]
    """One assessment for each expectation, in the order of the case, then one for each judge that the run names."""


@dataclass(kw_only=True)
class TrialSummary(Word):
    """One trial in a line."""
    trial: int
    """Which trial of the case, from 1."""
    outcome: Outcome
    """What it amounts to."""
    ending: EndingKind
    """Why the conversation stopped."""
    turns: int
    """How many turns it took."""
    cost: Cost | None = None
    """What the models cost in it; nothing where none was asked."""
    why: Why | None = None
    """Why it did not pass; nothing where it did."""


@dataclass(kw_only=True)
class TurnCount(Word):
    """How many trials took so many turns."""
    turns: int
    """The number of turns."""
    outcomes: OutcomeCounts
    """Those trials, by outcome."""


@dataclass(kw_only=True)
class Unmatched(Word):
    """A case that could not be compared."""
    case: str
    """The case's id."""
    why: str
    """Why not: it is `only in the baseline`, `only in the candidate`, or its parts that differ."""


@dataclass(kw_only=True)
class Unreadable(Word):
    """A file that could not be read, or not to its end."""
    file: str
    """The file, as the user named it."""
    reason: str
    """What is wrong with it."""
    hint: str
    """What to do about it."""


@dataclass(kw_only=True)
class Variant(Word):
    """Which case a variant was derived from, and how."""
    of: str
    """The id of the case."""
    stress: Stress
    """How it was made harder."""


@dataclass(kw_only=True)
class VariantReport(Word):
    """What one kind of stress variant amounts to."""
    stress: Stress
    """How the cases were made harder."""
    outcomes: OutcomeCounts
    """Their trials by outcome."""
    pass_rate: PassRate | None = None
    """Passed among their decided trials; nothing where none was decided."""
    cases: list[CaseReport]
    """The variants, in the order of their cases."""


@dataclass(kw_only=True)
class Vote(Word):
    """What one judge of several said."""
    judge: str
    """Who."""
    verdict: Verdict
    """What the judge says."""
    value: Any = None
    """The value that it gives, for a judge that gives one: true or false, a number, a label or a text."""
    reason: str
    """Why."""
    turns: list[int] = field(default_factory=list)
    """The turns of the simulated conversation that it rests on, from 1."""


@dataclass(kw_only=True)
class Why(Word):
    """Why a trial did not pass."""
    trial: int
    """Which trial of the case, from 1."""
    expectation: str | None = None
    """The expectation, where it is one that decided."""
    reason: str
    """The reason."""
    turns: list[int] = field(default_factory=list)
    """The turns of the simulated conversation that the reason cites, from 1."""
