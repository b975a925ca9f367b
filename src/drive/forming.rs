//! The forming thread: reads, frames, renders and cuts batches, one for each that the engine asks for.

use super::window::{Window, group_of, named_by};
use crate::edge::clock::Clock;
use crate::edge::source::{Rereader, Source, SourceError, Step};
use crate::engine::{Assembler, Event, Formed};
use crate::model::{
    BatchSeq, Circumstances, Cursor, DeadLetter, Digest, LoadBuilder, Mark, Place, Rejection, RowSet,
    WallTime,
};
use crate::target::{GroupState, PerRequest};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// Refused rows that go to the ledger without waiting for a batch to go with: their text is in memory until then.
const REFUSED_BYTES_MAX: usize = 1 << 20;

/// Cuts batches from a source. Pure but for the source's reading.
#[derive(Debug)]
pub struct Former {
    source: Source,
    assembler: Arc<Assembler>,
    inputs: Arc<[String]>,
    import_id: String,
    /// `--limit`: rows of the input that may be read.
    limit: Option<u64>,
    /// A row that did not fit into the last batch; it opens the next.
    carried: Option<(Mark, Vec<u8>)>,
    ended: bool,
    /// The limit was reached, and there is more behind it.
    beyond: bool,
    /// What ended the reading, to be told with the next event.
    broken: Option<SourceError>,
    scratch: Vec<u8>,
}

/// What becomes of the row at hand.
enum Taken {
    In,
    Refused,
    /// The batch is full; the row waits for the next.
    Carried,
}

struct Forms {
    builder: LoadBuilder,
    refused: Vec<DeadLetter>,
    refused_bytes: usize,
    seen: HashSet<String>,
    /// What the rows' members are called, where that must be alike.
    keys: Option<Digest>,
}

impl Former {
    pub fn new(source: Source, assembler: Arc<Assembler>, inputs: Arc<[String]>, limit: Option<u64>) -> Self {
        let import_id = assembler.import().hex();
        let scratch = Vec::new();
        Self {
            source,
            assembler,
            inputs,
            import_id,
            limit,
            carried: None,
            ended: false,
            beyond: false,
            broken: None,
            scratch,
        }
    }

    /// Bytes of the inputs that were consumed, as they lie on the disk.
    pub fn bytes_consumed(&self) -> u64 {
        self.source.bytes_consumed()
    }

    /// The next event: a batch, the end of the input, or why it can't be read on.
    pub fn form(&mut self, wall: WallTime) -> Event {
        if let Some(error) = self.broken.take() {
            return failed(&error);
        }
        match self.cut(wall) {
            Ok(event) => event,
            Err(error) => failed(&error),
        }
    }

