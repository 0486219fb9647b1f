//! Texts that are nearly the same, found exactly and without comparing each with each.
//!
//! Two texts are nearly the same where they share enough of their shingles, runs of words (Broder 1997). Which pairs do is found with the prefix filter of
//! Bayardo, Ma and Srikant, "Scaling up all pairs similarity search" (WWW 2007): sorted with the rarest shingle first, two sets that
//! share enough have one of their first few in common. Unlike signatures of chance it misses none.

use std::collections::HashMap;

use crate::spelling::normalised;

/// How many words make a shingle.
const SHINGLE_WORDS: usize = 2;

/// Texts are nearly the same that share at least this part of their shingles: three in four.
const SHARED_MIN: (usize, usize) = (3, 4);

/// The shingles of a text, in the order of their values. Numbers count as numbers, whichever they are: users who ask the same
/// about two orders say nearly the same.
pub(super) fn shingles(sentences: &[&str]) -> Vec<u64> {
    let mut found = Vec::new();
    for sentence in sentences {
        let form = normalised(sentence);
        let is_number = |word: &str| word.contains(|c: char| c.is_ascii_digit());
        let words: Vec<&str> = form.split_whitespace().map(|word| if is_number(word) { "#" } else { word }).collect();
        // A sentence of fewer words is a shingle of its own.
        found.extend(words.windows(SHINGLE_WORDS.min(words.len()).max(1)).map(value));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn value(words: &[&str]) -> u64 {
    let hash = blake3::hash(words.join(" ").as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

/// For each set its leader: the first set before it that leads itself and is nearly the same, or itself. No two leaders are
/// nearly the same. A set of nothing leads itself.
pub(super) fn leaders(sets: &[Vec<u64>]) -> Vec<usize> {
    let sets = rarest_first(sets);
    // Where leaders have a shingle among their first.
    let mut index: HashMap<u32, Vec<usize>> = HashMap::new();
    let mut leaders = Vec::with_capacity(sets.len());
    for (at, set) in sets.iter().enumerate() {
        let first = &set[..prefix(set.len())];
        let candidates = first.iter().filter_map(|shingle| index.get(shingle)).flatten().copied();
        let leader = candidates.filter(|other| are_alike(&sets[*other], set)).min();
        if leader.is_none() {
            first.iter().for_each(|shingle| index.entry(*shingle).or_default().push(at));
        }
        leaders.push(leader.unwrap_or(at));
    }
    leaders
}

/// How many of a set's first shingles one that is nearly the same has one of.
fn prefix(len: usize) -> usize {
    let (part, of) = SHARED_MIN;
    if len == 0 { 0 } else { len - (len * part).div_ceil(of) + 1 }
}

/// Whether two sets share enough, by the Jaccard index.
fn are_alike(one: &[u32], other: &[u32]) -> bool {
    let (part, of) = SHARED_MIN;
    if one.len().min(other.len()) * of < one.len().max(other.len()) * part {
        return false;
    }
    let (mut a, mut b, mut shared) = (0, 0, 0);
    while a < one.len() && b < other.len() {
        match one[a].cmp(&other[b]) {
            std::cmp::Ordering::Less => a += 1,
            std::cmp::Ordering::Greater => b += 1,
            std::cmp::Ordering::Equal => (a, b, shared) = (a + 1, b + 1, shared + 1),
        }
    }
    shared * of >= (one.len() + other.len() - shared) * part
}

/// The sets with their shingles numbered by how few sets have them, in that order.
fn rarest_first(sets: &[Vec<u64>]) -> Vec<Vec<u32>> {
    let mut counts: HashMap<u64, u32> = HashMap::new();
    sets.iter().flatten().for_each(|shingle| *counts.entry(*shingle).or_default() += 1);
    let mut by_count: Vec<(u32, u64)> = counts.into_iter().map(|(shingle, count)| (count, shingle)).collect();
    by_count.sort_unstable();
    let places: HashMap<u64, u32> =
        by_count.into_iter().zip(0..).map(|((_, shingle), place)| (shingle, place)).collect();
    let numbered = |set: &Vec<u64>| {
        let mut set: Vec<u32> = set.iter().map(|shingle| places[shingle]).collect();
        set.sort_unstable();
        set
    };
    sets.iter().map(numbered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_about_another_number_is_nearly_the_same() {
        let of = |text: &str| shingles(&[text]);
        let sets = [
            of("I want my money back for parcel 4711 that never came"),
            of("i want my money back for parcel 52 that never came!"),
            of("I want a new parcel for the one that never came"),
            of(""),
            of("?!"),
        ];
        assert_eq!(leaders(&sets), [0, 0, 2, 3, 4]);
    }

    /// Every pair compared, for sets of few different shingles, so that many are nearly the same.
    #[test]
    fn none_is_missed_and_no_two_leaders_are_nearly_the_same() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..300 {
            let set = |random: &mut fastrand::Rng| {
                let mut set: Vec<u64> = (0..random.u64(0..14)).map(|_| random.u64(0..16)).collect();
                set.sort_unstable();
                set.dedup();
                set
            };
            let sets: Vec<Vec<u64>> = (0..30).map(|_| set(&mut random)).collect();
            let found = leaders(&sets);
            let numbered = rarest_first(&sets);
            for (at, leader) in found.iter().enumerate() {
                let is_alike = |other: &usize| found[*other] == *other && are_alike(&numbered[*other], &numbered[at]);
                let expected = (0..at).find(is_alike).filter(|_| !sets[at].is_empty());
                assert_eq!(*leader, expected.unwrap_or(at));
            }
        }
    }
}
