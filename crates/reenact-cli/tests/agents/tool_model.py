"""A model behind chat completions that looks every parcel up with a tool: `python3 tool_model.py PORT [PORT OF THE TOOLS]`.

It is ready once the tools are.
"""

import json
import re
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def message(asked):
    last = asked["messages"][-1]
    if last["role"] == "tool":
        return {"role": "assistant", "content": f"It is {last['content']}."}
    number = re.search(r"\d{4}", last["content"])
    if not number:
        return {"role": "assistant", "content": "Which parcel number is it?"}
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["find_parcel"], asked["tools"]
    arguments = json.dumps({"number": number[0]})
    call = {"id": "c1", "type": "function", "function": {"name": "find_parcel", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def tools_are_there():
    if len(sys.argv) < 3:
        return True
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", int(sys.argv[2]))) == 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200 if tools_are_there() else 503, {})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer(200, {"model": "tools-1", "choices": [{"message": message(asked)}]})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
