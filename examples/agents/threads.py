"""An agent that keeps a thread for each session and traces each turn with the OpenTelemetry SDK.

    python3 threads.py PORT

It speaks chat completions, streamed where it is asked to, and is told the new message only: what was said before it knows by the
header x-session-id. Its spans go to the file that SPANS names, as OTLP in JSON lines; a service sends them to a collector.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

THREADS: dict[str, list[dict]] = {}


class FileExporter(SpanExporter):
    def export(self, spans):
        with open(os.environ.get("SPANS", "spans.jsonl"), "a") as file:
            for span in spans:
                file.write(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [as_otlp(span)]}]}]}) + "\n")
        return SpanExportResult.SUCCESS


def as_otlp(span) -> dict:
    attributes = [{"key": key, "value": {"stringValue": str(value)}} for key, value in span.attributes.items()]
    return {
        "traceId": f"{span.context.trace_id:032x}",
        "spanId": f"{span.context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else "",
        "name": span.name,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": attributes,
    }


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(FileExporter()))
tracer = provider.get_tracer("threads")


def answer(thread: list[dict]) -> str:
    """The agent itself: it asks for the number, and knows on the next turn that it has asked."""
    asked_before = any(message["role"] == "assistant" for message in thread)
    die_once(thread)
    return "It is on its way." if asked_before else "Which parcel number is it?"


def die_once(thread: list[dict]) -> None:
    """For tests: where DIE_ONCE names a file that is not there, the second turn of a thread is the end of the process."""
    mark = os.environ.get("DIE_ONCE")
    if mark and len(thread) > 2 and not os.path.exists(mark):
        open(mark, "w").close()
        print("fatal: out of parcels", file=sys.stderr, flush=True)
        os._exit(9)


def turn(session: str, headers, new: list[dict]) -> str:
    context = propagate.extract(dict(headers.items()))
    with tracer.start_as_current_span("chat", context=context) as span:
        thread = THREADS.setdefault(session, [])
        thread.extend(new)
        reply = answer(thread)
        said = {"role": "assistant", "content": reply}
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("session.id", baggage.get_baggage("session.id", context) or session)
        span.set_attribute("gen_ai.input.messages", json.dumps(thread))
        span.set_attribute("gen_ai.output.messages", json.dumps([said]))
        thread.append(said)
    return reply


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_json({"status": "ok"})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = turn(self.headers["x-session-id"], self.headers, asked["messages"])
        if asked.get("stream"):
            self.send_stream(reply)
        else:
            self.send_json({"model": "threads-1", "choices": [{"message": {"role": "assistant", "content": reply}}]})

    def send_json(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def send_stream(self, reply):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for word in reply.split(" "):
            event = {"model": "threads-1", "choices": [{"delta": {"content": word + " "}}]}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            if os.environ.get("CUT_ONCE") and not os.path.exists(os.environ["CUT_ONCE"]):
                open(os.environ["CUT_ONCE"], "w").close()
                print("fatal: the line was cut", file=sys.stderr, flush=True)
                os._exit(9)
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
