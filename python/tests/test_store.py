"""Sessions in and out, cases of them, and DataFrames."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import reenact
from reenact import frames


def test_a_recording_becomes_a_session_and_a_session_a_case(recording: bytes, store: reenact.Store) -> None:
    imported = store.import_(recording)
    assert (imported.sessions_new, imported.skipped) == (1, [])
    assert store.import_(recording).sessions_unchanged == 1
    [session] = store.sessions("money turns>=2")
    assert session == store.session("s-1041")
    assert [summary.id for summary in store.summaries(limit=5)] == ["s-1041"]
    assert store.sessions("nothing like it") == []
    distilled = reenact.distill(store)
    assert distilled == reenact.distill([session], store=store)
    assert (len(distilled.cases), distilled.skipped) == (1, [])
    case = distilled.suite("parcels").cases[0]
    assert case.origin is not None
    assert case.origin.session == "s-1041"
    assert case.brief.facts[0].gate.kind == "when"


def test_what_cannot_be_read_is_named_and_nothing_else_is_lost(recording: bytes, store: reenact.Store) -> None:
    imported = store.import_(recording + b"\n{broken\n", "gone.jsonl")
    assert (imported.sessions_new, imported.skipped_count, len(imported.unreadable)) == (1, 1, 1)
    assert store.import_(b"{broken\n", strict=True).refused
    with pytest.raises(reenact.Error, match="there is no such file"):
        reenact.read("gone.jsonl")
    with pytest.raises(reenact.Error, match="format"):
        store.import_(recording, format="gramophone")


def test_a_session_that_gives_no_case_is_among_the_skipped() -> None:
    session = reenact.Session.from_chat(
        "s-3", [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hi!"}]
    )
    distilled = reenact.distill([session])
    assert (distilled.cases, distilled.skipped[0].what) == ([], "session s-3")


def test_a_store_is_one_file_for_this_and_for_the_command(tmp_path: Path, recording: bytes) -> None:
    store = reenact.Store(tmp_path / "kept" / "store.db")
    store.import_(recording)
    again = pickle.loads(pickle.dumps(store))
    assert again.session("s-1041") == store.session("s-1041")
    assert repr(again) == f"Store('{tmp_path / 'kept' / 'store.db'}')"
    with pytest.raises(reenact.Error, match="gone"):
        store.session("gone")
    (tmp_path / "other.db").write_text("something else entirely, and no database")
    with pytest.raises(reenact.Error) as raised:
        reenact.Store(tmp_path / "other.db")
    assert raised.value.kind == "store"


def test_a_file_is_read_without_a_store(tmp_path: Path, recording: bytes) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(recording)
    assert [session.id for session in reenact.read(file)] == ["s-1041"]


def test_a_session_made_here_is_stored_as_it_is(store: reenact.Store) -> None:
    session = reenact.Session.from_chat("s-2", [{"role": "user", "content": "grüß Gott 👋"}], region="Tirol")
    assert store.put(session) == 1
    assert store.session("s-2") == session


def test_sessions_come_from_a_dataframe_of_messages_or_of_sessions(store: reenact.Store, recording: bytes) -> None:
    pd = pytest.importorskip("pandas")
    [session] = reenact.read(recording)
    rows = [{"session_id": "a", "role": "user", "content": "hi"}, {"session_id": "b", "role": "user", "content": "ho"}]
    assert [it.id for it in frames.sessions_of(pd.DataFrame(rows))] == ["a", "b"]
    frame = pd.DataFrame([{"id": "c", "messages": session.conversation.to_chat(), "team": "north", "none": None}])
    assert store.put(frame) == 1
    assert store.session("c").metadata == {"team": "north"}
    assert store.session("c").conversation == session.conversation
    again = frames.sessions_frame([session])
    assert list(again["turn"]) == [1, 1, 2, 2, 3]
    told = again.rename(columns={"text": "content", "speaker": "role"})
    assert reenact.distill(told).cases[0].brief == reenact.distill([session]).cases[0].brief
    with pytest.raises(ValueError, match="the DataFrame has no column `role`; it has session_id"):
        frames.sessions_of(pd.DataFrame([{"session_id": "a"}]))
