//! The `reenact` command.

/// A run with thousands of conversations asks for memory from several threads all the time; the system's allocator took a
/// quarter of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    reenact_cli::main()
}
