//! The world around the real engine, target, keys, recovery and forming: it replaces the edges and nothing else. One
//! thread, time as a number, and every choice from a [`Chance`].

use crate::cases::Case;
use crate::chance::{Chance, Hazard};
use crate::coverage::{Coverage, Stage};
use crate::disk::Disk;
use crate::drip::{Drip, Silence};
use crate::server::{Answer, Server};
use crate::wire::{Call, Flight};
use bulkhaul::drive::{Former, calls, rebuild};
use bulkhaul::edge::source::{Rereader, Source};
use bulkhaul::engine::{
    Assembler, BatchLimits, Command, Concurrency, Ending, Engine, Event, MaxRejects, OnAmbiguous, Policy,
    Rate, StopCause,
};
use bulkhaul::model::{
    BatchSeq, Digest, Entry, Fault, ImportId, ImportRecord, ImportState, Moment, Noted, Now, Place, Reply,
    Request, RowSet, WallTime,
};
use bulkhaul::target::{GroupState, Token};
use std::collections::BTreeMap;
use std::io::{Cursor as Bytes, Read};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
const WALL: i64 = 1_700_000_000_000;
const NAME: &str = "x.ndjson";
/// Steps after which a run that has not ended counts as one that never will.
const STEPS_MAX: usize = 30_000;

/// How one life of the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Finished,
    Died,
}

/// What a run is told beside its target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) slots: u32,
    /// Requests take their time, and overtake each other.
    pub(crate) jitters: bool,
    /// The input comes from a pipe: rows that were read are kept until they have their end.
    pub(crate) pipe: bool,
}

pub(crate) enum Due {
    Form {
        batches: usize,
    },
    Rebuild {
        seq: BatchSeq,
        start: Place,
        rows: RowSet,
        state: Option<GroupState>,
    },
    Clerk,
    Arrive(Box<Flight>),
    Land(Box<Flight>, Result<Reply, Fault>),
    Event(Box<Event>),
    /// A token is asked for, and what came of it.
    Renew,
    Renewed(Result<Reply, Fault>),
    Signal,
    CutShort,
}

pub(crate) struct World<'c, C> {
    pub(crate) case: &'c Case<'c>,
    pub(crate) chance: C,
    pub(crate) disk: Disk,
    pub(crate) server: Server,
    pub(crate) coverage: Coverage,
    pub(crate) limits: Limits,
    /// Microseconds since the beginning, over all lives.
    pub(crate) now: u64,
    /// What the wall clock is wrong by, in milliseconds.
    skew: i64,
    /// Hazards that struck, as bits.
    pub(crate) struck: u64,
    /// Requests that their sender has given up, and that arrive all the same.
    strays: Vec<(u64, Request)>,
    pub(crate) taken_up: bool,
    pub(crate) broken: Vec<String>,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) healed: bool,
    pub(crate) steps: u64,
    pub(crate) lives: u64,
    /// When the first byte under each key left.
    pub(crate) first_sent: BTreeMap<Digest, u64>,
    /// Nothing may arrive before this, by what was committed.
    paused_until: u64,
    /// What this life got to show at the door.
    pub(crate) token: Option<Token>,
    /// Number of the import that is on.
    number: u64,
    /// What imports before this one have claimed of each row: delivered, in doubt.
    pub(crate) claims: BTreeMap<String, [u64; 2]>,
}

/// One life's own.
pub(crate) struct Life {
    due: BTreeMap<(u64, u64), Due>,
    order: u64,
    entries: Vec<(u64, Box<Entry>)>,
    clerk_called: bool,
    formed_at: u64,
    /// Of the input, if it is a pipe.
    silence: Silence,
    wake: Option<Moment>,
    assembler: Arc<Assembler>,
    pub(crate) in_flight: usize,
    failed: bool,
}

macro_rules! note {
    ($world:expr, $($words:tt)*) => {
        if let Some(trace) = &mut $world.trace {
            trace.push(format!("{:>12} {}", $world.now, format_args!($($words)*)));
        }
    };
}

