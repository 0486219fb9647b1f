#!/usr/bin/env python3
"""The tables of docs/benchmarks.md, from what score.sh left in a folder.

    tables.py FOLDER DATA

FOLDER holds one folder for each corpus. The baselines are those of DATA/baselines-dev.md. Ends with status 1 where
an account does not come out even. Standard library only.
"""
import json
import pathlib
import sys

NAMES = {
    "camrest": "CamRest676", "casino": "CaSiNo", "crosswoz": "CrossWOZ (Chinese)", "multiwoz": "MultiWOZ 2.1",
    "sgd": "Schema-Guided Dialogue", "spc": "Synthetic-Persona-Chat", "star": "STAR", "stitched": "stitched",
    "tau_airline": "tau-bench airline", "tau_retail": "tau-bench retail", "taskmaster4": "Taskmaster 4",
    "whissle": "whissle",
}


def main():
    folder, data = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    corpora = sorted(path for path in folder.iterdir() if path.is_dir())
    baselines = read_baselines(data / "baselines-dev.md")
    accounts = {corpus.name: read(corpus / "accounts.json") for corpus in corpora}
    table("What comes of the sessions", ACCOUNTS, [account_row(name, accounts[name]) for name in accounts])
    table("Distillation: what is kept", KEPT, [kept_row(corpus, baselines) for corpus in corpora])
    table("Distillation: what must not be in it", LEAKS, [leaks_row(corpus, baselines) for corpus in corpora])
    table("Simulation", SIMULATION, [row for corpus in corpora for row in simulation_rows(corpus)])
    table("Closeness", CLOSENESS, [row for corpus in corpora for row in closeness_rows(corpus)])
    faults = [f"{name}: {fault}" for name in accounts for fault in accounts[name]["faults"]]
    if faults:
        sys.exit("\n".join(faults))


def table(title, head, rows):
    print(f"\n{title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(cell(value) for value in row)} |")


def cell(value):
    if isinstance(value, float):
        return f"{value:.3f}"
    return "–" if value is None else str(value)


def read(path):
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return json.loads(text) if text.strip() else {}


def scores(path):
    """The one report in a file of a scorer."""
    return next(iter(read(path).values()), {})


def dig(report, *keys):
    for key in keys:
        report = (report or {}).get(key)
    return report


def read_baselines(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    head, *rows = [[text.strip() for text in line.strip("| ").split("|")] for line in lines]
    return {(row[0], row[1]): dict(zip(head, row)) for row in rows}


ACCOUNTS = ["corpus", "sessions", "cases", "skipped", "parts dropped", "quotes", "not verbatim", "words", "not the user's",
            "trials", "endings", "exit statuses"]


def account_row(name, account):
    endings = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in account["endings"].items())
    statuses = ", ".join(str(status) for status in account["statuses"].values())
    keys = ("sessions", "cases", "skipped", "dropped", "quotes", "quotes_strayed", "words", "words_foreign", "trials")
    counts = [account[key] for key in keys]
    return [NAMES.get(name, name), *counts, endings, statuses]


KEPT = ["corpus", "slot recall: goal", "goal + facts", "`all_user`", "`first_user`", "ROUGE-L: goal", "goal + facts",
        "`all_user`", "`first_user`", "words: goal", "goal + facts", "`all_user`", "`first_user`"]


def kept_row(corpus, baselines):
    goal, whole = scores(corpus / "goal.score"), scores(corpus / "knowledge.score")

    def base(column):
        return [baselines.get((corpus.name, name), {}).get(column) for name in ("all_user", "first_user")]
    recall = [dig(report, "slot_recall", "micro") for report in (goal, whole)]
    rouge = [dig(report, "goal_text", "rouge_l") for report in (goal, whole)]
    words = [rounded(dig(report, "length_words", "goal", "mean")) for report in (goal, whole)]
    name = NAMES.get(corpus.name, corpus.name)
    return [name, *recall, *base("slot recall"), *rouge, *base("ROUGE-L"), *words, *base("words/goal")]


LEAKS = ["corpus", "agent-only: goal", "goal + facts", "`all_user`", "echoed: goal", "goal + facts", "`all_user`",
         "unsupported: goal", "goal + facts", "`all_user`", "late values in the opening", "guidelines covered",
         "persona facts"]


def leaks_row(corpus, baselines):
    goal, whole = scores(corpus / "goal.score"), scores(corpus / "knowledge.score")
    row = [NAMES.get(corpus.name, corpus.name)]
    for ours, theirs in (("agent_only", "agent-only leak"), ("echoed", "echoed"), ("unsupported", "unsupported")):
        row += [dig(report, "leakage", f"{ours}_rate") for report in (goal, whole)]
        row.append(baselines.get((corpus.name, "all_user"), {}).get(theirs))
    row += [dig(goal, "opening", "late_slots_blurted"), dig(goal, "guidelines", "coverage")]
    return [*row, dig(goal, "persona", "fact_recall")]


SIMULATION = ["corpus", "played against", "conveyed", "first turn", "really", "order (tau)", "early", "turns", "length",
              "agent-only"]
CLOSENESS = ["corpus", "held against", "ends within a turn", "ends as it came out", "style distance"]


def simulation_rows(corpus):
    keys = ["conveyed", "first_turn", "first_turn_real", "order_tau", "early", "turn_ratio", "len_ratio", "agent_only"]
    for file, against in (("simulation.score", "its own agent"), ("floor.score", "another session's")):
        report = scores(corpus / file)
        yield [NAMES.get(corpus.name, corpus.name), against, *(report.get(key) for key in keys)]


def closeness_rows(corpus):
    for file, against in (("simulation.close", "its own recording"), ("floor.close", "another's")):
        report = read(corpus / file)
        keys = ("ending_turn", "ending_outcome", "style_distance")
        yield [NAMES.get(corpus.name, corpus.name), against, *(report.get(key) for key in keys)]


def rounded(value):
    return None if value is None else round(value)


if __name__ == "__main__":
    main()
