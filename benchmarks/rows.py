#!/usr/bin/env python3
"""Rows for the scorers beside the corpora, from what `reenact` wrote.

    rows.py cases SUITE          one row a case, for score_distill.py; the facts are guidelines
    rows.py knowledge SUITE      the same, with the facts in the goal: all that the simulated user may tell, in the order
                                 of the recording, as the user's own words stand in the baselines
    rows.py trials SUITE RUN     one row a conversation, for score_sim.py
    rows.py rotated SUITE        the suite again, each case played against the recorded agent of the next one

Standard library only; what is made goes to stdout.
"""
import json
import sys

ROLES = {"user": "user", "agent": "assistant"}


def main():
    verb, *files = sys.argv[1:]
    made = {"cases": cases, "knowledge": knowledge, "trials": trials, "rotated": rotated}[verb](*files)
    for row in made:
        print(json.dumps(row, ensure_ascii=False))


def cases(suite):
    for case in suite_cases(suite):
        yield scored(case, case["goal"])


def knowledge(suite):
    for case in suite_cases(suite):
        yield scored(case, "\n".join(told(case)))


def trials(suite, run):
    session_of = {case["id"]: case["origin"]["session"] for case in suite_cases(suite)}
    with open(run, encoding="utf-8") as file:
        played = json.load(file)["trials"]
    for trial in played:
        # The user does not hear the tools.
        heard = [message for message in trial["conversation"] if message["speaker"] in ROLES]
        messages = [{"role": ROLES[message["speaker"]], "content": message.get("text", "")} for message in heard]
        yield {"session_id": session_of[trial["case"]], "messages": messages}


def rotated(suite):
    all_cases = list(suite_cases(suite))
    for case, other in zip(all_cases, all_cases[1:] + all_cases[:1]):
        yield {**case, "origin": {**case["origin"], "session": other["origin"]["session"]}}


def suite_cases(suite):
    with open(suite, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    return [row for row in rows if "goal" in row]


def scored(case, goal):
    return {
        "session_id": case["origin"]["session"],
        "goal": goal,
        "persona": case.get("persona") or "",
        "simulation_guidelines": [*case.get("simulation_guidelines", []), *facts(case)],
        "expectations": [expectation.get("text") or "" for expectation in case.get("expectations", [])],
        "opening": case.get("opening") or "",
    }


def told(case):
    """The lines of the goal and the facts, in the order in which the recorded user told them."""
    turns = {}
    for entry in case["origin"].get("evidence", []):
        turns.setdefault(entry["field"], []).append(entry["turn"])
    lines = case["goal"].split("\n")
    goal_turns = sorted(set(turns.get("goal", [])))
    if len(goal_turns) != len(lines):
        return [*lines, *facts(case)]
    of_facts = [(turns[f"facts.{fact['id']}"][0], fact["text"]) for fact in case.get("facts", [])]
    return [text for _, text in sorted([*zip(goal_turns, lines), *of_facts], key=lambda line: line[0])]


def facts(case):
    return [fact["text"] for fact in case.get("facts", [])]


if __name__ == "__main__":
    main()
