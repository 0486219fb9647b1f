-- What lists and filters read is narrow and apart from the conversations, so that looking through a
-- hundred thousand sessions does not touch their text.
CREATE TABLE sessions (
    key INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, because the index of words may still know it
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    started_at INTEGER,             -- microseconds since 1970, UTC
    turns INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    opening TEXT NOT NULL,          -- the first words of the first user message
    metadata TEXT NOT NULL          -- a JSON object of strings
) STRICT;
CREATE INDEX sessions_by_time ON sessions (started_at DESC, id);

-- The whole session as JSON, and the traces that it was put together from.
CREATE TABLE conversations (
    session INTEGER PRIMARY KEY REFERENCES sessions (key),
    traces TEXT NOT NULL,           -- a JSON array of strings
    body TEXT NOT NULL
) STRICT;

-- Which words occur in which sessions (store/word_index.rs): for each batch of sessions and each term, the
-- keys of those that hold it.
CREATE TABLE word_batches (
    batch INTEGER PRIMARY KEY,      -- the key that the keys of the batch are counted from
    sessions INTEGER NOT NULL
) STRICT;
CREATE TABLE words (
    batch INTEGER NOT NULL REFERENCES word_batches (batch),
    term TEXT NOT NULL,
    sessions BLOB NOT NULL,         -- distances between ascending keys, in seven-bit groups
    PRIMARY KEY (batch, term)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,    -- microseconds since 1970, UTC
    header TEXT NOT NULL,           -- the run as JSON
    judging INTEGER NOT NULL DEFAULT 1,
    finished INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The order of the cases in the run's suite.
CREATE TABLE run_cases (
    run INTEGER NOT NULL REFERENCES runs (key),
    case_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    PRIMARY KEY (run, case_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE trials (
    run INTEGER NOT NULL,
    case_id TEXT NOT NULL,
    trial INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    body TEXT NOT NULL,             -- the trial as JSON
    PRIMARY KEY (run, case_id, trial),
    FOREIGN KEY (run, case_id) REFERENCES run_cases (run, case_id)
) STRICT;

-- The journal: every answer that came from outside. `judging` is 0 for all steps but a judge's.
CREATE TABLE steps (
    run INTEGER NOT NULL,           -- 0 for a distillation, which belongs to no run
    judging INTEGER NOT NULL,
    case_id TEXT NOT NULL,
    trial INTEGER NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    request BLOB NOT NULL,          -- BLAKE3 of the request's JSON
    latency_ms INTEGER NOT NULL,
    model TEXT,                     -- which model was asked, where it was one
    input_tokens INTEGER,           -- what the call used; null where nobody said so
    cached_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    answer TEXT NOT NULL,           -- JSON; last, because it is long and sums of tokens need not read it
    PRIMARY KEY (run, judging, case_id, trial, position, role)
) STRICT;
