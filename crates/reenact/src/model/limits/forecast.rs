//! How many tokens a call will use, guessed from those before it: limits are kept before the count is known.

use super::Used;

/// Before anything is known: English has about four bytes to a token, JSON and other languages fewer.
const TOKENS_PER_BYTE_FIRST: f64 = 1.0 / 3.0;

/// How much a new call counts in the average: an eighth, as for the round trips of TCP (RFC 6298, 2.3).
const GAIN: f64 = 0.125;

/// Averages over the calls so far.
#[derive(Debug)]
pub(super) struct Forecast {
    input_per_byte: f64,
    output: f64,
}

impl Default for Forecast {
    fn default() -> Self {
        Forecast { input_per_byte: TOKENS_PER_BYTE_FIRST, output: 0.0 }
    }
}

impl Forecast {
    /// What a call with so many bytes will use. That some of it comes from a cache is seen only afterwards.
    pub(super) fn of(&self, bytes: usize) -> Used {
        let input = (self.input_per_byte * bytes as f64).round() as u64;
        Used { input, cached: 0, output: self.output.round() as u64 }
    }

    /// Learns what such a call used.
    pub(super) fn learn(&mut self, bytes: usize, used: Used) {
        if bytes > 0 {
            self.input_per_byte += GAIN * (used.input as f64 / bytes as f64 - self.input_per_byte);
        }
        self.output += GAIN * (used.output as f64 - self.output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_to_expect_what_calls_use() {
        let mut forecast = Forecast::default();
        assert_eq!(forecast.of(300), Used { input: 100, cached: 0, output: 0 });
        (0..100).for_each(|_| forecast.learn(1000, Used { input: 250, cached: 200, output: 40 }));
        assert_eq!(forecast.of(2000), Used { input: 500, cached: 0, output: 40 });
    }
}
