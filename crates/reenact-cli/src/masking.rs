//! `--mask`: personal data out of recordings before a model reads them, and the check that none came through.

use std::collections::BTreeMap;

use reenact::cassette::Verb;
use reenact::distill::Distilled;
use reenact::mask::{Kind, Leak, MaskKey, Masker, Originals, unmasked_id};
use reenact::model::is_remote;
use reenact::{Cassette, Environment, Error, ErrorKind, Plan, Result, Session, Skipped, Store, Suite};

use crate::cassette;
use crate::output::{self, counted};

/// The variable with a passphrase that surrogates follow from, for those who mask in more than one store.
const KEY_VARIABLE: &str = "REENACT_MASK_KEY";

#[derive(Debug, clap::Args)]
#[group(id = "masking")]
pub(crate) struct Args {
    /// Replace personal data and secrets by surrogates before anything is distilled: auto does where the model is not on this machine
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    mask: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum When {
    Auto,
    On,
    Off,
}

impl Args {
    /// What masks the sessions that a model is to distil, if anything does. A cassette tells whether it was recorded of masked ones.
    pub(crate) fn masker(&self, model: &str, store: &Store) -> Result<Option<Masker>> {
        let recorded = match cassette::file(model) {
            Some(file) if self.mask == When::Auto => masked_by(&Cassette::load(file)?),
            _ => None,
        };
        let environment = Environment::of_process();
        let is_on = match self.mask {
            When::On => true,
            When::Off => false,
            When::Auto => recorded.is_some() || is_remote(model, &environment),
        };
        if !is_on {
            return Ok(None);
        }
        let masker = store.masker(environment.get(KEY_VARIABLE).map(MaskKey::of_passphrase))?;
        match recorded {
            Some(fingerprint) if fingerprint != masker.key().fingerprint() => Err(other_key(model)),
            _ => Ok(Some(masker)),
        }
    }

    /// The option as somebody would type it again, with a space before it.
    pub(crate) fn in_words(&self) -> &'static str {
        match self.mask {
            When::Auto => "",
            When::On => " --mask on",
            When::Off => " --mask off",
        }
    }
}

/// The fingerprint of the key by which the sessions of a cassette were masked, if they were.
fn masked_by(cassette: &Cassette) -> Option<String> {
    let sessions = cassette.conversations(Verb::Distill);
    sessions.iter().find_map(|(session, _)| Some(unmasked_id(session)?.1.to_owned()))
}

fn other_key(model: &str) -> Error {
    let what = format!("{model} was recorded of sessions that were masked by another key");
    Error::new(ErrorKind::Usage, what)
        .hint(format!("set {KEY_VARIABLE} as it was set there, or use the store of that time"))
}

/// A session as a model may read it.
pub(crate) fn masked(masker: &Masker, session: &Session) -> Result<Session> {
    let masked = masker.mask(session);
    let leaks = masked.originals.leaks_in(&masked.session.conversation);
    refuse(&format!("the masked session {}", session.id), &leaks)?;
    Ok(masked.session)
}

/// Makes sure that no value of the sessions stands in what was made of them, and says how many were masked.
pub(crate) fn check(
    distilled: &Distilled,
    sessions: impl Iterator<Item = Result<Session>>,
    masker: &Masker,
) -> Result<()> {
    let (mut counts, mut masked) = (BTreeMap::new(), 0);
    for session in sessions {
        let session = session?;
        let originals = masker.mask(&session).originals;
        check_one(distilled, &masker.masked_id(&session.id), &originals)?;
        originals.counts().into_iter().for_each(|(kind, count)| *counts.entry(kind).or_default() += count);
        masked += usize::from(!originals.is_empty());
    }
    output::note(format_args!("masked {}", in_words(&counts, masked)));
    Ok(())
}

fn check_one(distilled: &Distilled, id: &str, originals: &Originals) -> Result<()> {
    let is_its_own = |origin: &reenact::Origin| origin.session == id;
    for case in distilled.cases.iter().filter(|case| case.origin.as_ref().is_some_and(is_its_own)) {
        refuse(&format!("case {}", case.id), &originals.leaks_in(case))?;
    }
    let told = |left: &&Skipped| left.what.contains(id);
    for left in distilled.skipped.iter().chain(&distilled.dropped).filter(told) {
        refuse("what is said of parts that were left out", &originals.leaks_in(left))?;
    }
    Ok(())
}

/// Makes sure of the same for a cassette before it is written.
pub(crate) fn check_cassette(
    cassette: &Cassette,
    sessions: impl Iterator<Item = Result<Session>>,
    masker: &Masker,
) -> Result<()> {
    for session in sessions {
        let session = session?;
        let (id, originals) = (masker.masked_id(&session.id), masker.mask(&session).originals);
        let what = format!("what is to be recorded of {id}");
        for step in cassette.steps().iter().filter(|step| step.place.case == id) {
            let answer = step.answer.as_ref().unwrap_or_else(|fault| fault);
            refuse(&what, &originals.leaks_in(&[&step.request, answer]))?;
        }
    }
    Ok(())
}

/// A masked value that came through is an error, which names the place and not the value.
fn refuse(what: &str, leaks: &[Leak]) -> Result<()> {
    let Some(Leak { field, kind }) = leaks.first() else { return Ok(()) };
    let at = if field.is_empty() { String::new() } else { format!(", {field}") };
    let error = Error::new(
        ErrorKind::Usage,
        format!("{what}{at}: a value of the recording is still there ({kind}); nothing is written"),
    );
    Err(error.hint("leave the session out, or distil it with a model on this machine and `--mask off`"))
}

fn in_words(counts: &BTreeMap<Kind, usize>, sessions: usize) -> String {
    let total: usize = counts.values().sum();
    let kinds = counts.iter().map(|(kind, count)| format!("{count} × {kind}")).collect::<Vec<_>>();
    let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
    format!("{} in {}{kinds}", counted(total, "value"), counted(sessions, "session"))
}

/// Says which cases of a suite go to a model elsewhere with the words of a recording that nobody masked.
pub(crate) fn note_unmasked(plan: &Plan, suite: &Suite) {
    let environment = Environment::of_process();
    let judges = plan.judging.models.iter();
    let models = std::iter::once(&plan.user_model).chain(judges);
    let Some(model) = models.into_iter().find(|model| is_remote(model, &environment)) else { return };
    let is_unmasked = |origin: &reenact::Origin| unmasked_id(&origin.session).is_none();
    let unmasked = suite.cases.iter().filter(|case| case.origin.as_ref().is_some_and(is_unmasked)).count();
    if unmasked > 0 {
        let cases = counted(unmasked, "case");
        output::note(format_args!(
            "{cases} of recordings that are not masked; {model} reads them as they are (`distill --mask on`)"
        ));
    }
}
