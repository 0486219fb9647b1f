//! Spans that instrumented agents send while they work, as sessions: the receiving end of OpenTelemetry's protocol.
//!
//! What is sent is kept in the store as it came before it is answered for, so that no process that is killed loses it.
//! Once a trace is quiet its spans are read as [`import`](crate::import) reads them from a file and become part of a session. A trace or a session may
//! come in pieces, in any order, twice, or over hours: what is kept of it is read again with what is new. Memory is
//! bounded, in what is being taken and in what waits; who sends more is told to come back.
//!
//! ```
//! use reenact::import::receiver::{Encoding, Receiver};
//! use reenact::Store;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let traces = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
//!     "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
//!     "attributes": [
//!         {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
//!         {"key": "gen_ai.conversation.id", "value": {"stringValue": "s-1"}},
//!         {"key": "gen_ai.input.messages", "value": {"stringValue":
//!             "[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"are you open\"}]}]"}}]}]}]}]}"#;
//! let store = Store::temporary()?;
//! let receiver = Receiver::start(&store)?;
//! let room = receiver.room(traces.len()).expect("nobody else sends");
//! let receipt = receiver.take(traces.into(), Encoding::Json, room).await.unwrap();
//! assert_eq!((receipt.accepted, receipt.rejected), (1, 0));
//! receiver.settle().await?;
//! assert_eq!(store.session("s-1")?.conversation.messages[0].text, "are you open");
//! # Ok::<(), reenact::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use prost::Message as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::otlp_answer::{PartialSuccess, Response, RpcStatus};
use crate::store::{Put, ReceivedPiece};
use crate::{Error, ErrorKind, Result, Skipped, Store};
use keeper::{Keeper, Order};
use pieces::{Cut, Piece};

mod gathering;
mod keeper;
mod pieces;

/// What may be held of requests that are being taken, all together, in bytes. A batch of an exporter is some megabytes at the most.
pub const HELD_BYTES_MAX: usize = 128 * 1024 * 1024;

/// What may wait to be read, compressed, in bytes: some ten million spans. More waits only where reading cannot keep up.
const WAITING_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What one trace may have, in bytes. A larger one is no conversation that anybody reads.
const TRACE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Room is counted in units of so many bytes.
const ROOM_BYTES: usize = 1024;

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `ExportTraceServiceRequest` in protobuf.
    Protobuf,
    /// The same in OTLP's JSON.
    Json,
}

/// Takes spans into a store. A clone is another handle on the same receiver; when the last one goes, it comes to an end.
#[derive(Clone)]
pub struct Receiver(Arc<Inner>);

struct Inner {
    store: Store,
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What the receiver's thread tells all others.
#[derive(Debug, Default)]
struct Shared {
    accepted: AtomicU64,
    rejected: AtomicU64,
    /// What is kept of traces that are to be read, in bytes.
    waiting_bytes: AtomicU64,
    /// What kept the thread from its work, until it is done.
    fault: Mutex<Option<String>>,
}

/// Memory that a request may take, given back when it is dropped.
#[derive(Debug)]
pub struct Room {
    room: Arc<Semaphore>,
    /// None for room that was not needed.
    taken: Vec<OwnedSemaphorePermit>,
}

/// What became of the spans of a request. They are durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Spans that are kept, or were already.
    pub accepted: u64,
    /// Spans that cannot be kept.
    pub rejected: u64,
    /// Why, where any was rejected.
    pub reason: Option<String>,
}

/// Why nothing of a request was taken.
#[derive(Debug)]
pub enum Refusal {
    /// It is not what it should be, and sending it again is of no use.
    Malformed(String),
    /// It may be sent again.
    NotNow(Error),
}

/// How a receiver stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Standing {
    /// Spans that were taken since the start.
    pub accepted: u64,
    /// Spans that were rejected since the start.
    pub rejected: u64,
    /// Traces that are not read yet, or again.
    pub traces_waiting: u64,
    /// What is kept of traces, in bytes of the store.
    pub kept_bytes: u64,
    /// How many traces are part of no session in the store.
    pub skipped_count: u64,
    /// The newest of these, with the reason.
    pub skipped: Vec<Skipped>,
    /// What keeps traces from being read, where anything does.
    pub fault: Option<String>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.0.store).finish()
    }
}

impl Receiver {
    /// Begins to take spans, and to read those that an earlier receiver left behind.
    ///
    /// # Errors
    /// Where the store cannot be read, or no thread be started.
    pub fn start(store: &Store) -> Result<Receiver> {
        let shared = Arc::new(Shared::default());
        shared.waiting_bytes.store(store.received_standing()?.waiting_bytes, Ordering::Relaxed);
        let (orders, inbox) = mpsc::channel();
        let keeper = Keeper::new(store, Arc::clone(&shared))?;
        let thread = thread::Builder::new().name("reenact-receiver".to_owned());
        let thread = thread.spawn(move || keeper.run(&inbox)).map_err(|error| ended().caused_by(error))?;
        let room = Arc::new(Semaphore::new(HELD_BYTES_MAX / ROOM_BYTES));
        let inner = Inner { store: store.clone(), room, shared, orders: Some(orders), thread: Some(thread) };
        Ok(Receiver(Arc::new(inner)))
    }

    /// Memory for a request of so many bytes; nothing where too much is being taken already, or waits to be read.
    #[must_use]
    pub fn room(&self, bytes: usize) -> Option<Room> {
        if self.0.shared.waiting_bytes.load(Ordering::Relaxed) > WAITING_BYTES_MAX {
            return None;
        }
        let mut room = Room { room: Arc::clone(&self.0.room), taken: Vec::new() };
        room.grow(bytes).then_some(room)
    }

