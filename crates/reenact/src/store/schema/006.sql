-- Spans that were sent to the receiver (import/receiver.rs), kept as they came: until their trace is quiet and becomes a part of a
-- session, and for a while after, so that what comes late can be read together with what came before.
CREATE TABLE received_traces (
    key INTEGER PRIMARY KEY,
    trace TEXT NOT NULL UNIQUE,     -- hexadecimal digits
    received_at INTEGER NOT NULL,   -- milliseconds since 1970, UTC; when the last of it came
    due_at INTEGER,                 -- when it is to be read; null once it was
    readings INTEGER NOT NULL DEFAULT 0,    -- how often it was read
    spans INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,       -- of its spans
    kept_bytes INTEGER NOT NULL DEFAULT 0,  -- of its spans as they are kept, compressed
    started_at INTEGER,             -- microseconds since 1970, UTC
    session TEXT,                   -- the id of the session that it is a part of, once it was read
    fault TEXT                      -- why it is no part of one, or of one that is not in the store
) STRICT;
CREATE INDEX received_traces_due ON received_traces (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX received_traces_by_session ON received_traces (session, started_at) WHERE session IS NOT NULL;
CREATE INDEX received_traces_by_time ON received_traces (received_at);
CREATE INDEX received_traces_at_fault ON received_traces (key) WHERE fault IS NOT NULL;
CREATE TABLE received_pieces (
    key INTEGER PRIMARY KEY,
    trace INTEGER NOT NULL REFERENCES received_traces (key),
    digest BLOB NOT NULL,           -- of the piece, so that one that is sent again is kept once
    bytes INTEGER NOT NULL,
    piece BLOB NOT NULL,            -- an ExportTraceServiceRequest of OTLP, as protobuf or JSON, by Zstandard
    UNIQUE (trace, digest)
) STRICT;
