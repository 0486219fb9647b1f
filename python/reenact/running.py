"""Distil, run, judge: the straight line, with your own code in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import _native
from ._asking import Asking, OnError, awaitable
from ._progress import Progress, is_watched
from ._ways import Conversation
from ._word import plain
from .errors import Error, Interrupted
from .frames import is_frame, sessions_of
from .participants import (
    Agent,
    Hearing,
    Judge,
    Part,
    Scene,
    SimulatedUser,
    agent_part,
    judge_part,
    name_of,
    user_part,
)
from .report import Report
from .store import Store
from .words import (
    Assessment,
    Distilled,
    Expectation,
    Imported,
    JudgeRule,
    JudgeSpec,
    Judging,
    Plan,
    Run,
    Session,
    Stress,
    Suite,
    TestCase,
    Trial,
    UserKind,
)

if TYPE_CHECKING:
    import pandas

SuiteLike = Suite | TestCase | str | os.PathLike[str] | Iterable[TestCase]
"""A suite, the path of its file, or cases."""
UserLike = str | SimulatedUser | Callable[[Scene], Any]
"""Who plays the users: `offline`, the name of a model, or your own."""
JudgeLike = str | Sequence[str] | Judge | Callable[[Expectation, Hearing], Any]
"""Who judges what no code decides: `offline`, the names of models, or your own."""
StoreLike = Store | str | os.PathLike[str] | None
"""A store, the path of its file, or nothing for `.reenact/store.db`."""


def import_(
    *inputs: str | os.PathLike[str] | bytes, store: StoreLike = None, format: str | None = None, strict: bool = False
) -> Imported:
    """Reads recorded conversations into a store: `Store.import_` of the store that is named."""
    return Store.of(store).import_(*inputs, format=format, strict=strict)


def read(*inputs: str | os.PathLike[str] | bytes, format: str | None = None) -> list[Session]:
    """The sessions of recorded conversations, without a store that stays. Raises `Error` where something cannot be read."""
    store = Store.temporary()
    imported = store.import_(*inputs, format=format)
    if imported.unreadable:
        bad = imported.unreadable[0]
        raise Error("input", bad.reason, bad.hint, bad.file)
    return store.sessions()


def distill(
    sessions: Iterable[Session] | Store | str | os.PathLike[str] | pandas.DataFrame,
    *,
    query: str = "",
    model: str = "offline",
    split: bool = False,
    mask: str = "auto",
    store: StoreLike = None,
) -> Distilled:
    """Distils sessions into cases: each gives a case, or is among the skipped with its reason.

    `sessions` are sessions, a DataFrame of them, or a store (or its path), of which `query` chooses. Without a model every word of a case is the user's own;
    a model's answers are kept in the store, so that nothing is paid for twice. With `mask="auto"` personal data is masked where the model
    is not on this machine. With `split` a session that plainly turns to something else gives several cases.
    """
    if isinstance(sessions, (Store, str, os.PathLike)):
        kept = Store.of(sessions)
        listed = kept.sessions(query)
    else:
        listed = sessions_of(sessions) if is_frame(sessions) else list(sessions)  # type: ignore[arg-type]
        kept = Store.temporary() if store is None and model == "offline" else Store.of(store)
    how = {"model": model, "split": split, "mask": mask}
    return Distilled.from_dict(_native.distill(kept._native, plain(listed), how, _native.Stopper()))


def run(
    suite: SuiteLike,
    agent: Agent | str,
    *,
    user: UserLike = "offline",
    judge: JudgeLike = "offline",
    judges: Iterable[str | JudgeSpec] = (),
    judge_rule: JudgeRule | str = JudgeRule.ANY_VETO,
    store: StoreLike = None,
    trials: int = 1,
    threshold: float | None = None,
    max_turns: int = 20,
    attempts: int = 3,
    concurrency: int = 16,
    seed: int = 0,
    agent_version: str | None = None,
    agent_timeout_seconds: int = 120,
    agent_concurrency: int | None = None,
    user_kind: UserKind | str = UserKind.SIMULATED,
    variants: Iterable[Stress | str] = (),
    max_cost: Decimal | float | str | None = None,
    on_error: OnError = "keep",
    on_trial: Callable[[Trial], object] | None = None,
    progress: bool | None = None,
) -> Report:
    """Plays the cases of a suite against an agent, judges each conversation, and says what it amounts to.

    - `agent`: your function or object (see `reenact.participants`), or a name as the command takes it (`cmd:…`, `http://…`, `recorded`).
    - `user`, `judge`: `offline`, the name of a model, or your own.
    - `judges`: built-in judges by name, files of judges, or `JudgeSpec`s, that every conversation is put to besides.
    - `store`: where the run is kept. Every answer is kept before it is used, so that a run that was stopped goes on with `resume`.
    - `trials`, `threshold`, `max_turns`, `attempts`, `concurrency`, `seed`, `variants`, …: as in `Plan`.
    - `on_error`: what becomes of an exception of your own code. `keep` ends that trial (an agent that raises is Errored, a judge that
      raises is Inconclusive), and `Report.exceptions` has it. `raise` stops the run and raises it as it is; the run can be resumed.
    - `on_trial`: called with each trial as it ends. What it raises stops the run.
    - `progress`: a line on stderr; by default where somebody looks.

    Raises `Interrupted`, which is a `KeyboardInterrupt`, on Ctrl-C; it says how to go on.
    """
    suite = suite_of(suite)
    parts = _parts(agent, user, judge, suite)
    plan = Plan(
        agent=parts["agent"].name if "agent" in parts else str(agent),
        agent_version=agent_version,
        user_model=parts["user"].name if "user" in parts else str(user),
        user=UserKind(user_kind),
        variants=[Stress(variant) for variant in variants],
        judging=judging_of(judge, judges, judge_rule),
        trials=trials,
        threshold=threshold,
        attempts=attempts,
        max_turns=max_turns,
        concurrency=concurrency,
        seed=seed,
        agent_timeout_seconds=agent_timeout_seconds,
        agent_concurrency=agent_concurrency,
    )
    work = _Run.begin(Store.of(store), suite, plan, parts, max_cost)
    return work.drive(on_error=on_error, on_trial=on_trial, progress=progress)


def resume(
    run: str = "latest",
    agent: Agent | None = None,
    *,
    store: StoreLike = None,
    user: SimulatedUser | Callable[[Scene], Any] | None = None,
    judge: Judge | Callable[[Expectation, Hearing], Any] | None = None,
    max_cost: Decimal | float | str | None = None,
    on_error: OnError = "keep",
    on_trial: Callable[[Trial], object] | None = None,
    progress: bool | None = None,
) -> Report:
    """Goes on with a run that was stopped: trials that ended are kept, and no call that had an answer is made again.

    Whoever was your own code is handed in again; everybody else is known by name.
    """
    kept = Store.of(store)
    stored = Run.from_dict(kept._native.run(run))
    plan = stored.plan
    parts: dict[str, Part] = {}
    if agent is not None:
        parts["agent"] = agent_part(agent, stored.suite.cases)
    if user is not None:
        parts["user"] = user_part(user)
    if judge is not None:
        parts["judge"] = judge_part(judge)
    played = {"agent": plan.agent, "user": plan.user_model, "judge": plan.judging.models[0]}
    for role, name in played.items():
        if name.startswith("python:") and role not in parts:
            hint = f"hand it in: reenact.resume({stored.id!r}, {role}=…)"
            raise Error("usage", f"the {role} of this run is code of your own, `{name}`", hint)
    work = _Run(kept, stored.id, parts, plan.agent_timeout_seconds, max_cost)
    return work.drive(on_error=on_error, on_trial=on_trial, progress=progress)


def judge(
    run: str | Report = "latest",
    *,
    judge: JudgeLike = "offline",
    judges: Iterable[str | JudgeSpec] = (),
    judge_rule: JudgeRule | str = JudgeRule.ANY_VETO,
    store: StoreLike = None,
    max_cost: Decimal | float | str | None = None,
    on_error: OnError = "keep",
    progress: bool | None = None,
) -> Report:
    """Judges the conversations of a stored run again, without playing any of them again."""
    kept = Store.of(store)
    id = run.run.id if isinstance(run, Report) else Run.from_dict(kept._native.run(run)).id
    parts = {} if isinstance(judge, (str, Sequence)) else {"judge": judge_part(judge)}
    judging = judging_of(judge, judges, judge_rule).to_dict()
    work = _Run(kept, id, parts, 0, max_cost)

    def again(own: dict[str, Any], hear: Callable[[str, dict[str, Any]], None]) -> dict[str, Any]:
        return _native.rejudge(kept._native, id, judging, own, work.stopper, hear)

    return work.drive(on_error=on_error, on_trial=None, progress=progress, work=again, what="judged")


def assess(
    case: TestCase,
    conversation: Conversation | Iterable[dict[str, Any]],
    *,
    judge: JudgeLike = "offline",
    judges: Iterable[str | JudgeSpec] = (),
    judge_rule: JudgeRule | str = JudgeRule.ANY_VETO,
) -> list[Assessment]:
    """Judges one conversation without a run: exactly one assessment for each expectation of the case and for each judge, in order.

    `conversation` is a `Conversation`, or chat messages: dicts with `role` and `content`.
    """
    said = conversation if isinstance(conversation, Conversation) else Conversation.from_chat(conversation)
    parts = {} if isinstance(judge, (str, Sequence)) else {"judge": judge_part(judge)}
    judging, stopper = judging_of(judge, judges, judge_rule), _native.Stopper()
    with Asking(parts, stopper, on_error="raise") as asking:
        found = _native.assess(case.to_dict(), said.to_dict(), judging.to_dict(), asking.own, stopper)
    if asking.first is not None:
        raise asking.first
    return [Assessment.from_dict(assessment) for assessment in found]


run_async = awaitable(run)
"""`run` for who has an event loop already: `async` agents run on it. Cancelled, it stops as on Ctrl-C, and can be resumed."""
resume_async = awaitable(resume)
"""`resume` on the event loop that is running."""
judge_async = awaitable(judge)
"""`judge` on the event loop that is running."""


def suite_of(suite: SuiteLike) -> Suite:
    """A suite from whatever stands for one."""
    if isinstance(suite, Suite):
        return suite
    if isinstance(suite, (str, os.PathLike)):
        return Suite.load(suite)
    return Suite(cases=[suite] if isinstance(suite, TestCase) else list(suite))


def judging_of(
    judge: JudgeLike, judges: Iterable[str | JudgeSpec] = (), rule: JudgeRule | str = JudgeRule.ANY_VETO
) -> Judging:
    """Who judges, as a plan has it."""
    specs: list[JudgeSpec] = []
    for named in judges:
        specs += [named] if isinstance(named, JudgeSpec) else [JudgeSpec.from_dict(it) for it in _native.judges(named)]
    return Judging(models=_models(judge), rule=JudgeRule(rule), judges=specs)


def _models(judge: JudgeLike) -> list[str]:
    if isinstance(judge, str):
        return [judge]
    if isinstance(judge, Sequence):
        return [str(model) for model in judge]
    return [name_of(judge)]


def _parts(agent: Agent | str, user: UserLike, judge: JudgeLike, suite: Suite) -> dict[str, Part]:
    """Those parts that are one's own code."""
    parts = {}
    if not isinstance(agent, str):
        parts["agent"] = agent_part(agent, suite.cases)
    if not isinstance(user, str):
        parts["user"] = user_part(user)
    if not isinstance(judge, (str, Sequence)):
        parts["judge"] = judge_part(judge)
    return parts


