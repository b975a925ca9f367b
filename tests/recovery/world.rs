//! A small world around the real engine, target, forming and ledger: a server that can be told to lose answers, a
//! process that can be told to die after any commit, and a ledger from which one kind of entry can be left out.

use bulkhaul::drive::{Former, calls, rebuild};
use bulkhaul::edge::ledger::Ledger;
use bulkhaul::edge::source::{Format, Layout, Rereader, Source};
use bulkhaul::engine::{
    Assembler, Backoff, BatchLimits, Command, Concurrency, Ending, Engine, Event, OnAmbiguous, Policy,
};
use bulkhaul::model::{
    BodyState, Digest, Entry, Fault, ImportId, ImportRecord, ImportState, Moment, Noted, Now, Reply, Request,
    WallTime,
};
use bulkhaul::target::{Overrides, Profile, Target};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{Cursor as Bytes, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A target that remembers keys (if they are sent), takes so many rows, and can lose its answers.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) applied: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) polls: usize,
    pub(crate) lose_answers: bool,
    pub(crate) max_rows: usize,
    answers: HashMap<String, (u16, String)>,
    jobs: Vec<Value>,
}

impl Server {
    fn answer(&mut self, request: &Request) -> Result<Reply, Fault> {
        if request.method == "GET" {
            self.polls += 1;
            let number: usize = request.url.rsplit('/').next().unwrap().parse().unwrap();
            return Ok(reply(200, &json!({"status": "completed", "results": self.jobs[number]})));
        }
        let key =
            request.headers.iter().find(|(name, _)| name == "idempotency-key").map(|(_, key)| key.clone());
        self.keys.push(key.clone().unwrap_or_default());
        let known = key.as_ref().and_then(|key| self.answers.get(key)).cloned();
        let (status, body) = known.unwrap_or_else(|| self.handle(request));
        if let Some(key) = key {
            self.answers.insert(key, (status, body.clone()));
        }
        if self.lose_answers {
            return Err(Fault::Broken("the connection was closed".into()));
        }
        Ok(reply(status, &serde_json::from_str(&body).unwrap()))
    }

    fn handle(&mut self, request: &Request) -> (u16, String) {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let rows = body.as_object().map_or(&body, |body| body.values().next().unwrap()).as_array().unwrap();
        if self.max_rows > 0 && rows.len() > self.max_rows {
            return (413, "{}".into());
        }
        let result = |row: &Value| match row["bad"].as_str() {
            Some("yes") => json!({"id": row["id"], "status": "error", "error": "bad"}),
            _ => json!({"id": row["id"], "status": "ok"}),
        };
        let results: Vec<Value> = rows.iter().map(result).collect();
        let good = rows.iter().filter(|row| row["bad"] != "yes");
        self.applied.extend(good.map(|row| row["id"].as_str().unwrap().to_owned()));
        if request.url.contains("/imports/") {
            self.jobs.push(json!(results));
            let path = format!("/api/imports/batch/{}", self.jobs.len() - 1);
            return (202, json!({"job_id": path, "status_url": path}).to_string());
        }
        (200, json!({"results": results}).to_string())
    }

    /// How often each row was applied.
    pub(crate) fn times(&self) -> BTreeMap<&str, usize> {
        let mut times = BTreeMap::new();
        for id in &self.applied {
            *times.entry(id.as_str()).or_default() += 1;
        }
        times
    }
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().into(),
        body_state: BodyState::Whole,
    }
}

/// Which entries are left out of the ledger, though it says that they are durable.
pub(crate) type LeftOut = fn(&Entry) -> bool;

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) dir: TempDir,
    pub(crate) left_out: LeftOut,
    pub(crate) batch_rows: u64,
    pub(crate) on_ambiguous: OnAmbiguous,
    /// Beside the ledger, if not said.
    pub(crate) dead_letters_at: Option<PathBuf>,
    /// The input can be read once: a run that rereads it fails.
    pub(crate) keep_rows: bool,
    csv: String,
    target: Arc<Target>,
    micros: u64,
}

