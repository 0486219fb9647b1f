//! The demo: recordings written for it, and a small assistant in three versions.

pub(crate) mod assistant;

/// The recordings: file name and content, in four of the formats that `import` reads.
pub(crate) const RECORDINGS: [(&str, &str); 4] = [
    ("address.chat.jsonl", include_str!("../demo/address.chat.jsonl")),
    ("greetings.sharegpt.jsonl", include_str!("../demo/greetings.sharegpt.jsonl")),
    ("market.otlp.jsonl", include_str!("../demo/market.otlp.jsonl")),
    ("transfers.mlflow.jsonl", include_str!("../demo/transfers.mlflow.jsonl")),
];
