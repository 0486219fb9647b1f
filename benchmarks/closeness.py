#!/usr/bin/env python3
"""How close simulated conversations are to the recorded ones in how they end and how their users write.

    closeness.py TRUTH SUITE RUN [--shuffled]

TRUTH is a corpus, SUITE the cases, RUN what `reenact run --json` printed. With --shuffled each conversation is held
against the recording of the next case: what two strangers have in common. Prints one JSON object:

ending_turn     share of conversations that end within one turn of the recorded one, goodbyes not counted
ending_outcome  where the corpus says how the recording came out: share of conversations whose user leaves content
                after a success, or discontent after a failure; those of which the user cannot tell are not counted
style_distance  0 to 1: the mean over seven counts of 1 - 2 min(a, b) / (a + b), after the Sorensen-Dice overlap of
                style features (Zhou et al. 2026, arXiv 2603.11245)

Standard library only.
"""
import json
import re
import sys

from rows import suite_cases

MANNERS = re.compile(r"\b(please|thank\w*|thanks|sorry|appreciate\w*)\b|谢谢|请|您好", re.I)
GOODBYE = re.compile(r"\b(bye|goodbye|thank you|thanks|that'?s all|that is all|nothing else|have a (good|great|nice))\b|谢谢|再见|不客气",
                     re.I)
WORD = re.compile(r"[\w'’-]+")
CONTENT = {"satisfied"}
DISCONTENT = {"gave_up", "lost_patience", "asked_for_person", "turn_limit"}


def main():
    truth, suite, run = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    sessions = {row["session_id"]: row for row in read_lines(truth)}
    origin = {case["id"]: case["origin"]["session"] for case in suite_cases(suite)}
    with open(run, encoding="utf-8") as file:
        trials = json.load(file)["trials"]
    recorded = [sessions[origin[trial["case"]]] for trial in trials]
    if "--shuffled" in sys.argv:
        recorded = recorded[1:] + recorded[:1]
    pairs = list(zip(trials, recorded))
    print(json.dumps({
        "ending_turn": mean(ends_alike(trial, session) for trial, session in pairs),
        "ending_outcome": mean(outcome_alike(trial, session) for trial, session in pairs),
        "style_distance": mean(style_distance(trial, session) for trial, session in pairs),
    }))


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def mean(values):
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def said_by_user(messages, role):
    return [text for text in (message.get("content") or message.get("text") or "" for message in messages
                              if (message.get("role") or message.get("speaker")) == role) if text.strip()]


def substantial_turns(texts):
    """The number of messages up to the last that is more than a goodbye."""
    is_goodbye = [bool(GOODBYE.search(text)) and len(WORD.findall(text)) <= 15 and "?" not in text for text in texts]
    while is_goodbye and is_goodbye[-1]:
        is_goodbye.pop()
    return len(is_goodbye)


def ends_alike(trial, session):
    simulated = substantial_turns(said_by_user(trial["conversation"], "user"))
    recorded = substantial_turns(said_by_user(session["messages"], "user"))
    return abs(simulated - recorded) <= 1


def outcome_alike(trial, session):
    outcome, ending = session["truth"].get("outcome"), trial["ending"]["kind"]
    if outcome not in ("success", "fail") or ending not in CONTENT | DISCONTENT:
        return None
    return (outcome == "success") == (ending in CONTENT)


def style_distance(trial, session):
    simulated = style(said_by_user(trial["conversation"], "user"))
    recorded = style(said_by_user(session["messages"], "user"))
    if simulated is None or recorded is None:
        return None
    return sum(1 - 2 * min(a, b) / (a + b) if a + b else 0 for a, b in zip(simulated, recorded)) / len(recorded)


def style(texts):
    if not texts:
        return None
    letters = [c for text in texts for c in text if c.isalpha()]
    share = [len(WORD.findall(text)) <= 3 for text in texts], [bool(MANNERS.search(text)) for text in texts], \
        ["?" in text or "？" in text for text in texts], [text.rstrip()[-1:].isalnum() for text in texts], \
        [text.lstrip()[:1].islower() for text in texts]
    counts = [sum(is_so) / len(texts) for is_so in share]
    words = sum(len(WORD.findall(text)) for text in texts) / len(texts)
    return [*counts, words, sum(c.isupper() for c in letters) / max(1, len(letters))]


if __name__ == "__main__":
    main()
