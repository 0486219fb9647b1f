"""Reads an evaluation dataset with MLflow's own client, hands it to its simulator, and changes a record of it.

    dataset.py ADDRESS NAME
"""
import json
import sys

import mlflow
from mlflow.genai.datasets import get_dataset
from mlflow.genai.simulators import ConversationSimulator

mlflow.set_tracking_uri(sys.argv[1])
dataset = get_dataset(name=sys.argv[2])
records = dataset.to_df()[["inputs", "expectations"]].to_dict("records")
simulator = ConversationSimulator(test_cases=dataset, user_model="openai:/none")
first = next(record for record in records if "persona" in record["inputs"])
dataset.merge_records([{"inputs": first["inputs"], "expectations": {"added": "says hello"}}])
print(json.dumps({"records": records, "simulated": simulator.test_cases}))
