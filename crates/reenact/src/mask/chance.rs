//! What looks like chance and is a function of a key and a value: a keyed hash, drawn out as far as it is needed.

/// Draws.
pub(super) struct Chance(blake3::OutputReader);

impl Chance {
    /// The draws for what these parts say together; another attempt gives others.
    pub(super) fn new(key: &[u8; 32], parts: &[&str], attempt: u32) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(key);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Chance(hasher.update(&attempt.to_le_bytes()).finalize_xof())
    }

    /// A number below a bound.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        // The bias of a 64-bit number over so small a bound cannot be seen.
        (u64::from_le_bytes(bytes) % u64::from(bound)) as u32
    }

    pub(super) fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u32) as usize]
    }

    pub(super) fn digit(&mut self) -> char {
        char::from(b'0' + self.below(10) as u8)
    }

    /// So many digits.
    pub(super) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.digit()).collect()
    }

    /// A sign of the same class, so that a form that was valid stays it: a digit for a digit, none for the zero that leads a
    /// number, a letter for a letter.
    pub(super) fn like(&mut self, c: char, is_first: bool) -> char {
        match c {
            '0' if is_first => '0',
            '0'..='9' if is_first => char::from(b'1' + self.below(9) as u8),
            '0'..='9' => self.digit(),
            'a'..='z' => char::from(b'a' + self.below(26) as u8),
            'A'..='Z' => char::from(b'A' + self.below(26) as u8),
            other => other,
        }
    }
}