impl<'c, C: Chance> World<'c, C> {
    pub(crate) fn new(case: &'c Case<'c>, chance: C, limits: Limits) -> Self {
        Self::beside(case, chance, limits, false)
    }

    /// `beside`: with the real ledger beside its model.
    pub(crate) fn beside(case: &'c Case<'c>, chance: C, limits: Limits, beside: bool) -> Self {
        Self {
            server: Server::new(case.kind.manners),
            case,
            chance,
            disk: Disk::new(beside),
            coverage: Coverage::default(),
            limits,
            now: 0,
            skew: 0,
            struck: 0,
            strays: Vec::new(),
            taken_up: false,
            broken: Vec::new(),
            trace: None,
            healed: false,
            steps: 0,
            lives: 0,
            first_sent: BTreeMap::new(),
            paused_until: 0,
            token: None,
            number: 1,
            claims: BTreeMap::new(),
        }
    }

    pub(crate) fn breaks(&mut self, what: String) {
        note!(self, "BROKEN {what}");
        self.broken.push(what);
    }

    pub(crate) fn strikes(&mut self, hazard: Hazard, stage: Stage) -> bool {
        let strikes = self.case.kind.suits(hazard) && self.chance.strikes(hazard);
        if strikes {
            note!(self, "{hazard:?} at {stage:?}");
            self.struck |= 1 << (hazard as u8);
            self.coverage.count(hazard, stage);
        }
        strikes
    }

    pub(crate) fn wall(&self) -> WallTime {
        WallTime::from_millis(WALL + self.skew + (self.now / 1000) as i64)
    }

    fn clocks(&self) -> Now {
        Now { tick: Moment::from_micros(self.now), wall: self.wall() }
    }

    /// Some time between the two, in microseconds.
    pub(crate) fn while_(&mut self, least: u64, most: u64) -> u64 {
        if self.limits.jitters { least + self.chance.pick(most - least + 1) } else { least.min(1) }
    }

    /// One life of the process, from its start to its end or death.
    pub(crate) fn life(&mut self) -> Ended {
        self.lives += 1;
        self.now += 1_000_000;
        if self.strikes(Hazard::ClockForward, Stage::Opening) {
            self.skew += 3_600_000 * (1 + self.chance.pick(30) as i64);
        }
        if self.strikes(Hazard::ClockBack, Stage::Opening) {
            self.skew -= 365 * 86_400_000;
        }
        self.other_limits();
        let takes_up = self.takes_up();
        match self.disk.import.as_ref().map(|import| import.state) {
            Some(ImportState::Complete(_)) if !(takes_up && self.disk.tally.in_doubt > 0) => {
                return Ended::Finished;
            }
            Some(ImportState::Complete(_)) => self.disk.reopen(),
            _ => {}
        }
        if self.disk.import.is_none() {
            if self.crashes(Stage::Opening) {
                return Ended::Died;
            }
            self.disk.begin(self.import());
        }
        if self.crashes(Stage::Opening) {
            return Ended::Died;
        }
        self.run(takes_up)
    }

    /// A run that goes on may be told other limits than the one before.
    fn other_limits(&mut self) {
        if self.disk.import.is_some() && self.strikes(Hazard::OtherLimits, Stage::Opening) {
            self.limits.rows =
                (1 + self.chance.pick(7)).min(self.case.kind.target.limits().rows.unwrap_or(8));
            self.limits.slots = 1 + self.chance.pick(4) as u32;
        }
    }

    /// A run may be told to stop before its end: after so many rows, so many refusals, so much time.
    fn stops_early(&mut self, policy: &mut Policy) -> Option<u64> {
        policy.tell = self.chance.pick(3) == 1;
        if self.healed {
            return None;
        }
        if self.chance.pick(12) == 1 {
            policy.max_rejects = Some(MaxRejects::Rows(self.chance.pick(4)));
        }
        if self.chance.pick(12) == 1 {
            policy.max_elapsed = Some(Duration::from_millis(1 + self.chance.pick(3000)));
        }
        if self.chance.pick(6) == 1 {
            let per = Duration::from_secs(1);
            policy.request_rates.push(Rate { amount: NonZeroU32::new(10).expect("ten"), per });
        }
        (self.chance.pick(8) == 1).then(|| self.chance.pick(20))
    }

