//! One run: the threads are started, the events go round, and an ending comes out.

use super::hands::{Caller, Hands};
use super::journal::Journal;
use super::recorder::Recorder;
use super::{Forming, Stage};
use crate::edge::clock::Clock;
use crate::edge::interrupt::Interrupts;
use crate::edge::ledger::{Clerk, Done, Ledger};
use crate::edge::results::Results;
use crate::edge::source::Rereader;
use crate::edge::wire::Wire;
use crate::engine::{Assembler, Command, Ending, Engine, Event};
use crate::model::{Moment, Now, Planned, Sample};
use crate::target::Target;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// How long a run that has to end waits for what is in flight.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// How often the watch is shown the state.
const TICK: Duration = Duration::from_millis(200);

/// What a run is made of.
#[derive(Debug)]
pub struct Run {
    pub engine: Engine,
    pub former: super::Former,
    pub rereader: Rereader,
    pub ledger: Ledger,
    pub target: Arc<Target>,
    pub assembler: Arc<Assembler>,
    pub wire: Wire,
    pub timeout: Duration,
    pub results: Option<Results>,
    pub clock: Clock,
    /// Batches that an earlier run left behind, for the log.
    pub unsettled: Vec<Planned>,
}

/// What a watch sees.
#[derive(Debug)]
pub struct Running<'a> {
    pub engine: &'a Engine,
    pub bytes_consumed: u64,
    pub elapsed: Duration,
    pub now: Now,
    /// What the run was like so far, stretch by stretch.
    pub history: &'a [Sample],
}

/// Someone who is shown how the run goes: progress, `status.json`.
pub trait Watch {
    fn tick(&mut self, running: &Running<'_>);
    /// A first signal came; this many requests are still waited for.
    fn stopping(&mut self, in_flight: usize);
}

/// What is left of a run.
#[derive(Debug)]
pub struct Ended {
    pub ending: Ending,
    pub engine: Engine,
    pub history: Vec<Sample>,
}

struct Corridor {
    run: Hands,
    engine: Engine,
    wake: Option<Moment>,
    ending: Option<Ending>,
    recorder: Recorder,
    journal: Journal,
}

impl Run {
    /// Runs to the end, and gives back the engine with its books.
    pub fn run(self, stage: &mut Stage, watch: &mut dyn Watch) -> std::io::Result<Ended> {
        let (runtime, interrupts) = stage.parts();
        runtime.block_on(self.corridor(interrupts, watch))
    }

