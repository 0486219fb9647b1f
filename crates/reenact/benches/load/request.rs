//! A request as it stands on the wire.

use memchr::memmem;

/// Where the first request in the bytes ends: its head, then its body. None where it is not whole yet.
///
/// This reads what one HTTP client writes, which always says the length of the body and says it in one way.
pub(crate) fn ends(bytes: &[u8]) -> Option<(usize, usize)> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let body = memmem::find(&bytes[..head], LENGTH).map_or(0, |at| number(&bytes[at + LENGTH.len()..]));
    (bytes.len() >= head + body).then_some((head, head + body))
}

fn number(digits: &[u8]) -> usize {
    let digits = digits.iter().take_while(|digit| digit.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

/// The path that a request asks for.
pub(crate) fn path(head: &[u8]) -> &str {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    std::str::from_utf8(line).ok().and_then(|line| line.split(' ').nth(1)).unwrap_or("/")
}

/// The headers of a request, without those that its client writes by itself.
pub(crate) fn headers(head: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    const OWN: [&str; 4] = ["host", "content-length", "accept", "accept-encoding"];
    let head = std::str::from_utf8(head).unwrap_or_default();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    headers.filter(|(name, _)| !OWN.contains(name))
}
