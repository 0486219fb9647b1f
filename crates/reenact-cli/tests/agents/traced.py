"""An agent on the official client of OpenAI, against a model that is a stub here, instrumented as its first argument says.

    traced.py genai|openinference|mlflow SESSION...

Where the spans go is told by OpenTelemetry's own variables. Each session has three turns; the second calls a tool.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

TURNS = ["is the shop open", "where is order 4711", "thank you"]


class Model(BaseHTTPRequestHandler):
    """Answers by what was said last."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        last = asked["messages"][-1]
        message = {"role": "assistant", "content": f"you said: {last['content']}"}
        if last["content"] == TURNS[1]:
            function = {"name": "find_order", "arguments": '{"order": 4711}'}
            message = {"role": "assistant", "content": None,
                       "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
        elif last["role"] == "tool":
            message["content"] = f"It is {last['content']}."
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        answer = json.dumps({
            "id": "answer", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def find_order(order):
    return "delivered"


def answer(client, history):
    """Asks the model until it says something, and runs the tools that it calls."""
    while True:
        given = client.chat.completions.create(model="gpt-4o-mini", messages=history).choices[0].message
        history.append(given.model_dump(exclude_none=True))
        if not given.tool_calls:
            return given.content
        for call in given.tool_calls:
            found = find_order(**json.loads(call.function.arguments))
            history.append({"role": "tool", "tool_call_id": call.id, "content": found})


def provider():
    """OpenTelemetry's SDK with the exporter that OTEL_EXPORTER_OTLP_PROTOCOL names."""
    import os

    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracers)
    return tracers


def genai(client, sessions):
    """OpenTelemetry's conventions for generative AI; the agent names its session on the span of the turn."""
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    tracers = provider()
    OpenAIInstrumentor().instrument(tracer_provider=tracers)
    tracer = tracers.get_tracer("shop")

    def turn(session, history):
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": session}
        with tracer.start_as_current_span("invoke_agent shop", attributes=attributes):
            answer(client, history)

    talk(sessions, turn)
    tracers.shutdown()


def openinference(client, sessions):
    from openinference.instrumentation import using_session
    from openinference.instrumentation.openai import OpenAIInstrumentor

    tracers = provider()
    OpenAIInstrumentor().instrument(tracer_provider=tracers)

    def turn(session, history):
        with using_session(session):
            answer(client, history)

    talk(sessions, turn)
    tracers.shutdown()


def mlflow(client, sessions):
    """MLflow's tracer, which exports over OTLP where OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says so."""
    import mlflow as tracing

    ask = tracing.trace(client.chat.completions.create, span_type="CHAT_MODEL")
    client.chat.completions.create = ask

    @tracing.trace(span_type="AGENT")
    def shop(messages, session):
        # What `update_current_trace` sets stays with MLflow: its export has attributes of spans only.
        tracing.get_current_active_span().set_attribute("session.id", session)
        return answer(client, messages)

    talk(sessions, lambda session, history: shop(history, session))
    tracing.flush_trace_async_logging()


def talk(sessions, turn):
    """All sessions at once, turn by turn."""
    histories = {session: [{"role": "system", "content": "You keep a shop."}] for session in sessions}
    for words in TURNS:
        for session, history in histories.items():
            history.append({"role": "user", "content": words})
            turn(session, history)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    {"genai": genai, "openinference": openinference, "mlflow": mlflow}[sys.argv[1]](client, sys.argv[2:])


if __name__ == "__main__":
    main()
