"""Traces of our own, for turns that left none: made as MLflow makes them, and written together once the conversations are over."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.entities import SpanStatus, SpanStatusCode, Trace
from mlflow.entities.span import create_mlflow_span
from mlflow.exceptions import MlflowException
from mlflow.tracing.client import TracingClient
from mlflow.tracing.processor.mlflow_v3 import MlflowV3SpanProcessor
from mlflow.tracing.trace_manager import InMemoryTraceManager
from mlflow.tracing.utils import add_size_stats_to_trace_metadata, generate_trace_id_v3
from opentelemetry.context import Context
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NoOpTracer

if TYPE_CHECKING:
    from ._traces import Called

BATCH = 100
"""Traces whose spans go with one request: what costs a server the least for each."""
WRITERS = 8
"""Requests at once: of more, each waits for the one writer that a database of SQLite has."""


class _Held(SpanExporter):
    """Holds the traces that are finished, in place of sending them one by one."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Takes the traces of these spans out of MLflow's memory."""
        for span in spans:
            of = span.get_span_context()
            finished = of and _memory().pop_trace(of.trace_id)
            if finished is not None:
                self.traces.append(finished.trace)
        return SpanExportResult.SUCCESS


class Workshop:
    """Makes traces that are not sent yet. Raises `MlflowException` where OpenTelemetry makes none."""

    def __init__(self) -> None:
        self._held = _Held()
        # What runs is not named: MLflow would show it as tags of every trace. And no turn is left out by a sample of them.
        provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource.get_empty())
        provider.add_span_processor(MlflowV3SpanProcessor(self._held, export_metrics=False))
        self._tracer = provider.get_tracer(__name__)
        if isinstance(self._tracer, NoOpTracer):
            raise MlflowException.invalid_parameter_value(
                f"the turns of a simulation are traces, and {OTEL_SDK_DISABLED} turns all of them off: unset it"
            )

    def trace(self, called: Called) -> Trace:
        """The trace of a call."""
        with mlflow.tracing.context(session_id=called.turn.session, metadata=called.turn.metadata()):
            started: Any = self._tracer.start_span(called.name, Context(), start_time=called.began_at_ns)
            span: Any = create_mlflow_span(started, generate_trace_id_v3(started), "CHAIN")
            _memory().register_span(span)
            span.set_inputs(called.inputs)
            if called.error is None:
                span.end(outputs=called.outputs, end_time_ns=called.ended_at_ns)
            else:
                span.record_exception(called.error if isinstance(called.error, Exception) else repr(called.error))
                status = SpanStatus(SpanStatusCode.ERROR, str(called.error))
                span.end(status=status, end_time_ns=called.ended_at_ns)
        return self._held.traces.pop()


def write(traces: Sequence[Trace]) -> list[Trace]:
    """Writes traces to the tracking store, and gives them as it has them; raises `MlflowException` where it does not take one.

    What is known of a trace goes before its spans: a server that hears of the spans first asks its database for each piece again.
    """
    client = TracingClient()
    with ThreadPoolExecutor(WRITERS, "reenact-write") as writers:
        written = list(writers.map(lambda trace: _begin(client, trace), traces))
    for at in range(0, len(written), BATCH):
        _write_spans(client, written[at : at + BATCH])
    return written


def _begin(client: TracingClient, trace: Trace) -> Trace:
    add_size_stats_to_trace_metadata(trace)
    return Trace(client.start_trace(trace.info), trace.data)


def _write_spans(client: TracingClient, traces: list[Trace]) -> None:
    spans = [span for trace in traces for span in trace.data.spans]
    try:
        client.log_spans(str(traces[0].info.experiment_id), spans)
    except (MlflowException, NotImplementedError):
        # A store that takes no spans keeps them as files.
        for trace in traces:
            client._upload_trace_data(trace.info, trace.data)


def _memory() -> InMemoryTraceManager:
    return InMemoryTraceManager.get_instance()  # type: ignore[no-untyped-call, no-any-return]
