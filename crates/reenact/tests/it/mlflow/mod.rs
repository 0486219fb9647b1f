//! A server of MLflow: sessions from it, runs to it, datasets both ways, and what becomes of it where the server fails.

mod datasets;
mod fake;
mod import;
mod runs;
