//! Prints the JSON schema of the suite file: `cargo run --example suite_schema > docs/schema/suite.json`.

fn main() {
    println!("{:#}", reenact::Suite::file_schema());
}