    /// A person may decide that rows in doubt go again.
    fn takes_up(&mut self) -> bool {
        let takes_up = self.disk.tally.in_doubt > 0 && self.strikes(Hazard::TakesUp, Stage::Opening);
        self.taken_up |= takes_up;
        takes_up
    }

    fn import(&self) -> ImportRecord {
        let (identity, number) = (self.case.kind.target.identity(), self.number);
        let id = ImportId::derive(identity, &[(Digest::of(&self.case.text), 1)], number);
        ImportRecord { number, id, identity, state: ImportState::Open }
    }

    /// The import is complete, and the same rows are imported once more under the same state (`--again`).
    pub(crate) fn again(&mut self) {
        note!(self, "the same rows once more");
        let places = self.partition();
        self.claim(&places);
        self.number += 1;
        let import = self.import();
        self.disk.again(import);
    }

    fn run(&mut self, takes_up: bool) -> Ended {
        let case = self.case;
        self.token = None;
        let recovered = self.disk.recover();
        self.sum_up_broken();
        if let Some(until) = recovered.pause_until {
            let left = until.age_of(self.wall()).unwrap_or_default().min(case.kind.policy.max_wait);
            self.paused_until = self.now + left.as_micros() as u64;
        }
        let import = recovered.import.id;
        let text = Arc::clone(&case.text);
        let (silence, pipe) = (Silence::never(), self.limits.pipe);
        let falls = silence.clone();
        let reader = move || -> Box<dyn Read + Send> {
            let text = Arc::clone(&text);
            if pipe { Box::new(Drip::new(text, falls.clone())) } else { Box::new(Bytes::new(text)) }
        };
        let inputs = vec![(NAME.to_owned(), reader())];
        let source = match &recovered.cursor {
            None => Source::over(inputs, &case.layout),
            Some(cursor) => Source::resume_over(inputs, &case.layout, cursor, &mut |_| {}),
        };
        let source = source.unwrap_or_else(|error| panic!("I24: the input is refused: {error}"));
        let limits = BatchLimits { rows: self.limits.rows, bytes: self.limits.bytes };
        let target = Arc::clone(&case.kind.target);
        let assembler = Arc::new(Assembler::new(target, import, limits));
        let names: Arc<[String]> = vec![NAME.to_owned()].into();
        let mut rereader =
            Rereader::over(Box::new(move |_| Ok(reader())), vec![NAME.to_owned()], &case.layout);
        let mut policy = case.kind.policy.clone();
        policy.concurrency = Concurrency::Fixed(self.limits.slots);
        policy.batch_rows = self.limits.rows;
        policy.take_up_doubt = takes_up;
        policy.keep_rows = self.limits.pipe;
        if self.healed && policy.on_ambiguous == OnAmbiguous::Stop {
            // The person who was asked has decided.
            policy.on_ambiguous = OnAmbiguous::Hold;
        }
        if takes_up {
            policy.on_ambiguous = OnAmbiguous::Resend;
        }
        let limit = self.stops_early(&mut policy);
        let mut former = Former::new(source, Arc::clone(&assembler), Arc::clone(&names), limit);
        if pipe {
            former = former.closing_at(Duration::from_secs(5));
        }
        let seed = self.chance.pick(u64::MAX);
        let mut engine = Engine::new(policy, Arc::clone(&assembler), names, seed, recovered, self.clocks());
        let mut life = Life {
            due: BTreeMap::new(),
            order: 0,
            entries: Vec::new(),
            clerk_called: false,
            formed_at: self.now,
            silence,
            wake: None,
            assembler,
            in_flight: 0,
            failed: false,
        };
        if self.strikes(Hazard::Signal, Stage::Opening) {
            let within = if self.chance.pick(2) == 0 { 100_000 } else { 3_000_000 };
            let at = self.while_(0, within);
            self.put(&mut life, at, Due::Signal);
        }
        self.put(&mut life, 0, Due::Event(Box::new(Event::Woke)));
        self.go(&mut engine, &mut life, &mut former, &mut rereader)
    }

