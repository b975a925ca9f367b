//! The target of a play: it keeps the newest row of each key, knows keys if it can, meets requests with trouble, and ends
//! the command that sends them when its time has come.

use super::play::{End, Signal, Target, is_refused};
use crate::support::server::{Answer, Got, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What has happened to a row, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Applied(String, String),
    /// It was here, and was not applied.
    Reached(String, String),
    /// It was deleted, or was to be.
    Deleted(String),
    /// A command was ended with this in its hands, or may have been: it may have left, for all that is known.
    Offered(String, String),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) target: Target,
    pub(super) store: BTreeMap<String, String>,
    pub(super) events: Vec<Event>,
    /// What happened, for people.
    pub(super) told: String,
    answers: BTreeMap<String, (u16, Value)>,
    chance: fastrand::Rng,
    /// Of the command that is on.
    pub(super) process: Option<u32>,
    pub(super) trouble: u32,
    pub(super) end: Option<End>,
    pub(super) requests: u64,
    pub(super) was_ended: bool,
    /// Rows of which a command was told that they are refused, and that were not applied since.
    pub(super) refused: BTreeSet<(String, String)>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    /// Nothing of it is applied, and no answer comes.
    Dropped,
    /// All of it is applied, and no answer comes.
    AnswerLost,
    /// 500, applied or not.
    Fails(bool),
    Throttled,
    TooLarge,
    /// One of its rows is refused.
    RefusesOne,
}

impl World {
    pub(super) fn start(target: Target, seed: u64) -> (Server, Arc<Mutex<Self>>) {
        let world = Arc::new(Mutex::new(Self {
            target,
            store: BTreeMap::new(),
            events: Vec::new(),
            told: String::new(),
            answers: BTreeMap::new(),
            chance: fastrand::Rng::with_seed(seed ^ 0x5eed),
            process: None,
            trouble: 0,
            end: None,
            requests: 0,
            was_ended: false,
            refused: BTreeSet::new(),
        }));
        let own = Arc::clone(&world);
        (Server::saying(move |got, _| own.lock().unwrap().meet(got)), world)
    }

    /// From here on requests are this command's.
    pub(super) fn turn_to(&mut self, trouble: u32, end: Option<End>) {
        (self.trouble, self.end) = (trouble, end);
        (self.requests, self.was_ended) = (0, false);
    }

    pub(super) fn tell(&mut self, line: &str) {
        self.told.push_str(line);
        self.told.push('\n');
    }

    fn meet(&mut self, got: &Got) -> Option<Answer> {
        self.requests += 1;
        let mut fate = self.fate(&got.method);
        let is_last = self.end.is_some_and(|end| end.request == self.requests);
        if let Some(end) = self.end.filter(|_| is_last) {
            if end.signal == Signal::Kill || !end.is_applied {
                fate = if end.is_applied { Fate::AnswerLost } else { Fate::Dropped };
            }
            self.was_ended = true;
        }
        let said = self.says(got, fate);
        let kind = if got.method == "POST" { &got.body } else { &got.path };
        let status = said.as_ref().map_or("-".into(), |(status, _)| status.to_string());
        self.tell(&format!("    {}. {} {kind}: {fate:?} {status}", self.requests, got.method));
        if let Some(end) = self.end.filter(|_| is_last) {
            self.tell(&format!("    {:?}", end.signal));
            let signal = if end.signal == Signal::Kill { "-KILL" } else { "-TERM" };
            let process = self.process.expect("a command is on").to_string();
            std::process::Command::new("kill").args([signal, &process]).status().unwrap();
        }
        let (status, body) = said?;
        let mut answer = Answer::json(status, &body);
        if status == 429 {
            answer.headers.push(("retry-after".into(), "0".into()));
        }
        Some(answer)
    }

    fn fate(&mut self, method: &str) -> Fate {
        if self.chance.u32(0..100) >= self.trouble {
            return Fate::Fine;
        }
        let is_post = method == "POST";
        match self.chance.u8(0..100) {
            0..25 => Fate::Dropped,
            25..55 => Fate::AnswerLost,
            55..65 => Fate::Fails(self.chance.bool()),
            65..75 => Fate::Throttled,
            75..85 if is_post => Fate::TooLarge,
            85..100 if method != "GET" => Fate::RefusesOne,
            _ => Fate::Fine,
        }
    }

    fn says(&mut self, got: &Got, fate: Fate) -> Option<(u16, Value)> {
        match got.method.as_str() {
            "POST" => self.take(got, fate),
            "DELETE" => self.delete(&got.path, fate),
            _ => self.look_up(&got.path, fate),
        }
    }

    fn take(&mut self, got: &Got, fate: Fate) -> Option<(u16, Value)> {
        let rows: Vec<Value> = serde_json::from_str(&got.body).unwrap();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let rows: Vec<(String, String)> =
            rows.iter().map(|row| (text(row, "id"), text(row, "value"))).collect();
        let key = got.header("idempotency-key").filter(|_| self.target.knows_keys).map(str::to_owned);
        let known = key.as_ref().and_then(|key| self.answers.get(key)).cloned();
        let before = |world: &mut Self| {
            world.events.extend(rows.iter().cloned().map(|(id, value)| Event::Reached(id, value)));
        };
        match fate {
            Fate::Dropped | Fate::Fails(false) | Fate::Throttled => {
                before(self);
                return match fate {
                    Fate::Dropped => None,
                    Fate::Throttled => Some((429, json!({}))),
                    _ => Some((500, json!({}))),
                };
            }
            _ => {}
        }
        let said = known.unwrap_or_else(|| {
            if fate == Fate::TooLarge {
                before(self);
                (413, json!({}))
            } else {
                self.apply(&rows, fate)
            }
        });
        if let Some(key) = key {
            self.answers.insert(key, said.clone());
        }
        match fate {
            Fate::AnswerLost => None,
            Fate::Fails(_) => Some((500, json!({}))),
            _ => {
                self.note_refused(&rows, &said);
                Some(said)
            }
        }
    }

