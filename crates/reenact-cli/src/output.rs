//! What people see: tables, progress, errors; colour only on a terminal.

use std::error::Error as _;

use anstyle::{AnsiColor, Style};
use reenact::Error;

/// Prints an error on stderr: the message, its causes below it, the hint apart.
pub(crate) fn error(error: &Error) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    anstream::eprintln!("{red}error{red:#}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        anstream::eprintln!("  caused by: {cause}");
        source = cause.source();
    }
    if let Some(hint) = error.hint_text() {
        let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
        anstream::eprintln!("   {cyan}hint{cyan:#}: {hint}");
    }
}