    fn sum_up_broken(&mut self) {
        self.broken.append(&mut self.disk.broken);
        self.broken.append(&mut self.server.broken);
    }

    pub(crate) fn put(&mut self, life: &mut Life, after: u64, due: Due) {
        life.order += 1;
        life.due.insert((self.now + after, life.order), due);
    }

    fn go(
        &mut self,
        engine: &mut Engine,
        life: &mut Life,
        former: &mut Former,
        rereader: &mut Rereader,
    ) -> Ended {
        for _ in 0..STEPS_MAX {
            let next = life.due.first_key_value().map(|((at, _), _)| *at);
            let wake = life.wake.map(Moment::micros);
            let event = match (next, wake) {
                (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                    self.pass_to(at);
                    let (_, due) = life.due.pop_first().expect("it was just seen");
                    match self.meet(life, due, former, rereader, engine) {
                        Met::Event(event) => event,
                        Met::Nothing => continue,
                        Met::Death => return self.die(life),
                        Met::Ending(ending) => return self.finish(engine, life, &ending),
                    }
                }
                (_, Some(at)) => {
                    self.pass_to(at);
                    Event::Woke
                }
                _ => {
                    self.breaks("I19: nothing happens any more, and the run has not ended".to_owned());
                    return Ended::Died;
                }
            };
            if let Some(ending) = self.step(engine, life, event) {
                return self.finish(engine, life, &ending);
            }
            if !self.broken.is_empty() {
                return Ended::Died;
            }
        }
        self.breaks("I19: the run does not end".to_owned());
        Ended::Died
    }

    /// Time goes on; what its sender has given up may arrive meanwhile.
    fn pass_to(&mut self, at: u64) {
        while let Some(next) = (0..self.strays.len()).min_by_key(|at| self.strays[*at].0)
            && self.strays[next].0 <= at
        {
            let (when, request) = self.strays.swap_remove(next);
            self.now = self.now.max(when);
            note!(self, "a stray request arrives");
            self.server.handle(&request, self.now, false);
        }
        self.now = self.now.max(at);
    }

    fn step(&mut self, engine: &mut Engine, life: &mut Life, event: Event) -> Option<Ending> {
        self.steps += 1;
        self.now += 1;
        note!(self, "< {}", brief(&event));
        if matches!(event, Event::LedgerFailed(_)) {
            life.failed = true;
        }
        let mut commands = Vec::new();
        engine.step(self.clocks(), event, &mut commands);
        if !engine.books().tally().balances() {
            self.breaks(format!("I1: the books do not balance: {:?}", engine.books().tally()));
        }
        self.carry_out(life, commands)
    }

