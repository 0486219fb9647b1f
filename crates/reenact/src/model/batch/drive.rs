//! Batches driven to their end: submitted, looked after, read, and submitted again where they left something undone.
//!
//! Whatever is done here stands in the store first. It can be broken off anywhere, and begins again where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::Duration;

use super::ATTEMPTS_MAX;
use super::folder::Lines;
use super::form::{Form, Line, read_line};
use super::register::settled;
use super::service::{Failure, Service, Sought, Standing, State, Trouble};
use crate::store::batches::{Kept, OpenBatch, Settled};
use crate::{Error, ErrorKind, Result, Store, clock};

/// How soon a batch is looked at after it was submitted: small ones take seconds.
const LOOK_FIRST: Duration = Duration::from_secs(1);

/// How often at the least: a minute is little in a day.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// How soon a wish to stop is noticed.
const STOP_NOTICED: Duration = Duration::from_millis(100);

/// Answers written to the store at once.
const GROUP_MAX: usize = 500;

/// How the code of a batch begins that would have fitted at another time, or in parts.
const TOO_MANY_TOKENS: &str = "token_limit_exceeded";

/// Who watches over batches.
pub struct Watch<'a> {
    /// Whether to stop waiting. The batches go on.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Who is told what happens.
    pub listen: &'a (dyn Fn(BatchEvent<'_>) + Sync),
}

/// What happens while batches are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchEvent<'a> {
    /// A batch was submitted.
    Submitted {
        /// The model's name.
        model: &'a str,
        /// The provider's id of the batch.
        batch: &'a str,
        /// Its requests.
        requests: u64,
    },
    /// A batch was found at the provider, which had been submitted before without an answer.
    Found {
        /// The model's name.
        model: &'a str,
        /// The provider's id of the batch.
        batch: &'a str,
    },
    /// It has to be waited.
    Waiting {
        /// Batches that are not over.
        batches: usize,
        /// Their requests.
        requests: u64,
        /// Those of them that are over, as far as the providers say.
        done: u64,
        /// When they are looked at again.
        seconds: u64,
    },
    /// A batch is over.
    Ended {
        /// The provider's id of the batch.
        batch: &'a str,
        /// Its requests.
        requests: u64,
        /// Those that it answered.
        answered: u64,
    },
    /// Something went wrong that may pass; it is tried again.
    Trouble(&'a str),
}

/// What one scope asks of its providers.
pub(super) struct Drive<'a> {
    store: &'a Store,
    scope: &'a str,
    services: &'a BTreeMap<String, Service>,
    watch: &'a Watch<'a>,
    /// Batches that were intended here and of which no provider has heard.
    unheard: BTreeSet<String>,
    /// Requests that a provider takes at once, where it said that it takes fewer than its documents say.
    caps: BTreeMap<String, usize>,
    done: BTreeMap<i64, u64>,
    /// How often a batch was too much for the account, and how long to wait because of that before anything is submitted.
    too_much: u32,
    hold: Option<Duration>,
}

/// What came of looking after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Forward,
    Nothing,
}

impl<'a> Drive<'a> {
    pub(super) fn new(
        store: &'a Store,
        scope: &'a str,
        services: &'a BTreeMap<String, Service>,
        watch: &'a Watch<'a>,
    ) -> Self {
        let (unheard, caps, done) = Default::default();
        Drive { store, scope, services, watch, unheard, caps, done, too_much: 0, hold: None }
    }

