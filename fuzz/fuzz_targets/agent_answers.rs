//! Any bytes as what an agent or a server of tools answers: chat completions, Responses, A2A and MCP, whole and in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::agent::fuzzing::read_answers;

fuzz_target!(|input: (u8, &[u8])| read_answers(input.1, input.0.into()));
