-- Whether what a call used was used in a provider's batch, at half the price.
ALTER TABLE steps ADD COLUMN batched INTEGER;

-- What is asked in batches (model/batch.rs): who asks is a scope, and within it each request stands once, with its answer once
-- there is one. A scope goes when its work is done; the batches stay, so that none is taken for a new one.
CREATE TABLE batches (
    key INTEGER PRIMARY KEY,
    mark TEXT NOT NULL UNIQUE,      -- ours; the provider keeps it with the batch, where it keeps one
    scope TEXT NOT NULL,
    model TEXT NOT NULL,
    intended_at INTEGER NOT NULL,   -- seconds since 1970, UTC; the batch at the provider is no older
    id TEXT,                        -- the provider's; none until it is known
    ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE batch_requests (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    model TEXT NOT NULL,
    body TEXT NOT NULL,             -- JSON
    bytes INTEGER NOT NULL,         -- of the request in a batch
    again INTEGER NOT NULL,         -- whether it asks again what was answered unusably
    wanted INTEGER NOT NULL,        -- whether whoever asks now wants it
    batch INTEGER REFERENCES batches (key),  -- the one that it is in, or that answered it
    attempts INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,      -- how many batches ran out of time with it
    answer TEXT,                    -- the body of a successful answer
    failure TEXT                    -- why there is no answer, or none that can be used
) STRICT;
CREATE INDEX batch_requests_by_scope ON batch_requests (scope, model, batch);