    /// Until everything that is wanted is settled. Gives whether anything was wanted.
    pub(super) async fn finish(mut self) -> Result<bool> {
        let mut was_wanted = false;
        let mut wait = LOOK_FIRST;
        loop {
            self.intend()?;
            let open = self.store.open_batches(self.scope)?;
            if open.is_empty() && self.store.models_to_ask(self.scope)?.is_empty() {
                return Ok(was_wanted);
            }
            was_wanted = true;
            let mut step = Step::Nothing;
            for batch in &open {
                if (self.watch.stop)() {
                    return Err(stopped(open.len()));
                }
                if self.attend(batch).await? == Step::Forward {
                    step = Step::Forward;
                }
            }
            let hold = self.hold.take();
            if step == Step::Forward && hold.is_none() {
                wait = LOOK_FIRST;
                continue;
            }
            self.pause(&open, wait.max(hold.unwrap_or_default())).await?;
            wait = (wait * 3 / 2).min(LOOK_MAX);
        }
    }

    /// Everything that is wanted and in no batch is put into one. A model that takes only so much gets one batch at a time.
    fn intend(&mut self) -> Result<()> {
        let mut models = self.store.models_to_ask(self.scope)?;
        while let Some(model) = models.pop() {
            let form = self.service(&model)?.form;
            let cap = self.caps.get(&model).copied();
            let is_one_open =
                || Ok::<_, Error>(self.store.open_batches(self.scope)?.iter().any(|it| it.model == model));
            if cap.is_some() && is_one_open()? {
                continue;
            }
            let mark = clock::run_id();
            let limits = (cap.unwrap_or(form.requests_max()), form.bytes_max());
            self.store.intend_batch((self.scope, &model), &mark, clock::now(), limits)?;
            self.unheard.insert(mark);
            let is_left = self.store.models_to_ask(self.scope)?.contains(&model);
            if is_left && cap.is_none() {
                models.push(model);
            }
        }
        Ok(())
    }