    /// Keeps the spans of a request and says what became of them. They are durable when this returns.
    ///
    /// # Errors
    /// Where the request is malformed as a whole, or the store cannot be written now.
    pub async fn take(&self, request: Bytes, encoding: Encoding, room: Room) -> Result<Receipt, Refusal> {
        let cut = tokio::task::spawn_blocking(move || packed(&request, encoding));
        let (pieces, mut rejected) = cut.await.map_err(|_| Refusal::NotNow(ended()))??;
        let (done, written) = oneshot::channel();
        self.order(Order::Keep(pieces, done)).map_err(Refusal::NotNow)?;
        let put = written.await.map_err(|_| Refusal::NotNow(ended()))?.map_err(Refusal::NotNow)?;
        drop(room);
        let mut accepted = 0;
        for (spans, put) in put {
            match put {
                Put::Kept | Put::Known => accepted += spans,
                Put::TooLarge => *rejected.entry(too_large()).or_default() += spans,
            }
        }
        let receipt = Receipt { accepted, rejected: rejected.values().sum(), reason: reason_of(&rejected) };
        self.0.shared.accepted.fetch_add(receipt.accepted, Ordering::Relaxed);
        self.0.shared.rejected.fetch_add(receipt.rejected, Ordering::Relaxed);
        Ok(receipt)
    }

    /// Reads all that was taken, whether its traces are quiet or not, and returns when the sessions are in the store.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub async fn settle(&self) -> Result<()> {
        let (done, settled) = oneshot::channel();
        self.order(Order::Settle(done))?;
        settled.await.map_err(|_| ended())?
    }

    /// How the receiver stands.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn standing(&self) -> Result<Standing> {
        const SKIPPED_NAMED_MAX: usize = 100;
        let stored = self.0.store.received_standing()?;
        let (skipped, skipped_count) = self.0.store.received_faults(SKIPPED_NAMED_MAX)?;
        let named = |(trace, reason)| Skipped { what: format!("trace {trace}"), reason };
        Ok(Standing {
            accepted: self.0.shared.accepted.load(Ordering::Relaxed),
            rejected: self.0.shared.rejected.load(Ordering::Relaxed),
            traces_waiting: stored.waiting,
            kept_bytes: stored.kept_bytes,
            skipped_count,
            skipped: skipped.into_iter().map(named).collect(),
            fault: self.0.shared.fault.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }

    fn order(&self, order: Order) -> Result<()> {
        self.0.orders.as_ref().ok_or_else(ended)?.send(order).map_err(|_| ended())
    }
}

impl Drop for Inner {
    /// What was ordered is done before the thread ends.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Room {
    /// Takes more; false where there is none.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let units = u32::try_from(bytes.div_ceil(ROOM_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.room).try_acquire_many_owned(units);
        permit.map(|permit| self.taken.push(permit)).is_ok()
    }
}

impl Receipt {
    /// `ExportTraceServiceResponse`
    #[must_use]
    pub fn to_bytes(&self, encoding: Encoding) -> Vec<u8> {
        let partial = self.reason.as_ref().map(|reason| (self.rejected, reason));
        match encoding {
            Encoding::Protobuf => {
                let partial = |(rejected, reason): (u64, &String)| PartialSuccess {
                    rejected_spans: rejected.cast_signed(),
                    error_message: reason.clone(),
                };
                Response { partial_success: self.reason.as_ref().map(|reason| partial((self.rejected, reason))) }
                    .encode_to_vec()
            }
            Encoding::Json => match partial {
                None => b"{}".to_vec(),
                // Numbers of 64 bits are texts in protobuf's JSON.
                Some((rejected, reason)) => {
                    json!({"partialSuccess": {"rejectedSpans": rejected.to_string(), "errorMessage": reason}})
                        .to_string()
                        .into()
                }
            },
        }
    }
}

/// What a request that is refused is answered: `google.rpc.Status`, with one of its codes.
#[must_use]
pub fn refusal_bytes(code: i32, message: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => RpcStatus { code, message: message.to_owned() }.encode_to_vec(),
        Encoding::Json => json!({"code": code, "message": message}).to_string().into(),
    }
}

type Rejected = BTreeMap<String, u64>;

/// A request cut into compressed pieces.
fn packed(request: &[u8], encoding: Encoding) -> Result<(Vec<ReceivedPiece>, Rejected), Refusal> {
    let Cut { pieces, rejected } = pieces::cut(request, encoding).map_err(|reason| Refusal::Malformed(reason.text))?;
    let faulty = |error| Refusal::NotNow(Error::new(ErrorKind::Io, "spans cannot be compressed").caused_by(error));
    // Spans repeat each other; the fastest level takes most of that away.
    let mut compressor = zstd::bulk::Compressor::new(1).map_err(faulty)?;
    let mut packed = |piece: Piece| {
        let Piece { trace, spans, has_entry, bytes } = piece;
        let mut digest = [0; 16];
        digest.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
        let compressed = compressor.compress(&bytes).map_err(faulty)?;
        let due_in = if has_entry { keeper::DUE_WHOLE_MS } else { keeper::DUE_PART_MS };
        Ok(ReceivedPiece { trace, digest, spans, bytes: bytes.len() as u64, compressed, due_in })
    };
    Ok((pieces.into_iter().map(&mut packed).collect::<Result<_, Refusal>>()?, rejected))
}

fn too_large() -> String {
    format!("the trace is larger than {} MiB", TRACE_BYTES_MAX / 1024 / 1024)
}

/// `2 spans: the span id is empty or 0`
fn reason_of(rejected: &Rejected) -> Option<String> {
    let told: Vec<String> = rejected.iter().map(|(reason, spans)| format!("{spans} spans: {reason}")).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn ended() -> Error {
    Error::new(ErrorKind::Store, "the receiver has come to an end")
        .hint("start it again; what it had answered for is in the store")
}