    fn carry_out(&mut self, life: &mut Life, commands: Vec<Command>) -> Option<Ending> {
        life.wake = None;
        let mut ending = None;
        for command in commands {
            if life.failed && !matches!(command, Command::Finish(_)) {
                self.breaks("I22: something was asked for after the ledger failed".to_owned());
            }
            match command {
                Command::Form { batches } => {
                    let after = self.in_line(life);
                    self.put(life, after, Due::Form { batches });
                }
                Command::Rebuild { seq, start, rows, state } => {
                    let after = self.in_line(life);
                    self.put(life, after, Due::Rebuild { seq, start, rows, state });
                }
                // Its forming never waits.
                Command::StopWaiting => {}
                Command::Recall { seq } => {
                    let rows = self.disk.recall(seq);
                    let after = self.while_(10, 3000);
                    self.put(life, after, Due::Event(Box::new(Event::Recalled { seq, rows })));
                }
                Command::LookUp { seq, group } => {
                    let begun = self.disk.begun(group);
                    let after = self.while_(10, 3000);
                    self.put(life, after, Due::Event(Box::new(Event::LookedUp { seq, begun })));
                }
                Command::Commit { ticket, entry } => {
                    note!(self, "> commit {ticket} {}", entry_brief(&entry));
                    life.entries.push((ticket, entry));
                    self.call_clerk(life);
                }
                Command::Send { seq, load, about } => {
                    self.watch_send(life, seq, &load, &about);
                    match calls::request(&life.assembler, &load, &about, TIMEOUT) {
                        Err(answer) => {
                            let event = Event::Answered { seq, answer: *answer };
                            self.put(life, 1, Due::Event(Box::new(event)));
                        }
                        Ok(request) => {
                            let call = Call::Send { attempt: about.attempt() };
                            self.depart(life, Flight { seq, call, request, load });
                        }
                    }
                }
                Command::Poll { seq, job, load } => match life.assembler.target().poll(&job, TIMEOUT) {
                    Err(why) => {
                        let target = life.assembler.target();
                        let event = calls::polled(target, seq, &job, &load, Err(why), self.wall());
                        self.put(life, 1, Due::Event(Box::new(event)));
                    }
                    Ok(request) => self.depart(life, Flight { seq, call: Call::Poll { job }, request, load }),
                },
                Command::ReadState { seq, load, known } => {
                    match calls::state_request(&life.assembler, seq, &load, &known, TIMEOUT) {
                        Err(event) => self.put(life, 1, Due::Event(event)),
                        Ok(request) => {
                            self.depart(life, Flight { seq, call: Call::ReadState { known }, request, load });
                        }
                    }
                }
                Command::Verify { seq, load, about } => {
                    match calls::verify_request(&life.assembler, seq, &load, &about, TIMEOUT) {
                        Err(event) => self.put(life, 1, Due::Event(event)),
                        Ok(request) => self.depart(life, Flight { seq, call: Call::Verify, request, load }),
                    }
                }
                Command::Renew => {
                    let after = self.while_(50, 20_000);
                    self.put(life, after, Due::Renew);
                }
                Command::WakeAt(at) => life.wake = Some(at),
                Command::Tell(_) => self.put(life, 1, Due::Event(Box::new(Event::Told(None)))),
                Command::Finish(end) => ending = Some(end),
            }
        }
        ending
    }

    /// The forming thread does one thing after the other.
    fn in_line(&mut self, life: &mut Life) -> u64 {
        let took = self.while_(10, 3000);
        life.formed_at = life.formed_at.max(self.now) + took;
        life.formed_at - self.now
    }

    fn call_clerk(&mut self, life: &mut Life) {
        if !life.clerk_called {
            life.clerk_called = true;
            let after = self.while_(100, 8000);
            self.put(life, after, Due::Clerk);
        }
    }

    fn depart(&mut self, life: &mut Life, mut flight: Flight) {
        match &self.token {
            Some(token) => self.case.kind.target.authorize(&mut flight.request, token),
            None if self.case.kind.policy.renewable => {
                self.breaks("I7: a request leaves before there is a token".to_owned());
            }
            None => {}
        }
        life.in_flight += 1;
        let after = self.while_(50, 20_000);
        self.put(life, after, Due::Arrive(Box::new(flight)));
    }

