#!/usr/bin/env python3
"""Several runs of a benchmark as one Markdown table of medians.

    medians.py COLUMN...  <RUNS

A run is lines of fields, the first of them a name and the rest numbers, below a line that heads them. Standard
library only.
"""
import statistics
import sys


def main():
    columns = sys.argv[1:]
    runs = {}
    for line in sys.stdin:
        name, *fields = line.split()
        if all(is_number(field) for field in fields) and fields:
            if len(fields) + 1 != len(columns):
                sys.exit(f"a line has {len(fields) + 1} fields, and {len(columns)} columns are named: {line.strip()}")
            runs.setdefault(name, []).append([float(field) for field in fields])
    if not runs:
        sys.exit("the benchmark told no figures")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, measured in runs.items():
        print(f"| {name} | {' | '.join(rounded(statistics.median(column)) for column in zip(*measured))} |")


def is_number(field):
    try:
        float(field)
    except ValueError:
        return False
    return True


def rounded(value):
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
