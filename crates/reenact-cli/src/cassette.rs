//! Cassettes on the command line: `--record FILE`, and participants by the name `replay:FILE`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use reenact::cassette::{self, Recorded, Verb};
use reenact::{Cassette, Environment, Plan, Result, RunOutput};

use crate::output::{self, counted};

/// How many of the conversations that a cassette has and nobody played are named.
const NAMED_MAX: usize = 3;

/// `--record`, the same for every verb that asks models or agents.
#[derive(Debug, clap::Args)]
#[group(id = "cassette")]
pub(crate) struct Args {
    /// Write every answer of a model or an agent, with what was asked, into a cassette; what the file has of other verbs stays
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl Args {
    /// The cassette that is there already, if `--record` names one: all that can be wrong with the file is found before the work.
    pub(crate) fn check(&self) -> Result<Option<Cassette>> {
        let Some(path) = &self.record else { return Ok(None) };
        output::file::can_be_made(path)?;
        let before = path.exists().then(|| Cassette::load(path)).transpose();
        before.map_err(|error| error.hint("it is left as it is: name another file, or move this one away"))
    }

    /// Writes what `record` gives, if `--record` names a file.
    pub(crate) fn write(&self, record: impl FnOnce(&Environment) -> Result<Recorded>) -> Result<()> {
        let Some(path) = &self.record else { return Ok(()) };
        let before = self.check()?.unwrap_or_default();
        let Recorded { cassette, masked, altered } = record(&Environment::of_process())?;
        let (steps, cassette) = (cassette.steps().len(), before.with(cassette));
        cassette.save(path)?;
        output::note(format_args!("recorded {} in {}", counted(steps, "answer"), path.display()));
        if masked > 0 {
            output::note(format_args!("{} with a secret, which is masked there", counted(masked, "of them")));
        }
        note_altered(&altered);
        Ok(())
    }

    /// The option as somebody would type it again, with a space before it.
    pub(crate) fn in_words(&self) -> String {
        let path = self.record.as_ref().map(|path| output::shell_word(&path.to_string_lossy()));
        path.map(|path| format!(" --record {path}")).unwrap_or_default()
    }
}

fn note_altered(altered: &[(String, u32)]) {
    if !altered.is_empty() {
        let trials = named(altered.iter().map(|(case, trial)| (case.as_str(), *trial)));
        output::note(format_args!("without its secret a replay comes to something else in {trials}"));
    }
}

/// The file of a name of the form `replay:FILE`.
pub(crate) fn file(name: &str) -> Option<&str> {
    name.trim().strip_prefix(cassette::NAME)
}

/// Cassettes, each read once.
#[derive(Default)]
pub(crate) struct Cassettes(RefCell<BTreeMap<String, Arc<Cassette>>>);

impl Cassettes {
    pub(crate) fn open(&self, file: &str) -> Result<Arc<Cassette>> {
        if let Some(cassette) = self.0.borrow().get(file) {
            return Ok(Arc::clone(cassette));
        }
        let cassette = Arc::new(Cassette::load(file)?);
        self.0.borrow_mut().insert(file.to_owned(), Arc::clone(&cassette));
        Ok(cassette)
    }
}

/// The plan with whoever was recorded, where it names `replay:FILE`.
pub(crate) fn resolved(mut plan: Plan) -> Result<Plan> {
    if let Some(file) = file(&plan.agent).map(str::to_owned) {
        plan = plan.with_agent_of(&Cassette::load(file)?)?;
    }
    if let Some(file) = file(&plan.user_model).map(str::to_owned) {
        plan = plan.with_user_of(&Cassette::load(file)?)?;
    }
    Ok(plan)
}

/// Says which recorded conversations a run, or its judging, did not play: cases or trials that were not asked for.
pub(crate) fn note_unplayed(output: &RunOutput) -> Result<()> {
    let plan = &output.run.plan;
    let judges = plan.judging.cassette.as_ref().map(|from| (&from.file, from.verb));
    let players = [&plan.agent_cassette, &plan.user_cassette].into_iter().flatten().map(|file| (file, Verb::Run));
    let played: BTreeSet<(&str, u32)> = output.trials.iter().map(|trial| (trial.case.as_str(), trial.trial)).collect();
    for (file, verb) in players.chain(judges).collect::<BTreeSet<_>>() {
        note_left(file, &Cassette::load(file)?.conversations(verb), &played);
    }
    Ok(())
}

/// Says which recorded conversations are not among those that were played.
pub(crate) fn note_left(file: &str, recorded: &[(&str, u32)], played: &BTreeSet<(&str, u32)>) {
    let left: Vec<_> = recorded.iter().copied().filter(|conversation| !played.contains(conversation)).collect();
    if !left.is_empty() {
        let count = counted(left.len(), "conversation");
        output::note(format_args!("{file} has {count} that nobody asked for: {}", named(left.into_iter())));
    }
}

fn named<'a>(conversations: impl ExactSizeIterator<Item = (&'a str, u32)>) -> String {
    let more = conversations.len().saturating_sub(NAMED_MAX);
    let name = |(case, trial)| match trial {
        0 => format!("session {case}"),
        trial => format!("{case}, trial {trial}"),
    };
    let named = conversations.take(NAMED_MAX).map(name).collect::<Vec<_>>().join("; ");
    if more == 0 { named } else { format!("{named}; and {more} more") }
}
