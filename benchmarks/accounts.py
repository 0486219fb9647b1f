#!/usr/bin/env python3
"""Whether nothing vanished between a corpus, its suite and its run, told without the code of reenact.

    accounts.py CORPUS FOLDER

FOLDER holds import.json, distill.json, suite.jsonl, run.json and statuses.json, as score.sh makes them.
Prints one JSON object with the counts and with what does not hold. Standard library only.
"""
import collections
import json
import pathlib
import re
import sys

from rows import suite_cases

# All passed, an expectation failed, undecided; 2 is a wrong call, and a crash is 101 or more.
PLAYED = {0, 1, 3}

# Scripts without spaces are compared character by character.
WORD = re.compile(r"[^\W\u2e80-\uffff]+|(?=\w)[\u2e80-\uffff]")


def main():
    corpus, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    recorded = {session["session_id"]: session for session in rows(corpus)}
    statuses = read(folder / "statuses.json")
    suite = suite_cases(folder / "suite.jsonl") if (folder / "suite.jsonl").exists() else []
    distilled = read(folder / "distill.json")
    account = {"sessions": len(recorded), "statuses": statuses}
    faults = list(faults_of_statuses(statuses))
    faults += faults_of_import(recorded, read(folder / "import.json"))
    faults += faults_of_distillation(recorded, distilled, suite)
    account["cases"] = len(distilled.get("cases", []))
    account["skipped"] = len(distilled.get("skipped", []))
    account["dropped"] = len(distilled.get("dropped", []))
    account["quotes"], strayed = strayed_quotes(recorded, suite)
    account["quotes_strayed"] = len(strayed)
    account["words"], foreign = foreign_words(recorded, suite)
    account["words_foreign"] = len(foreign)
    played = read(folder / "run.json").get("trials", [])
    faults += faults_of_run(suite, played)
    account["trials"] = len(played)
    account["endings"] = dict(collections.Counter(trial["ending"]["kind"] for trial in played).most_common())
    account["faults"] = faults + strayed
    json.dump(account, sys.stdout, indent=1, ensure_ascii=False)


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def read(path):
    """What a verb printed; nothing where it did not come to that."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return json.loads(text) if text.strip() else {}


def faults_of_statuses(statuses):
    for verb, status in statuses.items():
        if status != 0 and not (verb in ("run", "floor") and status in PLAYED):
            yield f"`{verb}` ended with status {status}"


def faults_of_import(recorded, imported):
    told = sum(imported.get(key, 0) for key in ("sessions_new", "sessions_grown", "sessions_unchanged"))
    left_out = imported.get("skipped_count", 0)
    return [] if told == len(recorded) and left_out == 0 else [
        f"{len(recorded)} sessions in the corpus, {told} imported, {left_out} records skipped"]


def faults_of_distillation(recorded, distilled, suite):
    prefix = "session "
    given = [case["origin"]["session"] for case in distilled.get("cases", [])]
    skipped = [skip["what"].removeprefix(prefix) for skip in distilled.get("skipped", [])]
    counts = collections.Counter(given + skipped)
    for session in recorded:
        if counts.pop(session, 0) != 1:
            yield f"session {session} is not accounted for once"
    for stranger in counts:
        yield f"session {stranger} is not in the corpus"
    for skip in distilled.get("skipped", []):
        if not skip["reason"].strip():
            yield f"{skip['what']} is skipped without a reason"
    if [case["id"] for case in suite] != [case["id"] for case in distilled.get("cases", [])]:
        yield "the suite does not hold the cases that were told"


def strayed_quotes(recorded, suite):
    """How many quotes there are, and those that do not stand in the user turn that they cite."""
    quotes, strayed = 0, []
    for case in suite:
        session = recorded[case["origin"]["session"]]
        said = [message["content"] or "" for message in session["messages"] if message["role"] == "user"]
        for evidence in case["origin"].get("evidence", []):
            quotes += 1
            turn, quote = evidence["turn"], evidence["quote"]
            if not (1 <= turn <= len(said) and quote and quote in said[turn - 1]):
                strayed.append(f"{session['session_id']}, {evidence['field']}: \"{quote}\" is not in turn {turn}")
    return quotes, strayed


def foreign_words(recorded, suite):
    """How many words the goals and facts have, and those that the user of the session never wrote, letter for letter."""
    words, foreign = 0, []
    for case in suite:
        session = recorded[case["origin"]["session"]]
        said = " ".join(message["content"] or "" for message in session["messages"] if message["role"] == "user")
        written = set(WORD.findall(said))
        for text in [case["goal"], *(fact["text"] for fact in case.get("facts", []))]:
            for word in WORD.findall(text):
                words += 1
                if word not in written:
                    foreign.append(f"{session['session_id']}: the user never wrote \"{word}\", which the case tells")
    return words, foreign


def faults_of_run(suite, played):
    counts = collections.Counter(trial["case"] for trial in played)
    for case in suite:
        if counts[case["id"]] != 1:
            yield f"case {case['id']} was played {counts[case['id']]} times"
    for trial in played:
        if not trial.get("ending") or not trial.get("outcome"):
            yield f"the trial of {trial['case']} has no ending or no outcome"
        if len(trial["assessments"]) != expected(suite, trial["case"]):
            yield f"the trial of {trial['case']} has not one assessment for each expectation"


def expected(suite, case_id):
    return next((len(case.get("expectations", [])) for case in suite if case["id"] == case_id), 0)


if __name__ == "__main__":
    main()
