//! Sessions grouped by what their users want, without a model and without chance.
//!
//! What a user wants is a vector of its words, weighted by how few sessions have them (TF-IDF, Salton and Buckley 1988).
//! Centres are found one after the other, each the session that serves most of what is not served yet: facility location by the greedy
//! algorithm (Nemhauser, Wolsey and Fisher 1978). Then every session goes to the nearest centre and centres move to the middle of their sessions, until none
//! changes: spherical k-means (Dhillon and Modha 2001).

use std::collections::{BTreeMap, HashMap};

use crate::text;

/// The words of one text, each once: by the form in which words are compared, as they stand in the text.
pub(super) type Terms = BTreeMap<String, String>;

/// The words that tell what a text is about. Numbers do not; Chinese and Japanese characters do in pairs.
pub(super) fn terms(text: &str) -> Terms {
    let has_digit = |word: &str| word.contains(|c: char| c.is_ascii_digit());
    let is_one_cjk = |word: &str| word.chars().all(text::is_cjk);
    let mut found = Terms::new();
    for sentence in text::sentences(text) {
        let words = text::words(sentence).map(str::to_lowercase).filter(|word| !text::is_stop_word(word));
        let words: Vec<String> = words.collect();
        let pairs = words.windows(2).filter(|pair| pair.iter().all(|word| is_one_cjk(word)));
        found.extend(pairs.map(|pair| (pair.concat(), pair.concat())));
        let plain = words.iter().filter(|word| !has_digit(word) && !is_one_cjk(word));
        found.extend(plain.map(|word| (text::stem(word), word.clone())));
    }
    found
}

/// Centres are looked for among so many sessions, spread evenly: comparing each with each grows with the square.
const SAMPLE_MAX: usize = 1500;
/// More clusters than these nobody looks through.
const CLUSTERS_MAX: usize = 40;
/// A centre that serves hardly more than itself makes no cluster: it has to serve as much as another session that is half like it.
const SERVED_MIN: f64 = 1.5;
/// A session that has less in common with every centre is unlike the others.
const LIKENESS_MIN: f64 = 0.15;
/// The sessions settle in a few rounds; where they do not, these are enough.
const ROUNDS_MAX: usize = 20;
/// So many words name a cluster.
const NAME_WORDS: usize = 3;

/// A text as a vector of length one, by the numbers of its words.
type Vector = Vec<(u32, f64)>;

/// The clusters that were found.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    numbers: HashMap<String, u32>,
    words: Vec<String>,
    rarity: Vec<f64>,
    centres: Vec<Vector>,
}

impl Clusters {
    /// Groups texts; says for each in which cluster it is, where it is like others at all.
    pub(super) fn of(texts: &[&Terms]) -> (Clusters, Vec<Option<usize>>) {
        let mut clusters = Clusters::with_words_of(texts);
        let vectors: Vec<Vector> = texts.iter().map(|terms| clusters.vector(terms)).collect();
        clusters.centres = centres(&vectors);
        let mut of: Vec<Option<usize>> = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let nearest: Vec<_> = vectors.iter().map(|vector| clusters.nearest_to(vector)).collect();
            if nearest == of {
                break;
            }
            of = nearest;
            clusters.move_centres(&vectors, &of);
        }
        (clusters, of)
    }

    fn with_words_of(texts: &[&Terms]) -> Clusters {
        let mut counts: BTreeMap<&String, (u32, &String)> = BTreeMap::new();
        texts.iter().copied().flatten().for_each(|(term, word)| counts.entry(term).or_insert((0, word)).0 += 1);
        // A word of one text makes it like no other.
        counts.retain(|_, (count, _)| *count > 1);
        let numbers = counts.keys().zip(0..).map(|(term, number)| ((*term).clone(), number)).collect();
        let rarity = |count: u32| (1.0 + texts.len() as f64 / f64::from(count)).ln();
        let (rarity, words) = counts.into_values().map(|(count, word)| (rarity(count), word.clone())).unzip();
        Clusters { numbers, words, rarity, centres: Vec::new() }
    }

    fn vector(&self, terms: &Terms) -> Vector {
        let known = terms.keys().filter_map(|term| self.numbers.get(term));
        unit(known.map(|number| (*number, self.rarity[*number as usize])).collect())
    }

    /// The cluster that a text fits best, where it fits one.
    pub(super) fn nearest(&self, terms: &Terms) -> Option<usize> {
        self.nearest_to(&self.vector(terms))
    }

    fn nearest_to(&self, vector: &Vector) -> Option<usize> {
        let likeness = self.centres.iter().map(|centre| dot(centre, vector)).enumerate();
        let best = likeness.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.filter(|(_, likeness)| *likeness >= LIKENESS_MIN).map(|(cluster, _)| cluster)
    }

    /// Moves each centre into the middle of its texts; one that has lost them all stays where it is.
    fn move_centres(&mut self, vectors: &[Vector], of: &[Option<usize>]) {
        let mut sums: Vec<BTreeMap<u32, f64>> = vec![BTreeMap::new(); self.centres.len()];
        for (vector, cluster) in vectors.iter().zip(of) {
            let Some(cluster) = cluster else { continue };
            vector.iter().for_each(|(word, weight)| *sums[*cluster].entry(*word).or_default() += weight);
        }
        for (centre, sum) in self.centres.iter_mut().zip(sums).filter(|(_, sum)| !sum.is_empty()) {
            *centre = unit(sum.into_iter().collect());
        }
    }

    /// The words that tell a cluster from the others, the weightiest first.
    pub(super) fn name(&self, cluster: usize) -> String {
        let mut weights: Vec<(u32, f64)> = self.centres[cluster].clone();
        weights.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let words = weights.iter().take(NAME_WORDS).map(|(word, _)| self.words[*word as usize].as_str());
        words.collect::<Vec<_>>().join(", ")
    }
}