/// How a run went.
#[derive(Debug)]
pub(crate) enum Ended {
    Finished(Ending),
    Died,
}

impl World {
    /// `target` is a built-in's name, or a URL without keys.
    pub(crate) fn new(target: &str, csv: &str) -> Self {
        let profile = if target.contains("://") {
            Profile::for_url(target, None, None, None, "POST").unwrap()
        } else {
            Profile::builtin(target).unwrap()
        };
        let takes_base = profile.params().iter().any(|param| param.name == "base");
        let base = ("base".to_owned(), "http://target.test".to_owned());
        let values: BTreeMap<String, String> = takes_base.then_some(base).into_iter().collect();
        let overrides = Overrides { unsigned: true, ..Overrides::default() };
        let target = Target::compile(&profile, &values, &[], &overrides).unwrap();
        let shared = PathBuf::from("/dev/shm");
        let dir = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        Self {
            server: Server::default(),
            dir: dir.unwrap(),
            left_out: |_| false,
            batch_rows: 4,
            on_ambiguous: OnAmbiguous::Hold,
            dead_letters_at: None,
            keep_rows: false,
            csv: csv.to_owned(),
            target: Arc::new(target),
            micros: 0,
        }
    }

    fn policy(&self) -> Policy {
        let keys = self.target.idempotency();
        Policy {
            concurrency: Concurrency::Fixed(2),
            request_rates: Vec::new(),
            row_rates: Vec::new(),
            byte_rates: Vec::new(),
            batch_bytes: 1 << 20,
            batch_rows: self.batch_rows,
            backoff: Backoff::default(),
            attempts: 4,
            first_attempts: 4,
            max_wait: Duration::from_secs(3600),
            max_elapsed: None,
            max_rejects: None,
            on_ambiguous: self.on_ambiguous,
            repeatable: keys.honoured(),
            upserts: false,
            commits_after: false,
            key_first: keys.key_first,
            key_ttl: keys.honoured().then(|| Duration::from_secs(86400)),
            polling: self.target.polling(),
            jobs_max: 8,
            row_attempts: 8,
            renewable: false,
            take_up_doubt: false,
            tell: false,
            keep_rows: self.keep_rows,
            expect_rows: None,
            doubted: None,
        }
    }

    fn now(&self) -> Now {
        let millis = i64::try_from(self.micros / 1000).unwrap();
        Now { tick: Moment::from_micros(self.micros), wall: WallTime::from_millis(1_000_000 + millis) }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let beside = self.dir.path().join("dead-letters.ndjson");
        let letters = self.dead_letters_at.as_ref().unwrap_or(&beside);
        Ledger::open(&self.dir.path().join("ledger.db"), letters).unwrap()
    }

    /// One run of the process. It dies right after an entry for which `dies` holds became durable, or comes to its
    /// end.
    pub(crate) fn run(&mut self, dies: impl Fn(&Entry) -> bool) -> Ended {
        self.run_until(|_| false, dies)
    }

