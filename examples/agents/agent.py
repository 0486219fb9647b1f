"""An agent for `cmd:python3 agent.py`: a line of JSON in, a line of JSON out, one process for each conversation."""

import json
import sys

ORDERS = {"4711": "It is on its way."}


def answer(asked: dict) -> dict:
    number = next((order for order in ORDERS if order in asked["message"]), None)
    if number is None:
        return {"reply": "Which parcel number is it?"}
    call = {"id": "call_1", "function": {"name": "find_order", "arguments": json.dumps({"number": number})}}
    return {
        "messages": [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": ORDERS[number]},
            {"role": "assistant", "content": ORDERS[number]},
        ],
        "version": "example 1",
    }


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