    fn cut(&mut self, wall: WallTime) -> Result<Event, SourceError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let event = self.cut_with(&mut scratch, wall);
        self.scratch = scratch;
        event
    }

    fn cut_with(&mut self, scratch: &mut Vec<u8>, wall: WallTime) -> Result<Event, SourceError> {
        let sharing = self.assembler.target().group().map_or(PerRequest::Any, |group| group.per_request);
        if sharing != PerRequest::Any {
            return self.cut_window(sharing, scratch, wall);
        }
        let limits = self.assembler.limits();
        let mut forms = Forms {
            builder: self.assembler.open(None),
            refused: Vec::new(),
            refused_bytes: 0,
            seen: HashSet::new(),
            keys: None,
        };
        if let Some((mark, text)) = self.carried.take() {
            self.take(&mut forms, mark, &text, limits.bytes, wall);
        }
        let mut broken = None;
        while !self.ended
            && (forms.builder.len() as u64) < limits.rows
            && forms.refused_bytes < REFUSED_BYTES_MAX
        {
            if self.is_at_limit() {
                break;
            }
            scratch.clear();
            match self.source.next(scratch) {
                Ok(Step::Row { mark, text }) => {
                    let text = &scratch[text];
                    if let Taken::Carried = self.take(&mut forms, mark, text, limits.bytes, wall) {
                        self.carried = Some((mark, text.to_vec()));
                        let cursor = self.source.cursor_before(&mark);
                        return Ok(self.formed(forms, cursor));
                    }
                }
                Ok(Step::Bad { mark, bad }) => {
                    forms.refuse(DeadLetter::of_record(mark, &bad, &self.about(mark, wall)));
                }
                Ok(Step::End) => self.ended = true,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        self.broken = broken;
        if !forms.is_empty() {
            let cursor = self.source.cursor();
            return Ok(self.formed(forms, cursor));
        }
        self.after_the_last(scratch)
    }

    /// Nothing could be read: the input's end, its limit, or what is wrong with it. That is told when all before it
    /// is in the engine's hands.
    fn after_the_last(&mut self, scratch: &mut Vec<u8>) -> Result<Event, SourceError> {
        match self.broken.take() {
            Some(error) => Err(error),
            None if self.ended => Ok(Event::Drained { cursor: self.source.cursor() }),
            None => Ok(self.at_limit(scratch)),
        }
    }

    /// As `cut_with`, for a target whose requests depend on the groups of their rows.
    fn cut_window(
        &mut self,
        sharing: PerRequest,
        scratch: &mut Vec<u8>,
        wall: WallTime,
    ) -> Result<Event, SourceError> {
        let mut window = Window::default();
        let mut refused = Vec::new();
        let mut refused_bytes = 0;
        while !self.ended && !window.is_full() && refused_bytes < REFUSED_BYTES_MAX && !self.is_at_limit() {
            let known = refused.len();
            scratch.clear();
            match self.source.next(scratch) {
                Ok(Step::Row { mark, text }) => {
                    let text = &scratch[text];
                    let group = self.check(text, wall).and_then(|()| group_of(&self.assembler, mark, text));
                    match group {
                        Ok(Some(group)) if sharing == PerRequest::One => window.add_to_own(group, mark, text),
                        Ok(Some(group)) => window.add_unique(group, mark, text),
                        Ok(None) => unreachable!("a target with groups names one, or refuses the row"),
                        Err(refusal) => refused.push(self.letter(mark, text, &refusal, wall)),
                    }
                }
                Ok(Step::Bad { mark, bad }) => {
                    refused.push(DeadLetter::of_record(mark, &bad, &self.about(mark, wall)));
                }
                Ok(Step::End) => self.ended = true,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
            refused_bytes +=
                refused.iter().skip(known).map(|letter: &DeadLetter| letter.line.len()).sum::<usize>();
        }
        if window.is_empty() && refused.is_empty() {
            return self.after_the_last(scratch);
        }
        let loads = window.cut(&self.assembler, &mut |mark, text, refusal| {
            refused.push(self.letter(mark, text, refusal, wall));
        });
        Ok(Event::Formed(Formed { loads, refused, cursor: self.source.cursor() }))
    }

    /// What is wrong with a row before an item is made of it.
    fn check(&self, text: &[u8], wall: WallTime) -> Result<(), Rejection> {
        let target = self.assembler.target();
        if let Some(max) = target.limits().row_bytes
            && text.len() as u64 > max
        {
            let why = format!("the row has {} bytes, and the target takes {max}", text.len());
            return Err(Rejection::local("row_too_large", why));
        }
        if target.expiry(text)?.is_some_and(|at| at <= wall) {
            return Err(Rejection::local("expired", "its time was over before it could be sent"));
        }
        Ok(())
    }

    fn is_at_limit(&self) -> bool {
        self.limit.is_some_and(|limit| self.source.ordinal().0 >= limit)
    }

    /// The limit is reached: is there anything behind it?
    fn at_limit(&mut self, scratch: &mut Vec<u8>) -> Event {
        if self.beyond {
            return Event::ReachedLimit;
        }
        let cursor = self.source.cursor();
        let step = self.source.next(scratch);
        if let Ok(Step::End) = step {
            self.ended = true;
            return Event::Drained { cursor };
        }
        // What stands there, broken or not, is a later run's business. It is read once only.
        self.beyond = true;
        Event::ReachedLimit
    }

    fn formed(&self, forms: Forms, cursor: Cursor) -> Event {
        let load = self.assembler.close(forms.builder, None);
        let loads = load.map(|load| self.assembler.identify(load)).into_iter().collect();
        Event::Formed(Formed { loads, refused: forms.refused, cursor })
    }

    fn take(&self, forms: &mut Forms, mark: Mark, text: &[u8], bytes_max: u64, wall: WallTime) -> Taken {
        let name = named_by(self.assembler.target().unique_by(), text);
        if name.is_some_and(|name| !forms.seen.insert(name)) {
            return Taken::Carried;
        }
        if let Err(refusal) = self.check(text, wall) {
            forms.refuse(self.letter(mark, text, &refusal, wall));
            return Taken::Refused;
        }
        let keys = self.assembler.key_set(mark, text);
        if !forms.builder.is_empty() && keys != forms.keys {
            return Taken::Carried;
        }
        forms.keys = keys;
        let before = forms.builder.body.len();
        let texts_before = forms.builder.texts.len();
        if let Err(refusal) = self.assembler.add(&mut forms.builder, mark, text) {
            forms.refuse(self.letter(mark, text, &refusal, wall));
            return Taken::Refused;
        }
        if forms.builder.len() > 1 && self.assembler.closed_len(&forms.builder) > bytes_max {
            forms.builder.take_back(before, texts_before);
            return Taken::Carried;
        }
        Taken::In
    }

    fn about(&self, mark: Mark, wall: WallTime) -> Circumstances<'_> {
        Circumstances {
            input: &self.inputs[mark.place.input as usize],
            import_id: &self.import_id,
            batch: None,
            attempt: 0,
            at: wall,
        }
    }

    fn letter(&self, mark: Mark, text: &[u8], refusal: &Rejection, wall: WallTime) -> DeadLetter {
        DeadLetter::of_row(mark, text, refusal, &self.about(mark, wall))
    }
}

impl Forms {
    fn refuse(&mut self, letter: DeadLetter) {
        self.refused_bytes += letter.line.len();
        self.refused.push(letter);
    }

    fn is_empty(&self) -> bool {
        self.builder.is_empty() && self.refused.is_empty()
    }
}

fn failed(error: &SourceError) -> Event {
    Event::SourceFailed { why: error.to_string(), hint: error.hint(), changed: error.is_changed() }
}

/// Makes a batch of an earlier run again.
pub fn rebuild(
    rereader: &mut Rereader,
    assembler: &Assembler,
    seq: BatchSeq,
    start: Place,
    rows: &RowSet,
    state: Option<&GroupState>,
) -> Event {
    let mut builder = assembler.open(state);
    let mut refused = None;
    let read = rereader.rows(start, rows, &mut |mark, text| {
        if let Err(refusal) = assembler.add(&mut builder, mark, text) {
            refused = Some(refusal.message);
        }
    });
    match (read, refused, assembler.close(builder, state)) {
        (Ok(()), None, Some(load)) if load.len() as u64 == rows.len() => Event::Rebuilt { seq, load },
        (Err(error), ..) => {
            Event::RebuildFailed { why: error.to_string(), hint: error.hint(), changed: error.is_changed() }
        }
        (Ok(()), why, _) => Event::RebuildFailed {
            why: why.unwrap_or_else(|| format!("row {} is not where it was", rows.first().0 + 1)),
            hint: None,
            changed: true,
        },
    }
}

enum Task {
    Form,
    Rebuild { seq: BatchSeq, start: Place, rows: RowSet, state: Option<GroupState> },
}

/// The way to the forming thread.
#[derive(Debug)]
pub struct Forming {
    tasks: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Forming {
    /// `tell` is called on the forming thread, with each event and the bytes consumed so far.
    pub fn start(
        mut former: Former,
        mut rereader: Rereader,
        tell: impl Fn(Event, u64) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (tasks, inbox) = channel();
        let thread = std::thread::Builder::new().name("forming".to_owned()).spawn(move || {
            let assembler = Arc::clone(&former.assembler);
            while let Ok(task) = inbox.recv() {
                let event = match task {
                    Task::Form => former.form(Clock::wall()),
                    Task::Rebuild { seq, start, rows, state } => {
                        rebuild(&mut rereader, &assembler, seq, start, &rows, state.as_ref())
                    }
                };
                tell(event, former.bytes_consumed());
            }
        })?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread) })
    }

    pub fn form(&self) {
        self.give(Task::Form);
    }

    pub fn rebuild(&self, seq: BatchSeq, start: Place, rows: RowSet, state: Option<GroupState>) {
        self.give(Task::Rebuild { seq, start, rows, state });
    }

    fn give(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // The thread outlives every task; if it panicked, the run ends by the missing answer.
            let _ = tasks.send(task);
        }
    }
}

impl Drop for Forming {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
