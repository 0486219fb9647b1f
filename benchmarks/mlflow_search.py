#!/usr/bin/env python3
"""What MLflow's own client takes to read the sessions of an experiment.

    mlflow_search.py ADDRESS EXPERIMENT SESSIONS
"""
import resource
import sys
import time

import mlflow

mlflow.set_tracking_uri(sys.argv[1])
experiment = mlflow.get_experiment_by_name(sys.argv[2]).experiment_id
before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
sessions = mlflow.search_sessions(locations=[experiment], max_results=int(sys.argv[3]))
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
traces = sum(len(session.traces) for session in sessions)
print(f"{len(sessions)} sessions, {traces} traces, {time.monotonic() - began:.1f} s, {cpu:.2f} s of CPU, peak {after.ru_maxrss / 1000:.0f} MB")