/// The texts that serve most, one after the other.
fn centres(vectors: &[Vector]) -> Vec<Vector> {
    let step = vectors.len().div_ceil(SAMPLE_MAX).max(1);
    let sample: Vec<&Vector> = vectors.iter().step_by(step).filter(|vector| !vector.is_empty()).collect();
    // By a rule of thumb half as many texts as the square of the clusters (Mardia, Kent and Bibby 1979).
    let most = ((vectors.len() as f64 / 2.0).sqrt().ceil() as usize).clamp(1, CLUSTERS_MAX);
    let likeness: Vec<Vec<f64>> =
        sample.iter().map(|one| sample.iter().map(|other| dot(one, other)).collect()).collect();
    let mut served = vec![0.0_f64; sample.len()];
    let mut centres = Vec::new();
    while centres.len() < most {
        let gain = |at: usize| likeness[at].iter().zip(&served).map(|(like, had)| (like - had).max(0.0)).sum::<f64>();
        let gains = (0..sample.len()).map(|at| (at, gain(at)));
        let best = gains.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((at, _)) = best.filter(|(_, gain)| *gain >= SERVED_MIN) else { break };
        served.iter_mut().zip(&likeness[at]).for_each(|(had, like)| *had = had.max(*like));
        centres.push(sample[at].clone());
    }
    centres
}

fn unit(mut vector: Vector) -> Vector {
    let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|(_, weight)| *weight /= length);
    vector
}

/// The likeness of two vectors of length one: the cosine between them.
fn dot(one: &Vector, other: &Vector) -> f64 {
    let (mut a, mut b, mut sum) = (0, 0, 0.0);
    while a < one.len() && b < other.len() {
        match one[a].0.cmp(&other[b].0) {
            std::cmp::Ordering::Less => a += 1,
            std::cmp::Ordering::Greater => b += 1,
            std::cmp::Ordering::Equal => {
                sum += one[a].1 * other[b].1;
                (a, b) = (a + 1, b + 1);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_want_is_grouped_and_named_by_its_words() {
        let wishes = [
            "book a table at an Italian restaurant",
            "a table for two at a restaurant",
            "cancel my flight to Paris",
            "change the flight to Rome",
            "restaurant table for tonight",
            "flight cancelled, money back",
            "sing me a song",
        ];
        let terms: Vec<Terms> = wishes.iter().map(|wish| terms(wish)).collect();
        let (clusters, of) = Clusters::of(&terms.iter().collect::<Vec<_>>());
        assert_eq!(of, [Some(0), Some(0), Some(1), Some(1), Some(0), Some(1), None]);
        assert_eq!((clusters.name(0).as_str(), clusters.name(1).as_str()), ("restaurant, table", "flight"));
        assert_eq!(clusters.nearest(&super::terms("a restaurant for four")), Some(0));
        assert_eq!(clusters.nearest(&super::terms("a poem")), None);
    }

    #[test]
    fn chinese_is_compared_by_pairs_of_characters() {
        assert!(terms("我想订酒店").contains_key("酒店"));
        assert!(terms("4711 and 12").is_empty());
    }
}