    fn meet(
        &mut self,
        life: &mut Life,
        due: Due,
        former: &mut Former,
        rereader: &mut Rereader,
        engine: &mut Engine,
    ) -> Met {
        match due {
            Due::Form { .. } if self.crashes(Stage::Forming) => Met::Death,
            Due::Form { batches } => {
                let aged = self.limits.pipe && self.strikes(Hazard::Aged, Stage::Forming);
                let lines = 1 + self.chance.pick(self.limits.rows);
                life.silence.after(if aged { lines } else { u64::MAX });
                Met::Event(former.form(batches, self.wall()))
            }
            Due::Rebuild { .. } if self.crashes(Stage::Rebuilding) => Met::Death,
            Due::Rebuild { seq, start, rows, state } => {
                Met::Event(rebuild(rereader, &life.assembler, seq, start, &rows, state.as_ref()))
            }
            Due::Clerk => self.write(life),
            Due::Arrive(flight) => {
                if self.crashes(flight.stage()) {
                    let arrives = self.strikes(Hazard::RequestLate, flight.stage());
                    if arrives {
                        self.stray(&flight, 0, 90_000_000);
                    }
                    return Met::Death;
                }
                self.arrive(life, *flight);
                Met::Nothing
            }
            Due::Land(flight, _) if self.crashes(flight.stage()) => Met::Death,
            Due::Land(flight, came) => {
                life.in_flight -= 1;
                Met::Event(self.land(*flight, came))
            }
            Due::Event(event) => Met::Event(*event),
            Due::Renew | Due::Renewed(_) if self.crashes(Stage::Renewing) => Met::Death,
            Due::Renew => {
                let came = self.token();
                let soon = self.while_(50, 30_000);
                self.put(life, soon, Due::Renewed(came));
                Met::Nothing
            }
            Due::Renewed(came) => {
                let got = calls::renewed(&self.case.kind.target, came, self.wall());
                Met::Event(Event::Renewed(got.map(|token| self.token = Some(token))))
            }
            Due::Signal => {
                let stage = Self::busiest(life);
                self.coverage.count(Hazard::Signal, stage);
                if self.strikes(Hazard::CutShort, stage) {
                    let after = self.while_(1, 20_000_000);
                    self.put(life, after, Due::CutShort);
                }
                Met::Event(Event::StopAsked)
            }
            Due::CutShort => {
                let mut commands = Vec::new();
                engine.cut_short(&mut commands);
                self.carry_out(life, commands).map_or(Met::Nothing, Met::Ending)
            }
        }
    }

    /// What goes on at this moment, for the counters.
    fn busiest(life: &Life) -> Stage {
        let flying = life.due.values().find_map(|due| match due {
            Due::Arrive(flight) | Due::Land(flight, _) => Some(flight.stage()),
            _ => None,
        });
        // A rarer state counts before one that there is always.
        let asks = life.due.values().find_map(|due| match due {
            Due::Arrive(flight) | Due::Land(flight, _) if flight.stage() == Stage::Verifying => {
                Some(Stage::Verifying)
            }
            _ => None,
        });
        asks.or(flying).or(life.entries.first().map(|(_, entry)| Stage::of(entry))).unwrap_or(Stage::Forming)
    }

    /// The ledger's thread takes all that has come, and commits it as one.
    fn write(&mut self, life: &mut Life) -> Met {
        life.clerk_called = false;
        let entries = std::mem::take(&mut life.entries);
        let plain: Vec<&Entry> = entries.iter().map(|(_, entry)| &**entry).collect();
        let stage = Stage::of(&entries[self.chance.pick(entries.len() as u64) as usize].1);
        if self.crashes(stage) {
            return Met::Death;
        }
        if self.strikes(Hazard::CommitFails, stage) {
            self.disk.fail(&plain);
            return Met::Event(Event::LedgerFailed("the disk is broken".to_owned()));
        }
        if self.strikes(Hazard::CommitFailsDurable, stage) {
            self.disk.commit(&plain);
            return Met::Event(Event::LedgerFailed("the disk is broken".to_owned()));
        }
        let noted = self.disk.commit(&plain);
        for (_, entry) in &entries {
            if let Entry::Pause { until } = &**entry {
                let left = until.age_of(self.wall()).unwrap_or_default().as_micros() as u64;
                self.paused_until = self.paused_until.max(self.now + left);
            }
        }
        if self.disk.lacks_letters() {
            if self.crashes(Stage::Letters) {
                let keep = self.chance.pick(400) as usize;
                self.disk.append_torn(keep);
                return Met::Death;
            }
            self.disk.append();
            if self.crashes(Stage::Letters) {
                return Met::Death;
            }
            self.disk.sync();
        }
        self.sum_up_broken();
        let tickets = entries.iter().map(|(ticket, _)| *ticket);
        let events: Vec<(u64, Noted)> = tickets.zip(noted).collect();
        for (ticket, noted) in events {
            self.put(life, 1, Due::Event(Box::new(Event::Committed(ticket, noted))));
        }
        Met::Nothing
    }

    pub(crate) fn crashes(&mut self, stage: Stage) -> bool {
        self.strikes(Hazard::Crash, stage)
    }

