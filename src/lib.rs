//! bulkhaul moves rows from CSV or NDJSON into any HTTP batch API, once each, however often it is interrupted.
//!
//! This page is the floor plan. It says which rooms the house has, what each may touch, and what the whole
//! promises. It is changed before the code is.
//!
//! # The idea
//!
//! The **engine** decides and touches nothing; the **edge** touches the world and decides nothing; the
//! **target** language says what requests look like and what answers mean, and is as pure as the engine. All
//! know only the **model**, the things that are carried. The one corridor, **drive**, takes an event from an
//! edge, gives it to the engine, and carries the engine's commands back to the edges. Time, chance and failure
//! enter as values, so that a whole import, with crashes and lost answers, runs in a test loop without a
//! socket, a disk or a clock.
//!
//! # The rooms
//!
//! | rank | room | what it is | may import |
//! | --- | --- | --- | --- |
//! | 0 | [`model`] | the nouns: rows, batches, keys, requests, outcomes, ledger entries. No I/O, no policy | – |
//! | 0 | [`sandbox`] | the practice server. An island: it shares no code with the rest, else it would prove only that we agree with ourselves | – |
//! | 1 | [`target`] | the profile language: compiled once, renders requests, reads answers. Pure | model |
//! | 1 | [`edge`] | the doors: files, wire, ledger, dead letters, clock, signals. One handle on the world a file; decides nothing | model |
//! | 2 | [`engine`] | the verbs: batches, gate, back-off, recovery, recount. Pure, deterministic, replayable | model, target |
//! | 3 | [`args`] | what was typed (clap); nothing computed | engine (limits as types), sandbox (faults) |
//! | 4 | [`settings`] | arguments turned into what will be done, or refused with a remedy | args, model, target, engine, edge |
//! | 5 | [`report`] | the words for people, and the same as JSON | all below but the sandbox |
//! | 3 | [`drive`] | the corridor: the forming thread and the only `select!` | model, target, edge, engine |
//! | 6 | [`command`] | one file for each subcommand | all below |
//!
//! [`error`] (what went wrong, why, what to do next, and the exit code) stands beside the plan: every room from
//! rank 1 up may return it. Ranks only fall, and `tests/tidy.rs` holds them.
//!
//! # The way of a row
//!
//! ```text
//! bytes ─source─▶ row ─target─▶ item ─batcher─▶ batch ─T1─▶ ledger      written before anything is sent
//!                  │                              │
//!             broken row                       request ─gate─▶ wire ─▶ reply or fault
//!                  │                                                      │
//!                  ▼                                                    target
//!             dead letter ◀─────── refused rows ◀─────────────────── outcome
//!                  │                                                      │
//!             ledger ◀─T3, with the batch's end, in one transaction───────┘
//!                  │
//!             dead-letters.ndjson follows, and T6 records how far
//! ```
//!
//! # Replays
//!
//! A replay is an import whose input is a copy of dead letters, in `replays/N` of the state whose rows were refused; its
//! ledger says which letter each of its rows was. What is still open follows from these ledgers: there is no second
//! book that could fall behind them.
//!
//! A row that was refused is open until a replay delivers it or a later import of the state takes it over: one of the same
//! input (`--again`) takes over all, a feed those whose keys it has sent and those whose keys nobody knows, another stream
//! none. Which letters are over is written down when such an import begins, and for a feed when it is sealed.
//!
//! # Feeds
//!
//! Under `--sync` the input is read through before anything is sent: entries (hash of the key, hash of the row) are
//! sorted, and met with those of what was delivered last, which the ledger has in sorted blocks. So the course of each
//! row is a value before forming begins (two bits a row). Entries of the batches of an import lie beside these until it
//! has ended; which of them were delivered follows from the batches' ends, and the next run folds them in, and after them
//! what replays of its dead letters have sent. That is done once more as long as no other import or deletion has begun: its
//! doubts and dead letters may come to another end, and then it is sealed. A row in doubt is known as such, and not sent
//! again as it is; as long as nothing newer was sent of it, its import can be opened again to ask the target about it, and
//! where that is broken off, it is in doubt as before. The rows of batches in flight are kept, so that a broken feed ends
//! without its old input. Where `--again` began that one, what it has not sent is owed: it is no longer known as it was
//! delivered, and goes with the feed that comes next.
//!
//! What a feed no longer has is deleted, if that is asked for, by an import of its own in `deletes/N`, which ends before
//! the run sends any row of the feed; what came of it is taken into the feed's ledger once, and it tells of itself until
//! the next feed is taken. Of one that was broken off only what may have left and is still missing is brought to its end,
//! after the next feed was read through: the rest may be back.
//!
//! # Results
//!
//! `--results` hears of a row once its end is durable. What was heard stands in no book: a run that goes on, and one that
//! finds its import finished, tell all of the import's settled rows again, as they follow from the batches' ends and the
//! dead letters. So each is heard of at least once, whatever crashed in between.
//!
//! # Threads, each bounded
//!
//! - *forming* reads, frames, renders and cuts batches, small ones several at a time; it stops when the engine has
//!   enough of them. It alone waits for standard input: until the open batch's age is over, or until the bell is rung
//!   that ends the run.
//! - *hashing* makes the keys of what was cut, while forming goes on.
//! - *corridor* runs the engine and the requests on one single-threaded runtime.
//! - *ledger* owns `SQLite` and the dead-letter file; it commits in groups, and nothing else writes them. The end of a
//!   batch, for which nobody waits, waits a moment for company. What the run
//!   is like, stretch by stretch, rides along with what is committed anyway: figures for the report, on which nothing
//!   rests.
//!
//! The log (`tracing`) is written by the corridor alone: what left, what came back, what was decided.
//!
//! # How often a byte is copied
//!
//! 1. From the disk (or the decompressor) into the read-ahead; what lies there is hashed, looked at for UTF-8 and
//!    framed where it stands.
//! 2. Into the batch: CSV fields that need no escape are copied as they are, between the names of their columns,
//!    straight into the body where the row is its own item; a line of NDJSON likewise. Where a profile renders items,
//!    the row is written beside the body once (it is what a dead letter shows), and its item is rendered from there.
//! 3. From the body into the kernel. Between the threads, and in every copy of a batch in hand, bodies are shared.
//!
//! There is one arena for a batch (its body, its texts, its rows), made as large as the last one was; no row allocates,
//! and none becomes a value. Compressed bodies are one copy more, on a thread that may block.
//!
//! # Where the time goes
//!
//! Of a million rows of CSV into a sink on loopback, in hundredths of the processor's time: forming 48 (rendering 17,
//! framing 10, reading 7, BLAKE3 of the input 5, cutting 4, UTF-8 2), corridor 23 (more than half of it in the kernel),
//! SHA-256 of bodies 15, ledger 13 (more than half of it syncs). What was left as it is: keys are promised to be
//! SHA-256, and one stream of it waits for the latency of the processor's own instructions, whichever library asks; input
//! that is mapped instead of copied, and wider instructions for framing, need unsafe code; lines of NDJSON are checked
//! by `serde_json`, which is more than half of reading them, and the one judge of what is JSON.
//!
//! # The promises (each an assertion in the simulation)
//!
//! 1. **Plan before send.** A batch's rows, body hash and key are durable before its first byte leaves.
//! 2. **Same key, same bytes.** After an unknown outcome the same request goes again; after a verdict its key
//!    never does. A batch that no longer hashes to what the ledger holds stops the run.
//! 3. **A verdict and its dead letters are one transaction**, and the file is a projection of it.
//! 4. **Each batch's end is recorded on its own.** There is no watermark to run ahead of the data.
//! 5. **The books balance** after every step: read = delivered + rejected + unchanged + in doubt + pending.
//! 6. **One gate.** Every attempt passes the rate, the pace, the slots and the target's pause.
//! 7. **All is bounded**: rows in hand, bytes in hand, waits, answers.
//! 8. **Bytes stay bytes.** What a row says is what is sent.
//! 9. **What can't be read again is kept.** Rows of a pipe, and of a feed that may be replaced, are in the ledger
//!    from their batch's plan to its end, and no longer. A run that is asked to end writes down what it has read.
//! 10. **A failed commit is an unknown one.** Nothing is sent or written after it; recovery decides.
//!
//! # How they are held
//!
//! `tests/simulation.rs` plays imports in a world in which only the edges are models: rows, server, wire, ledger, clock and
//! signals. What lies between a command and its request, and between an answer and its event, is decided in
//! [`drive::calls`], which the corridor and that world share. Choices come from seeds, or from an odometer that tries
//! every schedule of small imports. [`model::Canary`] lets protocol bugs loose, one at a time, to show that they are
//! caught; only the tests' builds have them (feature `canaries`).
//!
//! What lies between imports of one state (feeds, deletions, replays, questions about doubts) is walked by the real binary,
//! against a server that meets it with trouble and ends it at any request (`tests/feeds/walk`).

pub mod args;
pub mod command;
pub mod drive;
pub mod edge;
pub mod engine;
pub mod error;
pub mod model;
pub mod report;
pub mod sandbox;
pub mod settings;
pub mod target;

use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// Runs the program with these arguments (the first is its name) and gives back the exit code. It may be called
/// more than once in a process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // `try_parse_from` would put the usage of the whole program under what only a subcommand refuses.
    let matches = args::Args::command().try_get_matches_from(&arguments);
    match matches.and_then(|matches| args::Args::from_arg_matches(&matches)) {
        Ok(args) => command::run(args, &arguments),
        Err(error) => {
            // clap's own words go to stdout for --help and --version, else to stderr; a closed pipe is no error.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(error::exit::USAGE)
        }
    }
}