    /// As `run`, and it may also die with an entry in hand that is not durable yet.
    pub(crate) fn run_until(
        &mut self,
        dies_before: impl Fn(&Entry) -> bool,
        dies: impl Fn(&Entry) -> bool,
    ) -> Ended {
        let mut ledger = self.ledger();
        let layout = Layout::new(Format::Csv { delimiter: b',' });
        let id = ImportId::derive(Digest::of(b"target"), &[(Digest::of(self.csv.as_bytes()), 1)], 1);
        let newest = ledger.newest().unwrap();
        if let Some(found) = &newest
            && let ImportState::Complete(exit) = found.import.state
        {
            return Ended::Finished(Ending { exit, cause: None });
        }
        if newest.is_none() {
            let import = ImportRecord { number: 1, id, identity: Digest::of(b"t"), state: ImportState::Open };
            ledger.begin(&import, "[]").unwrap();
        }
        let recovered = ledger.recover(1).unwrap();
        let text = self.csv.clone();
        let reader = move || -> Box<dyn Read + Send> { Box::new(Bytes::new(text.clone().into_bytes())) };
        let inputs = vec![("x.csv".to_owned(), reader())];
        let source = match &recovered.cursor {
            None => Source::over(inputs, &layout).unwrap(),
            Some(cursor) => Source::resume_over(inputs, &layout, cursor, &mut |_| {}).unwrap(),
        };
        let limits = BatchLimits { rows: self.batch_rows, bytes: 1 << 20 };
        let assembler = Arc::new(Assembler::new(Arc::clone(&self.target), id, limits));
        let names: Arc<[String]> = vec!["x.csv".to_owned()].into();
        let mut former = Former::new(source, Arc::clone(&assembler), Arc::clone(&names), None);
        let mut rereader = Rereader::over(Box::new(move |_| Ok(reader())), vec!["x.csv".to_owned()], &layout);
        let mut engine = Engine::new(self.policy(), Arc::clone(&assembler), names, 7, recovered, self.now());
        let mut events = VecDeque::from([Event::Woke]);
        let mut wake = None;
        for _ in 0..100_000 {
            let event = events.pop_front().unwrap_or_else(|| {
                let at: Moment = wake.take().expect("nothing happens any more, and nothing is waited for");
                self.micros = self.micros.max(at.micros());
                Event::Woke
            });
            self.micros += 10;
            let mut commands = Vec::new();
            engine.step(self.now(), event, &mut commands);
            wake = None;
            for command in commands {
                match command {
                    Command::Form { batches } => events.push_back(former.form(batches, self.now().wall)),
                    Command::StopWaiting => {}
                    Command::Recall { seq } => {
                        let rows = ledger.recall(seq).unwrap();
                        events.push_back(Event::Recalled { seq, rows });
                    }
                    Command::Rebuild { seq, start, rows, state } => {
                        assert!(!self.keep_rows, "the input cannot be read again");
                        let state = state.as_ref();
                        events.push_back(rebuild(&mut rereader, &assembler, seq, start, &rows, state));
                    }
                    Command::Commit { ticket, entry } => {
                        if dies_before(&entry) {
                            return Ended::Died;
                        }
                        let mut noted = Noted::default();
                        if !(self.left_out)(&entry) {
                            noted = ledger.apply(std::iter::once(&*entry)).unwrap().remove(0);
                        }
                        if dies(&entry) {
                            // Not closed: what was not committed is not there.
                            return Ended::Died;
                        }
                        events.push_back(Event::Committed(ticket, noted));
                    }
                    Command::Send { seq, load, about: sent } => {
                        let timeout = Duration::from_secs(60);
                        let request = calls::request(&assembler, &load, &sent, timeout).unwrap();
                        let came = self.server.answer(&request);
                        let answer =
                            calls::answer(&self.target, &load, sent.attempt(), came, self.now().wall);
                        events.push_back(Event::Answered { seq, answer });
                    }
                    Command::LookUp { .. }
                    | Command::ReadState { .. }
                    | Command::Verify { .. }
                    | Command::Renew => {
                        unreachable!("these targets know no groups, no questions and no renewal")
                    }
                    Command::Poll { seq, job, load } => {
                        let request = self.target.poll(&job, Duration::from_secs(60)).unwrap();
                        let came = Ok(self.server.answer(&request).unwrap());
                        let wall = self.now().wall;
                        events.push_back(calls::polled(&self.target, seq, &job, &load, came, wall));
                    }
                    Command::WakeAt(at) => wake = Some(at),
                    Command::Tell(_) => events.push_back(Event::Told(None)),
                    Command::Finish(ending) => {
                        ledger.close().unwrap();
                        return Ended::Finished(ending);
                    }
                }
            }
        }
        panic!("the run does not end");
    }

    /// Runs to the end, and gives back the exit code.
    pub(crate) fn finish(&mut self) -> u8 {
        match self.run(|_| false) {
            Ended::Finished(ending) => ending.exit,
            Ended::Died => unreachable!("nothing kills it"),
        }
    }

    pub(crate) fn dead_letters(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("dead-letters.ndjson")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