    /// Which rows a command was told to be refused.
    fn note_refused(&mut self, rows: &[(String, String)], (status, body): &(u16, Value)) {
        if matches!(status, 413 | 422) {
            self.refused.extend(rows.iter().cloned());
        }
        let results = body["results"].as_array().into_iter().flatten();
        for (row, result) in rows.iter().zip(results) {
            if result["status"] == "error" {
                self.refused.insert(row.clone());
            }
        }
    }

    fn apply(&mut self, rows: &[(String, String)], fate: Fate) -> (u16, Value) {
        let one = (fate == Fate::RefusesOne).then(|| self.chance.usize(0..rows.len()));
        let is_bad =
            |(index, (_, value)): (usize, &(String, String))| is_refused(value) || Some(index) == one;
        let bad: Vec<bool> = rows.iter().enumerate().map(is_bad).collect();
        let is_refused = self.target.is_atomic && bad.contains(&true);
        let mut results = Vec::new();
        for ((id, value), is_bad) in rows.iter().zip(bad) {
            results.push(json!({"id": id, "status": if is_bad { "error" } else { "ok" }}));
            self.events.push(if is_bad || is_refused {
                Event::Reached(id.clone(), value.clone())
            } else {
                self.store.insert(id.clone(), value.clone());
                self.refused.remove(&(id.clone(), value.clone()));
                Event::Applied(id.clone(), value.clone())
            });
        }
        match (self.target.is_atomic, is_refused) {
            (true, true) => (422, json!({})),
            (true, false) => (200, json!({})),
            (false, _) => (200, json!({"results": results})),
        }
    }

    fn delete(&mut self, path: &str, fate: Fate) -> Option<(u16, Value)> {
        let id = path.rsplit('/').next().unwrap().to_owned();
        self.events.push(Event::Deleted(id.clone()));
        match fate {
            Fate::Dropped => return None,
            Fate::Fails(false) => return Some((500, json!({}))),
            Fate::Throttled => return Some((429, json!({}))),
            Fate::RefusesOne => return Some((422, json!({"code": "kept"}))),
            _ => {}
        }
        let was_there = self.store.remove(&id).is_some();
        match fate {
            Fate::AnswerLost => None,
            Fate::Fails(_) => Some((500, json!({}))),
            _ => Some((if was_there { 204 } else { 404 }, json!({}))),
        }
    }

    fn look_up(&mut self, path: &str, fate: Fate) -> Option<(u16, Value)> {
        let words: Vec<&str> = path.rsplit('/').take(2).collect();
        let is_there = self.store.get(words[1]).is_some_and(|value| value == words[0]);
        match fate {
            Fate::Dropped | Fate::AnswerLost => None,
            Fate::Fails(_) => Some((500, json!({}))),
            Fate::Throttled => Some((429, json!({}))),
            _ => Some((if is_there { 200 } else { 404 }, json!({}))),
        }
    }
}

/// The profile of such a target.
pub(super) fn profile(target: Target) -> String {
    let mut text =
        "[profile]\nversion = 1\nname = \"walked\"\n[params.base]\nrequired = true\n[limits]\nrows = 100\n\
         [request]\nurl = \"${param.base}/rows\"\n[retry]\nbase = \"1ms\"\nmax = \"2ms\"\nattempts = 3\n\
         [[response]]\nwhen = { status = [413] }\nthen = \"split\"\n"
            .to_owned();
    if target.tells {
        text = text.replace("rows = 100", "rows = 1");
    }
    text += if target.is_atomic {
        "[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n\
         [[response]]\nwhen = { status = [422] }\nthen = \"bisect\"\n"
    } else {
        "[[response]]\nwhen = { status = [200] }\nthen = \"results\"\nresults = \"each\"\n[results.each]\nfrom = \"/results\"\n\
         match = { by = \"id\", at = \"/id\", row = \"/id\" }\n\
         [[results.each.rule]]\nwhen = { json = { \"/status\" = \"ok\" } }\nthen = \"ok\"\n\
         [[results.each.rule]]\nwhen = { json = { \"/status\" = \"error\" } }\nthen = \"reject\"\n"
    };
    if target.knows_keys {
        text += "[idempotency]\nscope = \"batch\"\nsend = { header = \"Idempotency-Key\" }\nkey_first = true\nttl = \"24h\"\n";
    }
    if target.tells {
        text += "[verify]\nurl = \"${param.base}/rows/${row:/id}/${row:/value}\"\napplied = { status = [200] }\n\
             not_applied = { status = [404] }\n";
    }
    if target.deletes {
        text += "[delete]\nmethod = \"DELETE\"\nurl = \"${param.base}/rows/${row:/id}\"\nformat = \"empty\"\nrows = 1\n";
    }
    text
}