    /// The process is gone, and what is on the wire goes its own way.
    fn die(&mut self, life: &mut Life) -> Ended {
        note!(self, "the process dies");
        if self.disk.is_at_risk() && self.strikes(Hazard::PowerLoss, Stage::Letters) {
            let keep = self.chance.pick(self.disk.unsynced() as u64) as usize;
            self.disk.lose_power(keep);
        }
        self.disk.die();
        for due in std::mem::take(&mut life.due).into_values() {
            if let Due::Arrive(flight) = due
                && self.strikes(Hazard::RequestLate, flight.stage())
            {
                self.stray(&flight, 0, 60_000_000);
            }
        }
        Ended::Died
    }

    pub(crate) fn stray(&mut self, flight: &Flight, least: u64, most: u64) {
        if matches!(flight.call, Call::Send { .. }) {
            // Where nothing jitters it comes as late as it can.
            let after = if self.limits.jitters { self.while_(least, most) } else { most };
            let at = self.now + after;
            self.strays.push((at, flight.request.clone()));
        }
    }

    fn finish(&mut self, engine: &Engine, life: &mut Life, ending: &Ending) -> Ended {
        note!(self, "the run ends: {ending:?}");
        if matches!(ending.cause, Some(StopCause::Ledger(_))) {
            if ending.exit != 74 {
                self.breaks(format!("I23: the ledger failed, and the exit is {}", ending.exit));
            }
            return self.die(life);
        }
        // What was asked of the ledger before the end is written before it is closed.
        let entries = std::mem::take(&mut life.entries);
        let entries: Vec<&Entry> = entries.iter().map(|(_, entry)| &**entry).collect();
        let _ = self.disk.commit(&entries);
        self.disk.append();
        self.disk.sync();
        self.disk.close();
        self.sum_up_broken();
        self.watch_end(engine, ending);
        let _ = self.die(life);
        Ended::Finished
    }

    /// No fault any more: the clocks are right again, and nobody is on his way.
    pub(crate) fn heal(&mut self) {
        note!(self, "no more faults");
        self.chance.heal();
        self.healed = true;
        self.server.stall(false);
        self.pass_to(self.now + 120_000_000);
    }

    pub(crate) fn paused_until(&self) -> u64 {
        self.paused_until
    }

    /// What the target answers, as it comes over a wire that works.
    pub(crate) fn reply(answer: Answer) -> Reply {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Reply {
            status: answer.status,
            headers,
            body: answer.body.into(),
            body_state: bulkhaul::model::BodyState::Whole,
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "it goes from one function to the next")]
enum Met {
    Event(Event),
    Nothing,
    Death,
    Ending(Ending),
}

fn brief(event: &Event) -> String {
    match event {
        Event::Formed(formed) => format!("formed {} batches", formed.loads.len()),
        Event::Rebuilt { seq, .. } => format!("rebuilt {}", seq.0),
        Event::Committed(ticket, noted) => format!("committed {ticket} {noted:?}"),
        Event::Answered { seq, answer } => {
            format!("answered {} {:?} {:?}", seq.0, answer.status, answer.outcome)
        }
        other => format!("{other:?}"),
    }
}

fn entry_brief(entry: &Entry) -> String {
    match entry {
        Entry::Plan { batches, refused, .. } => {
            let batches: Vec<String> = batches
                .iter()
                .map(|batch| {
                    format!("{}={:?}", batch.seq.0, batch.rows.iter().map(|o| o.0).collect::<Vec<_>>())
                })
                .collect();
            format!("Plan {batches:?}, {} refused", refused.len())
        }
        Entry::Finish { seq, end, refused, children, .. } => {
            let children: Vec<String> = children
                .iter()
                .map(|child| {
                    format!("{}={:?}", child.seq.0, child.rows.iter().map(|o| o.0).collect::<Vec<_>>())
                })
                .collect();
            format!("Finish {} {end:?} {} refused {children:?}", seq.0, refused.len())
        }
        Entry::Refuse { refused, .. } => format!("Refuse {}", refused.len()),
        other => format!("{other:?}"),
    }
}
