#!/usr/bin/env python3
"""What `reenact run` takes for the conversations of load.py, without a tracking server and with one; peer.sh starts it.

    run_mlflow.py ADDRESS CONVERSATIONS REENACT TRACKING
"""
import os
import sys
import tempfile

from load import CALLS, play

address, conversations, reenact, tracking = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
os.chdir(tempfile.mkdtemp())
for told, options in (("run", ()), ("run --mlflow", ("--mlflow", tracking, "--experiment", "load-run"))):
    figures = play(reenact, address, conversations, *options)
    calls = conversations * CALLS
    print(
        f"reenact {told}: {conversations} conversations, {calls} calls, {figures['wall']:.1f} s, "
        f"{figures['cpu'] / calls * 1000:.2f} ms of CPU per call without the tracking server, "
        f"{figures['in_flight_max']} calls in flight at the most"
    )
