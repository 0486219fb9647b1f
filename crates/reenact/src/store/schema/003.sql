-- What surrogates follow from (mask.rs): the keys by which sessions of this store were masked, to mask them the same way again.
CREATE TABLE mask_keys (
    fingerprint TEXT PRIMARY KEY,
    key BLOB NOT NULL,
    is_own INTEGER NOT NULL         -- whether it was made for this store, and not handed in
) STRICT;
CREATE UNIQUE INDEX own_mask_key ON mask_keys (is_own) WHERE is_own;