    fn service(&self, model: &str) -> Result<&'a Service> {
        self.services.get(model).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("`{model}` is asked in batches and was not opened"))
                .hint("name the same models as when the batches began")
        })
    }

    async fn attend(&mut self, batch: &OpenBatch) -> Result<Step> {
        let service = self.service(&batch.model)?;
        match &batch.id {
            Some(id) => self.look(service, batch, id).await,
            None if self.unheard.contains(&batch.mark) => self.submit(service, batch).await,
            None => self.find(service, batch).await,
        }
    }

    /// A batch whose submission was not answered may be there all the same.
    async fn find(&mut self, service: &Service, batch: &OpenBatch) -> Result<Step> {
        let sought = Sought { mark: &batch.mark, requests: batch.requests, since: batch.intended_at };
        let found = match service.find(sought).await {
            Ok(found) => found,
            Err(trouble) => return self.later(trouble),
        };
        let mut unknown = Vec::new();
        for id in found {
            if !self.store.knows_batch(&id)? {
                unknown.push(id);
            }
        }
        let Some((id, doubles)) = unknown.split_first() else {
            return self.submit(service, batch).await;
        };
        self.store.name_batch(batch.key, id)?;
        (self.watch.listen)(BatchEvent::Found { model: &batch.model, batch: id });
        // Only a mark tells for sure that a batch is the same once more; it must not be paid for.
        for double in doubles.iter().filter(|_| service.form == Form::OpenAi) {
            if let Err(trouble) = service.cancel(double).await {
                self.later(trouble)?;
            }
        }
        Ok(Step::Forward)
    }

    async fn submit(&mut self, service: &Service, batch: &OpenBatch) -> Result<Step> {
        let lines = lines(self.store, service.form, batch)?;
        // From here on the provider may have it.
        self.unheard.remove(&batch.mark);
        match service.begin(&batch.mark, lines).await {
            Ok(id) => {
                self.store.name_batch(batch.key, &id)?;
                let OpenBatch { model, requests, .. } = batch;
                (self.watch.listen)(BatchEvent::Submitted { model, batch: &id, requests: *requests });
                Ok(Step::Forward)
            }
            Err(trouble) => {
                if matches!(trouble, Trouble::Busy(_)) {
                    self.unheard.insert(batch.mark.clone());
                }
                self.later(trouble)
            }
        }
    }

    async fn look(&mut self, service: &Service, batch: &OpenBatch, id: &str) -> Result<Step> {
        let gone = |what: &str| Settled::Undone { reason: format!("the provider {what}"), expired: false };
        let Standing { state, done } = match service.look(id).await {
            Ok(standing) => standing,
            Err(Trouble::Refused { status: 404, .. }) => {
                return self.end(batch, id, &gone("does not know the batch any more"));
            }
            Err(trouble) => return self.later(trouble),
        };
        self.done.insert(batch.key, done);
        match state {
            State::Running => Ok(Step::Nothing),
            State::Ended(places) => {
                let rest = gone("ended the batch without an answer to the request");
                self.read(service, (batch, id), &places, &rest).await
            }
            State::Cancelled(places) => {
                let read = self.read(service, (batch, id), &places, &Settled::TakenBack).await?;
                if read == Step::Forward { Err(cancelled(id)) } else { Ok(read) }
            }
            State::Failed(failures) => self.fail(service, (batch, id), &failures),
        }
    }

    /// Reads what came of a batch that is over.
    async fn read(
        &mut self,
        service: &Service,
        (batch, id): (&OpenBatch, &str),
        places: &[reqwest::Url],
        rest: &Settled,
    ) -> Result<Step> {
        let mut read = Read::default();
        for place in places {
            match service.fetch(place).await {
                Ok(file) => self.read_lines(service, (batch, id), file, &mut read)?,
                // What is gone will not come back; the requests that it held are asked again.
                Err(Trouble::Refused { reason, .. }) => (self.watch.listen)(BatchEvent::Trouble(&reason)),
                Err(trouble) => return self.later(trouble),
            }
        }
        if read.lines > 0 && read.ours == 0 && service.form == Form::Anthropic {
            (self.watch.listen)(BatchEvent::Trouble(&format!("batch {id} is somebody else's")));
            self.store.disown_batch(batch.key, id)?;
            return Ok(Step::Forward);
        }
        let step = self.end(batch, id, rest)?;
        if read.taken_back > 0 { Err(cancelled(id)) } else { Ok(step) }
    }

    fn read_lines(
        &self,
        service: &Service,
        (batch, id): (&OpenBatch, &str),
        file: File,
        read: &mut Read,
    ) -> Result<()> {
        let mut lines = Lines::of(file, std::path::Path::new(id))?;
        let mut group = Vec::new();
        while let Some((number, _, line)) = lines.next()? {
            read.lines += 1;
            match line.and_then(|line| read_line(&line)) {
                Ok(Line::Answer { id, came }) => {
                    group.push((id, settled(came.in_words(|reason| service.redacted(reason)))));
                }
                Ok(Line::Request { .. }) => {}
                Err(reason) => {
                    (self.watch.listen)(BatchEvent::Trouble(&format!("{id}, line {number} of the answers: {reason}")));
                }
            }
            if group.len() == GROUP_MAX {
                self.keep(batch, &mut group, read)?;
            }
        }
        self.keep(batch, &mut group, read)
    }

    fn keep(&self, batch: &OpenBatch, group: &mut Vec<(String, Settled)>, read: &mut Read) -> Result<()> {
        read.ours += self.store.settle(batch.key, group, ATTEMPTS_MAX)?;
        read.taken_back += group.iter().filter(|(_, settled)| *settled == Settled::TakenBack).count();
        group.clear();
        Ok(())
    }

    fn end(&mut self, batch: &OpenBatch, id: &str, rest: &Settled) -> Result<Step> {
        let answered = self.store.end_batch(batch.key, rest, ATTEMPTS_MAX)?;
        self.done.remove(&batch.key);
        (self.watch.listen)(BatchEvent::Ended { batch: id, requests: batch.requests, answered });
        Ok(Step::Forward)
    }

    /// A batch that never began: because it was too much at once, or because of some of its requests, or of all.
    fn fail(&mut self, service: &Service, (batch, id): (&OpenBatch, &str), failures: &[Failure]) -> Result<Step> {
        let first = failures.first().cloned().unwrap_or_default();
        let reason = format!("the provider refused the batch: {} {}", first.code, service.redacted(&first.reason));
        (self.watch.listen)(BatchEvent::Trouble(&format!("{id}: {reason}")));
        if first.code == TOO_MANY_TOKENS {
            let cap = self.caps.entry(batch.model.clone()).or_insert(usize::MAX);
            *cap = (batch.requests as usize / 2).max(1);
            // Others may fill the account as well, and they need time.
            self.hold = Some(LOOK_FIRST * 2_u32.pow(self.too_much.min(6)));
            self.too_much += 1;
            // A single request that is too much will be so again, and must come to an end.
            let alone = Settled::Undone { reason, expired: false };
            self.end(batch, id, if batch.requests > 1 { &Settled::TakenBack } else { &alone })?;
            return Ok(Step::Nothing);
        }
        let to_blame = self.to_blame(batch, failures)?;
        let rest = if to_blame.is_empty() { Settled::Kept(Kept::Failure(reason)) } else { Settled::TakenBack };
        self.store.settle(batch.key, &to_blame, ATTEMPTS_MAX)?;
        self.end(batch, id, &rest)
    }

    /// The requests that a refusal names by their lines.
    fn to_blame(&self, batch: &OpenBatch, failures: &[Failure]) -> Result<Vec<(String, Settled)>> {
        let mut to_blame = Vec::new();
        let mut line = 0;
        self.store.each_request(batch.key, |id, _| {
            line += 1;
            if let Some(failure) = failures.iter().find(|failure| failure.line == Some(line)) {
                let why = format!("the provider refused the request: {} {}", failure.code, failure.reason);
                to_blame.push((id.to_owned(), Settled::Kept(Kept::Failure(why))));
            }
        })?;
        Ok(to_blame)
    }

    /// What may pass is told and tried again later; what will not is an error.
    fn later(&self, trouble: Trouble) -> Result<Step> {
        match trouble {
            Trouble::Unsure(reason) | Trouble::Busy(reason) => {
                (self.watch.listen)(BatchEvent::Trouble(&reason));
                Ok(Step::Nothing)
            }
            Trouble::Refused { reason, .. } => Err(Error::new(ErrorKind::Model, reason)
                .hint("what was submitted goes on; put it right and run the same command again")),
        }
    }

    async fn pause(&self, open: &[OpenBatch], wait: Duration) -> Result<()> {
        let requests = open.iter().map(|batch| batch.requests).sum();
        let done = open.iter().filter_map(|batch| self.done.get(&batch.key)).sum();
        (self.watch.listen)(BatchEvent::Waiting { batches: open.len(), requests, done, seconds: wait.as_secs() });
        let mut left = wait;
        while !left.is_zero() {
            if (self.watch.stop)() {
                return Err(stopped(open.len()));
            }
            let slice = left.min(STOP_NOTICED);
            tokio::time::sleep(slice).await;
            left -= slice;
        }
        Ok(())
    }
}

/// What was in the answers of a batch.
#[derive(Debug, Default)]
struct Read {
    lines: u64,
    ours: usize,
    taken_back: usize,
}

/// The requests of a batch, a line each.
fn lines(store: &Store, form: Form, batch: &OpenBatch) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    store.each_request(batch.key, |id, body| {
        lines.extend_from_slice(form.line(id, body).as_bytes());
        lines.push(b'\n');
    })?;
    Ok(lines)
}

fn stopped(open: usize) -> Error {
    let batches = if open == 1 { "a batch is" } else { "batches are" };
    Error::new(ErrorKind::Interrupted, format!("stopped while {batches} being answered; at the provider they go on"))
}

fn cancelled(id: &str) -> Error {
    Error::new(ErrorKind::Interrupted, format!("batch {id} was cancelled at the provider"))
        .hint("what it left unanswered is submitted again by the same command")
}
