-- Traces on their way to a collector: written together with the trial that they tell of, gone once the collector has them, so that
-- neither a collector that is down nor a process that is killed loses one.
CREATE TABLE outbox (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (key),
    recipient TEXT NOT NULL,        -- whose traces: conversations, simulator
    items INTEGER NOT NULL,         -- how many conversations, or calls, they tell of
    traces BLOB NOT NULL            -- an ExportTraceServiceRequest of OTLP, as protobuf
) STRICT;
CREATE INDEX outbox_by_run ON outbox (run, recipient, key);
