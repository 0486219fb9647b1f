//! Which of many sessions are worth having as cases, and what a suite lacks.
//!
//! Sessions whose users say nearly the same are one, with their number. The rest is put into clusters by what the users want. A
//! selection takes of each cluster the session with the most trouble, then further troubled ones, then the others. All of it is
//! computed without a model, and is the same whatever order the sessions come in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signals::{signals, trouble};
use crate::text::sentences;
use crate::{Result, Session, Speaker, TestCase, acts};

use super::offline;
use clusters::{Clusters, Terms};

mod alike;
mod clusters;

/// What is known of many sessions for choosing among them. Their conversations are not kept.
#[derive(Debug)]
pub struct Curation {
    /// Sorted by rank: those with the most trouble first, then the newest.
    sketches: Vec<Sketch>,
    clusters: Clusters,
}

/// A session as far as choosing needs it.
#[derive(Debug)]
struct Sketch {
    session: String,
    wish: Wish,
    trouble: u32,
    began: Option<Timestamp>,
    /// The place of the session that stands for this one; its own where it stands for itself.
    stands: usize,
    /// How many others it stands for.
    alike: usize,
    /// The cluster; `None` where it is unlike the others.
    cluster: Option<usize>,
}

/// What can be told of what a user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    /// The rules find it.
    Told,
    /// The user says something, and the rules find nothing that is asked for.
    Unclear,
    /// The user says nothing.
    Nothing,
}

/// The sessions that were chosen, and what became of the others: each session is there once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    /// Those to make cases of, in the order in which they were chosen.
    pub chosen: Vec<Chosen>,
    /// The others, each with the reason.
    pub left_out: Vec<LeftOut>,
}

/// A session that is worth having.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    /// The session's id.
    pub session: String,
    /// How many other sessions are nearly the same; they are among those left out.
    pub alike: usize,
    /// How much trouble its signals tell of ([`trouble`]).
    pub trouble: u32,
    /// The cluster of what its user wants; none where it is unlike the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// A session that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// The session's id.
    pub session: String,
    /// Why.
    pub why: Why,
}

/// Why a session was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its user says nearly the same as that of this session.
    NearlyTheSameAs(String),
    /// The suite has a case of it.
    InTheSuite,
    /// Enough were chosen: others have more trouble, or another cluster had none yet.
    Enough,
    /// Its user says nothing.
    NothingSaid,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NearlyTheSameAs(session) => write!(f, "nearly the same as session {session}"),
            Why::InTheSuite => f.write_str("the suite has it"),
            Why::Enough => f.write_str("others are more worth having"),
            Why::NothingSaid => f.write_str("the user says nothing"),
        }
    }
}

/// Which clusters of sessions a suite has cases of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// The clusters, those without a case first, then the largest.
    pub clusters: Vec<Cluster>,
    /// Cases that belong to none of them.
    pub elsewhere: usize,
}

/// Sessions whose users want much the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// The words that tell it from the others; none for the sessions that are unlike any others.
    pub name: Option<String>,
    /// How many sessions there are.
    pub sessions: usize,
    /// In how many of them there are signs of trouble.
    pub troubled: usize,
    /// How many cases the suite has of it.
    pub cases: usize,
    /// The session to look at: the first that would be chosen.
    pub example: String,
}

impl Curation {
    /// Looks through sessions, one at a time.
    ///
    /// ```
    /// use reenact::distill::curation::Curation;
    /// use reenact::{Message, Session};
    /// use std::collections::BTreeSet;
    ///
    /// let session = |id: &str, text: &str| Ok(Session::new(id, [Message::user(text)].into_iter().collect()));
    /// let sessions = [
    ///     session("s-1", "I want to return the shoes of order 4711, they are too small"),
    ///     session("s-2", "I want to return the shoes of order 5120, they are too small"),
    ///     session("s-3", "please book a table for two on Friday"),
    /// ];
    /// let selection = Curation::of(sessions)?.select(2, &BTreeSet::new());
    /// let chosen: Vec<_> = selection.chosen.iter().map(|it| (it.session.as_str(), it.alike)).collect();
    /// assert_eq!(chosen, [("s-1", 1), ("s-3", 0)]);
    /// assert_eq!(selection.left_out[0].why.to_string(), "nearly the same as session s-1");
    /// # Ok::<_, reenact::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where a session cannot be read.
    pub fn of(sessions: impl IntoIterator<Item = Result<Session>>) -> Result<Curation> {
        let mut looks = sessions.into_iter().map(|session| Ok(look(&session?))).collect::<Result<Vec<Look>>>()?;
        looks.sort_by(|one, other| one.sketch.rank().cmp(&other.sketch.rank()));
        let mut curation = Curation { sketches: Vec::with_capacity(looks.len()), clusters: Clusters::default() };
        let (mut said, mut wanted) = (Vec::new(), Vec::new());
        for look in looks {
            curation.sketches.push(look.sketch);
            said.push(look.said);
            wanted.push(look.wanted);
        }
        curation.merge(alike::leaders(&said));
        curation.cluster(&wanted);
        Ok(curation)
    }

