"""DataFrames, in and out. pandas is only needed by who uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from ._ways import Conversation
from .words import Message, Session

if TYPE_CHECKING:
    import pandas

    from .report import Report


def sessions_of(frame: pandas.DataFrame) -> list[Session]:
    """Sessions from a DataFrame.

    Either a row is a session, with `session_id` (or `id`) and `messages`, a list of chat messages; or a row is a message, with
    `session_id`, `role` (or `speaker`) and `content` (or `text`), in the order in which they were said. Other columns are metadata of a
    session.
    """
    id = _column(frame, "session_id", "id")
    if "messages" in frame.columns:
        return [_session_of_row(row, id) for row in frame.to_dict("records")]
    role, content = _column(frame, "role", "speaker"), _column(frame, "content", "text")
    conversations: dict[str, Conversation] = {}
    for row in frame.to_dict("records"):
        message = Message.from_chat({"role": row[role], "content": row[content]})
        conversations.setdefault(str(row[id]), Conversation()).append(message)
    return [Session(id=session, conversation=conversation) for session, conversation in conversations.items()]


def sessions_frame(sessions: list[Session]) -> pandas.DataFrame:
    """Sessions as a DataFrame, a row for each message: `session_id`, `turn`, `speaker`, `text` and `at`."""
    import pandas as pd

    rows = [
        {
            "session_id": session.id,
            "turn": turn,
            "speaker": message.speaker.value,
            "text": message.text,
            "at": message.at,
        }
        for session in sessions
        for turn, message in _numbered(session.conversation)
    ]
    frame: pandas.DataFrame = pd.DataFrame(rows, columns=["session_id", "turn", "speaker", "text", "at"])
    return frame


def trials_frame(report: Report) -> pandas.DataFrame:
    """A row for each trial: `case`, `trial`, `outcome`, `ending`, `turns`, `session_id`, `why`."""
    import pandas as pd

    summaries = {(case.case, summary.trial): summary for case in report.cases for summary in case.trials}
    rows = []
    for trial in report.trials:
        summary = summaries.get((trial.case, trial.trial))
        rows.append(
            {
                "case": trial.case,
                "trial": trial.trial,
                "outcome": trial.outcome.value,
                "ending": trial.ending.kind.value,
                "turns": sum(message.speaker == "user" for message in trial.conversation),
                "session_id": trial.session_id,
                "why": summary.why.reason if summary is not None and summary.why is not None else None,
            }
        )
    frame: pandas.DataFrame = pd.DataFrame(
        rows, columns=["case", "trial", "outcome", "ending", "turns", "session_id", "why"]
    )
    return frame


def assessments_frame(report: Report) -> pandas.DataFrame:
    """A row for each assessment: `case`, `trial`, `expectation`, `verdict`, `reason`, `turns`, `judge`, `value`, `decides`."""
    import pandas as pd

    columns = ["case", "trial", "expectation", "verdict", "reason", "turns", "judge", "value", "decides"]
    rows: list[dict[str, Any]] = [
        {"case": trial.case, "trial": trial.trial, **vars(assessment), "verdict": assessment.verdict.value}
        for trial in report.trials
        for assessment in trial.assessments
    ]
    frame: pandas.DataFrame = pd.DataFrame(rows, columns=columns)
    return frame


def is_frame(value: object) -> TypeGuard[pandas.DataFrame]:
    """Whether a value is a DataFrame, told without importing pandas."""
    return type(value).__name__ == "DataFrame" and hasattr(value, "to_dict") and hasattr(value, "columns")


def _column(frame: pandas.DataFrame, *names: str) -> str:
    for name in names:
        if name in frame.columns:
            return name
    raise ValueError(f"the DataFrame has no column `{names[0]}`; it has {', '.join(map(str, frame.columns))}")


def _session_of_row(row: dict[Any, Any], id: str) -> Session:
    conversation = Conversation.from_chat(row["messages"])
    metadata = {str(key): str(value) for key, value in row.items() if key not in (id, "messages") and _is_there(value)}
    return Session(id=str(row[id]), conversation=conversation, metadata=metadata)


def _is_there(value: Any) -> bool:
    """Whether a cell has something in it: pandas writes what is missing as a number that is not itself."""
    return value is not None and bool(value == value)


def _numbered(conversation: Conversation) -> list[tuple[int, Message]]:
    numbered, turn = [], 0
    for message in conversation:
        turn += message.speaker == "user"
        numbered.append((turn, message))
    return numbered