    async fn corridor(self, interrupts: &mut Interrupts, watch: &mut dyn Watch) -> std::io::Result<Ended> {
        let (events, mut inbox) = unbounded_channel();
        let bytes_consumed = Arc::new(AtomicU64::new(0));
        let (to_engine, consumed) = (events.clone(), Arc::clone(&bytes_consumed));
        let forming = Forming::start(self.former, self.rereader, move |event, bytes| {
            consumed.store(bytes, Ordering::Relaxed);
            let _ = to_engine.send(event);
        })?;
        let to_engine = events.clone();
        // A batch waits for the end of an earlier one of its groups, and whoever reads the results may wait for it.
        let eager = self.target.group().is_some() || self.results.is_some();
        let clerk = Clerk::start(self.ledger, eager, move |done| match done {
            Done::Committed(tickets) => {
                for (ticket, noted) in tickets {
                    let _ = to_engine.send(Event::Committed(ticket, noted));
                }
            }
            Done::Recalled(seq, rows) => {
                let _ = to_engine.send(Event::Recalled { seq, rows });
            }
            Done::LookedUp(seq, begun) => {
                let _ = to_engine.send(Event::LookedUp { seq, begun });
            }
            Done::Failed(why) => {
                let _ = to_engine.send(Event::LedgerFailed(why));
            }
        })?;
        let hands = Hands {
            forming,
            clerk: Some(clerk),
            events,
            assembler: self.assembler,
            wire: Caller {
                wire: self.wire,
                target: self.target,
                timeout: self.timeout,
                token: Arc::default(),
            },
            results: self.results,
            clock: self.clock,
        };
        let recorder = Recorder::new(self.engine.books());
        let journal = Journal::new(Arc::clone(&hands.assembler), self.unsettled.iter());
        let engine = self.engine;
        let mut corridor = Corridor { run: hands, engine, wake: None, ending: None, recorder, journal };
        corridor.step(Event::Woke);
        let ending = corridor.go(&mut inbox, interrupts, watch, &bytes_consumed).await;
        let Corridor { run, engine, mut recorder, .. } = corridor;
        let sample = recorder.end(run.clock.now(), &engine);
        let ending = run.end(ending, sample);
        let history = recorder.kept().to_vec();
        Ok(Ended { ending, engine, history })
    }
}

impl Corridor {
    async fn go(
        &mut self,
        inbox: &mut UnboundedReceiver<Event>,
        interrupts: &mut Interrupts,
        watch: &mut dyn Watch,
        bytes_consumed: &AtomicU64,
    ) -> Ending {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut drain_until = None;
        loop {
            if let Some(ending) = self.ending.take() {
                return ending;
            }
            let wake = self.wake.map_or(Duration::from_secs(3600), |at| self.run.clock.until(at));
            let event = tokio::select! {
                Some(event) = inbox.recv() => event,
                () = tokio::time::sleep(wake) => Event::Woke,
                () = interrupts.next() => Event::StopAsked,
                _ = ticks.tick() => {
                    let now = self.tick(watch, bytes_consumed.load(Ordering::Relaxed));
                    if drain_until.is_some_and(|until| now >= until) {
                        self.cut_short();
                    }
                    continue;
                }
            };
            if matches!(event, Event::StopAsked) {
                watch.stopping(self.engine.in_flight());
            }
            self.step(event);
            while let Ok(event) = inbox.try_recv() {
                self.step(event);
            }
            if self.engine.is_stopping() {
                // Whatever stops the run, what is in flight is not waited for without end.
                drain_until.get_or_insert(self.run.clock.tick() + DRAIN_MAX);
            }
        }
    }

    /// Shows how the run goes, and writes it down from time to time.
    fn tick(&mut self, watch: &mut dyn Watch, bytes_consumed: u64) -> Moment {
        let now = self.run.clock.now();
        if let (Some(sample), Some(clerk)) = (self.recorder.tick(now, &self.engine), &self.run.clerk) {
            clerk.note(sample);
        }
        let (elapsed, history) = (now.tick.since(Moment::ZERO), self.recorder.kept());
        watch.tick(&Running { engine: &self.engine, bytes_consumed, elapsed, now, history });
        now.tick
    }

    fn step(&mut self, event: Event) {
        self.journal.event(&event);
        if let Event::Answered { answer, .. } = &event {
            self.recorder.answered(answer.took, &answer.outcome);
        }
        let mut commands = Vec::new();
        self.engine.step(self.run.clock.now(), event, &mut commands);
        self.carry_out(commands);
    }

    fn cut_short(&mut self) {
        let mut commands = Vec::new();
        self.engine.cut_short(&mut commands);
        self.carry_out(commands);
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        self.wake = None;
        for command in commands {
            self.journal.command(&command);
            match command {
                Command::Form { batches } => self.run.forming.form(batches),
                Command::Rebuild { seq, start, rows, state } => {
                    self.run.forming.rebuild(seq, start, rows, state);
                }
                Command::StopWaiting => self.run.forming.stop_waiting(),
                Command::Recall { seq } => {
                    if let Some(clerk) = &self.run.clerk {
                        clerk.recall(seq);
                    }
                }
                Command::LookUp { seq, group } => {
                    if let Some(clerk) = &self.run.clerk {
                        clerk.look_up(seq, group);
                    }
                }
                Command::Commit { ticket, entry } => {
                    if let Some(clerk) = &self.run.clerk {
                        clerk.write(ticket, entry);
                    }
                }
                Command::Send { seq, load, about } => self.run.send(seq, load, &about),
                Command::ReadState { seq, load, known } => self.run.read_state(seq, load, known),
                Command::Verify { seq, load, about } => self.run.verify(seq, load, &about),
                Command::Renew => self.run.renew(),
                Command::Poll { seq, job, load } => self.run.poll(seq, job, load),
                Command::WakeAt(at) => self.wake = Some(at),
                Command::Tell(settled) => self.run.tell(&settled),
                Command::Finish(ending) => self.ending = Some(ending),
            }
        }
    }
}