    fn merge(&mut self, leaders: Vec<usize>) {
        for (at, stands) in leaders.into_iter().enumerate() {
            self.sketches[at].stands = stands;
            self.sketches[stands].alike += usize::from(stands != at);
        }
    }

    fn cluster(&mut self, wanted: &[Terms]) {
        let leaders: Vec<usize> = (0..self.sketches.len()).filter(|at| self.sketches[*at].stands == *at).collect();
        let terms: Vec<&Terms> = leaders.iter().map(|at| &wanted[*at]).collect();
        let (clusters, of) = Clusters::of(&terms);
        self.clusters = clusters;
        for (at, cluster) in leaders.into_iter().zip(of) {
            self.sketches[at].cluster = cluster;
        }
        for at in 0..self.sketches.len() {
            self.sketches[at].cluster = self.sketches[self.sketches[at].stands].cluster;
        }
    }

    /// The `count` sessions most worth having beside those that a suite has: one of each cluster that has none yet, the most
    /// troubled first, then further troubled ones in turn, then the others in turn. No two are nearly the same.
    #[must_use]
    pub fn select(&self, count: usize, in_suite: &BTreeSet<String>) -> Selection {
        let had: BTreeSet<usize> =
            self.sketches.iter().filter(|it| in_suite.contains(&it.session)).map(|it| it.stands).collect();
        let mut in_cluster: BTreeMap<Option<usize>, usize> = BTreeMap::new();
        had.iter().for_each(|at| *in_cluster.entry(self.sketches[*at].cluster).or_default() += 1);
        let mut worth = Vec::new();
        for (at, sketch) in self.sketches.iter().enumerate() {
            if sketch.stands == at && sketch.wish != Wish::Nothing && !had.contains(&at) {
                let before = in_cluster.entry(sketch.cluster).or_default();
                worth.push((sketch.turn(*before), Reverse(sketch.trouble), Reverse(sketch.alike), at));
                *before += 1;
            }
        }
        worth.sort_unstable();
        let chosen: Vec<usize> = worth.into_iter().take(count).map(|(.., at)| at).collect();
        let left_out = self.left_out(&chosen, in_suite);
        Selection { chosen: chosen.into_iter().map(|at| self.chosen(at)).collect(), left_out }
    }

    fn chosen(&self, at: usize) -> Chosen {
        let Sketch { session, alike, trouble, cluster, .. } = &self.sketches[at];
        let cluster = cluster.map(|cluster| self.clusters.name(cluster));
        Chosen { session: session.clone(), alike: *alike, trouble: *trouble, cluster }
    }

    fn left_out(&self, chosen: &[usize], in_suite: &BTreeSet<String>) -> Vec<LeftOut> {
        let chosen: BTreeSet<usize> = chosen.iter().copied().collect();
        let others = self.sketches.iter().enumerate().filter(|(at, _)| !chosen.contains(at));
        let why = |at: usize, sketch: &Sketch| match () {
            () if in_suite.contains(&sketch.session) => Why::InTheSuite,
            () if sketch.wish == Wish::Nothing => Why::NothingSaid,
            () if sketch.stands != at => Why::NearlyTheSameAs(self.sketches[sketch.stands].session.clone()),
            () => self.same_in_suite(at, in_suite).map_or(Why::Enough, Why::NearlyTheSameAs),
        };
        others.map(|(at, sketch)| LeftOut { session: sketch.session.clone(), why: why(at, sketch) }).collect()
    }

