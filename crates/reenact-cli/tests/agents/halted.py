"""Plays another program that reads lines, and halts once in the middle of a turn: `python3 halted.py PROGRAM`.

The first of its processes that is told of parcel 4711 has read the line and answers nothing. It writes its process id to the file `halted`
and waits to be killed.
"""

import json
import os
import runpy
import sys


class Lines:
    def __init__(self, lines):
        self.lines = lines

    def __iter__(self):
        for line in self.lines:
            if "4711" in json.loads(line)["message"] and is_first():
                # Until whoever talks to it is gone.
                self.lines.read()
                return
            yield line


def is_first():
    try:
        with open("halted", "x") as file:
            file.write(f"{os.getpid()}\n")
        return True
    except FileExistsError:
        return False


sys.stdin = Lines(sys.stdin)
runpy.run_path(sys.argv[1], run_name="__main__")