class _Run:
    """A run that stands in its store, with whoever takes part."""

    def __init__(
        self,
        store: Store,
        id: str,
        parts: Mapping[str, Part],
        deadline: float,
        max_cost: Decimal | float | str | None,
    ) -> None:
        self.store, self.id, self.parts, self.deadline = store, id, parts, deadline
        self.stopper = _native.Stopper(None if max_cost is None else format(Decimal(str(max_cost)), "f"))

    @classmethod
    def begin(
        cls,
        store: Store,
        suite: Suite,
        plan: Plan,
        parts: Mapping[str, Part],
        max_cost: Decimal | float | str | None,
    ) -> _Run:
        own = Asking(parts, _native.Stopper()).own
        begun = _native.begin(store._native, suite.to_dict(), plan.to_dict(), own)
        return cls(store, begun["id"], parts, plan.agent_timeout_seconds, max_cost)

    def drive(
        self,
        *,
        on_error: OnError,
        on_trial: Callable[[Trial], object] | None,
        progress: bool | None,
        work: Callable[[dict[str, Any], Callable[[str, dict[str, Any]], None]], dict[str, Any]] | None = None,
        what: str = "trials",
    ) -> Report:
        """Tries what is still to be tried, or does other work that one's own code has a part in."""
        work = work or self._try_all
        shown = Progress(what, shown=is_watched() if progress is None else progress)

        def hear(kind: str, data: dict[str, Any]) -> None:
            shown.hear(kind, data)
            if kind == "ended" and on_trial is not None:
                on_trial(Trial.from_dict(data))

        with Asking(self.parts, self.stopper, on_error=on_error, deadline=self.deadline) as asking:
            try:
                output = work(asking.own, hear)
            except KeyboardInterrupt:
                raise Interrupted(self.id, str(self.store.path)) from None
            except Error as error:
                if asking.first is not None and error.kind == "interrupted":
                    raise asking.first from None
                raise
            finally:
                shown.close()
        report = Report.from_dict(output)
        report.exceptions = asking.exceptions
        return report

    def _try_all(self, own: dict[str, Any], hear: Callable[[str, dict[str, Any]], None]) -> dict[str, Any]:
        return _native.drive(self.store._native, self.id, own, self.stopper, hear)