    /// The session of the suite that this one would stand for.
    fn same_in_suite(&self, at: usize, in_suite: &BTreeSet<String>) -> Option<String> {
        let mut same = self.sketches.iter().filter(|it| it.stands == at);
        same.find(|it| in_suite.contains(&it.session)).map(|it| it.session.clone())
    }

    /// Which clusters these cases cover: a case that was distilled belongs where its session does, another one where its
    /// goal fits best.
    #[must_use]
    pub fn coverage(&self, cases: &[TestCase]) -> Coverage {
        let of_session: HashMap<&str, &Sketch> = self.sketches.iter().map(|it| (it.session.as_str(), it)).collect();
        let mut rows: BTreeMap<Option<usize>, Cluster> = BTreeMap::new();
        for sketch in self.sketches.iter().filter(|it| it.wish != Wish::Nothing) {
            let row = rows.entry(sketch.cluster).or_insert_with(|| self.row(sketch));
            row.sessions += 1;
            row.troubled += usize::from(sketch.trouble > 0);
        }
        let mut elsewhere = 0;
        for case in cases {
            let recorded = case.origin.as_ref().and_then(|origin| of_session.get(origin.session.as_str()));
            let by_goal = || self.clusters.nearest(&clusters::terms(&case.brief.goal));
            let cluster = recorded.map_or_else(|| by_goal().map(Some), |sketch| Some(sketch.cluster));
            match cluster.and_then(|cluster| rows.get_mut(&cluster)) {
                Some(row) => row.cases += 1,
                None => elsewhere += 1,
            }
        }
        let mut clusters: Vec<Cluster> = rows.into_values().collect();
        clusters.sort_by(|one, other| order(one).cmp(&order(other)));
        Coverage { clusters, elsewhere }
    }

    fn row(&self, first: &Sketch) -> Cluster {
        let name = first.cluster.map(|cluster| self.clusters.name(cluster));
        Cluster { name, sessions: 0, troubled: 0, cases: 0, example: first.session.clone() }
    }
}

/// Clusters without a case first, then the largest; those that are like nothing else at the end of each.
fn order(cluster: &Cluster) -> (bool, bool, Reverse<usize>, &Option<String>) {
    (cluster.cases > 0, cluster.name.is_none(), Reverse(cluster.sessions), &cluster.name)
}

impl Sketch {
    /// Sessions with a wish before those without, troubled before others, new ones before old ones.
    fn rank(&self) -> (Wish, Reverse<u32>, Reverse<Option<Timestamp>>, &str) {
        (self.wish, Reverse(self.trouble), Reverse(self.began), &self.session)
    }

    /// When it is its turn, as one that comes after `before` others of its cluster.
    fn turn(&self, before: usize) -> (u8, usize) {
        let round = match self {
            Sketch { wish: Wish::Unclear | Wish::Nothing, .. } => 3,
            _ if before == 0 => 0,
            Sketch { trouble: 1.., .. } => 1,
            _ => 2,
        };
        (round, before)
    }
}

/// What is taken from a session.
struct Look {
    sketch: Sketch,
    said: Vec<u64>,
    wanted: Terms,
}

fn look(session: &Session) -> Look {
    let user = session.conversation.by(Speaker::User).map(|message| message.text.as_str());
    let content: Vec<&str> = user.flat_map(sentences).filter(|sentence| !acts::is_social(sentence)).collect();
    let goal = offline::case(session).ok().map(|(case, _)| case.brief.goal);
    let wish = match (&goal, content.is_empty()) {
        (_, true) => Wish::Nothing,
        (None, false) => Wish::Unclear,
        (Some(_), false) => Wish::Told,
    };
    let sketch = Sketch {
        session: session.id.clone(),
        wish,
        trouble: trouble(&signals(session)),
        began: session.started_at,
        stands: 0,
        alike: 0,
        cluster: None,
    };
    Look {
        sketch,
        said: alike::shingles(&content),
        wanted: clusters::terms(&goal.unwrap_or_else(|| content.join("\n"))),
    }
}
