//! Batches out of the input: read, framed, rendered and cut, as many at once as the engine asks for.

use super::window::{Window, group_of, named_by};
use crate::edge::source::{Source, SourceError, Step};
use crate::engine::{Assembler, Event, Formed};
use crate::model::{
    BatchKey, Circumstances, DeadLetter, Digest, Load, LoadBuilder, Mark, Rejection, Room, WallTime,
};
use crate::target::{PerRequest, Pointer};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// Refused rows that go to the ledger without waiting for a batch to go with: their text is in memory until then.
const REFUSED_BYTES_MAX: usize = 1 << 20;

/// From this size on no further batch is formed in the same go.
const CUT_BYTES: usize = 256 << 10;

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
    /// What the last batch took: the next will be much like it.
    room: Room,
    /// What answers name rows by.
    unique_by: Option<Pointer>,
    /// Nothing is asked of a row before it joins a batch.
    is_free: bool,
}

/// Where the text of the row at hand stands.
enum Row<'a> {
    Apart(&'a [u8]),
    /// In the body already; without it, and without what stands before it, the body ends at `before`.
    Written {
        before: usize,
        text: Range<usize>,
    },
}

/// What becomes of the row at hand.
enum Taken {
    In,
    Refused,
    /// The batch is full; the row, whose text this is, waits for the next.
    Carried(Vec<u8>),
}

/// What one cut gives, and the batch that is being formed for it.
#[derive(Default)]
struct Forms {
    loads: Vec<(Load, BatchKey, Digest)>,
    /// Of all loads.
    bytes: usize,
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
        let target = assembler.target();
        let unique_by = target.unique_by().cloned();
        let limits = target.limits();
        let is_free = unique_by.is_none()
            && target.expires().is_none()
            && limits.row_bytes.is_none()
            && !limits.uniform_keys;
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
            room: Room::default(),
            unique_by,
            is_free,
        }
    }

    pub(super) fn assembler(&self) -> &Arc<Assembler> {
        &self.assembler
    }

    /// Bytes of the inputs that were consumed, as they lie on the disk.
    pub fn bytes_consumed(&self) -> u64 {
        self.source.bytes_consumed()
    }

    /// The next event: batches, the end of the input, or why it can't be read on. So many batches at most, and
    /// where they are large, fewer.
    pub fn form(&mut self, batches: usize, wall: WallTime) -> Event {
        if let Some(error) = self.broken.take() {
            return failed(&error);
        }
        match self.cut(batches, wall) {
            Ok(event) => event,
            Err(error) => failed(&error),
        }
    }

    fn cut(&mut self, batches: usize, wall: WallTime) -> Result<Event, SourceError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let event = self.cut_with(batches, &mut scratch, wall);
        self.scratch = scratch;
        event
    }

    fn cut_with(
        &mut self,
        batches: usize,
        scratch: &mut Vec<u8>,
        wall: WallTime,
    ) -> Result<Event, SourceError> {
        let sharing = self.assembler.target().group().map_or(PerRequest::Any, |group| group.per_request);
        if sharing != PerRequest::Any {
            return self.cut_window(sharing, scratch, wall);
        }
        let mut forms = Forms::default();
        loop {
            self.broken = self.fill(&mut forms, scratch, wall).err();
            self.seal(&mut forms);
            let over = self.ended || self.is_at_limit();
            if forms.loads.len() >= batches
                || forms.bytes >= CUT_BYTES
                || forms.refused_bytes >= REFUSED_BYTES_MAX
                || self.broken.is_some()
                || over && self.carried.is_none()
            {
                break;
            }
        }
        if forms.loads.is_empty() && forms.refused.is_empty() {
            return self.after_the_last(scratch);
        }
        let cursor = match &self.carried {
            Some((mark, _)) => self.source.cursor_before(mark),
            None => self.source.cursor(),
        };
        Ok(Event::Formed(Formed { loads: forms.loads, refused: forms.refused, cursor }))
    }

    /// Rows for one batch.
    fn fill(&mut self, forms: &mut Forms, scratch: &mut Vec<u8>, wall: WallTime) -> Result<(), SourceError> {
        let limits = self.assembler.limits();
        forms.builder = self.assembler.open_with(None, self.room);
        if let Some((mark, text)) = self.carried.take() {
            self.take(forms, mark, Row::Apart(&text), limits.bytes, wall);
        }
        while !self.ended
            && (forms.builder.len() as u64) < limits.rows
            && forms.refused_bytes < REFUSED_BYTES_MAX
            && !self.is_at_limit()
        {
            self.carried = self.read_into(forms, scratch, limits.bytes, wall)?;
            if self.carried.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// The rows in hand are a batch.
    fn seal(&mut self, forms: &mut Forms) {
        forms.seen.clear();
        forms.keys = None;
        if let Some(load) = self.assembler.close(std::mem::take(&mut forms.builder), None) {
            self.room = load.room();
            forms.bytes += load.memory();
            forms.loads.push(self.assembler.identify(load));
        }
    }

    /// One record more; the row that did not fit comes back. Where rows pass as they are, the source writes them
    /// into the body itself.
    fn read_into(
        &mut self,
        forms: &mut Forms,
        scratch: &mut Vec<u8>,
        bytes_max: u64,
        wall: WallTime,
    ) -> Result<Option<(Mark, Vec<u8>)>, SourceError> {
        let passes = self.assembler.passes();
        let before = forms.builder.body.len();
        let step = if passes {
            self.assembler.separate(&mut forms.builder);
            self.source.next(&mut forms.builder.body)
        } else {
            scratch.clear();
            self.source.next(scratch)
        };
        let (mark, text) = match step {
            Ok(Step::Row { mark, text }) => (mark, text),
            other => {
                forms.builder.body.truncate(before);
                match other? {
                    Step::Bad { mark, bad } => {
                        forms.refuse(DeadLetter::of_record(mark, &bad, &self.about(mark, wall)));
                    }
                    _ => self.ended = true,
                }
                return Ok(None);
            }
        };
        let row = if passes { Row::Written { before, text } } else { Row::Apart(&scratch[text]) };
        Ok(match self.take(forms, mark, row, bytes_max, wall) {
            Taken::Carried(text) => Some((mark, text)),
            Taken::In | Taken::Refused => None,
        })
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

    fn take(&self, forms: &mut Forms, mark: Mark, row: Row<'_>, bytes_max: u64, wall: WallTime) -> Taken {
        let body = forms.builder.body.len();
        let (before, text) = match &row {
            Row::Apart(text) => (body, *text),
            Row::Written { before, text } => (*before, &forms.builder.body[text.clone()]),
        };
        if !self.is_free
            && let Err(why) =
                self.may_join(&forms.builder, &mut forms.seen, &mut forms.keys, mark, text, wall)
        {
            let taken = match why {
                Some(refusal) => Err(self.letter(mark, text, &refusal, wall)),
                None => Ok(text.to_vec()),
            };
            forms.builder.body.truncate(before);
            return match taken {
                Ok(text) => Taken::Carried(text),
                Err(letter) => forms.refuse(letter),
            };
        }
        let texts_before = forms.builder.texts.len();
        match row {
            Row::Written { text, .. } => self.assembler.add_written(&mut forms.builder, mark, text),
            Row::Apart(text) => {
                if let Err(refusal) = self.assembler.add(&mut forms.builder, mark, text) {
                    return forms.refuse(self.letter(mark, text, &refusal, wall));
                }
            }
        }
        if forms.builder.len() > 1 && self.assembler.closed_len(&forms.builder) > bytes_max {
            let text = forms.builder.last_text().to_vec();
            forms.builder.take_back(before, texts_before);
            return Taken::Carried(text);
        }
        Taken::In
    }

    /// `Err(None)`: not into this batch. `Err(Some(_))`: not at all.
    fn may_join(
        &self,
        builder: &LoadBuilder,
        seen: &mut HashSet<String>,
        keys: &mut Option<Digest>,
        mark: Mark,
        text: &[u8],
        wall: WallTime,
    ) -> Result<(), Option<Rejection>> {
        let name = named_by(self.unique_by.as_ref(), text);
        if name.is_some_and(|name| !seen.insert(name)) {
            return Err(None);
        }
        self.check(text, wall)?;
        let found = self.assembler.key_set(mark, text);
        if !builder.is_empty() && found != *keys {
            return Err(None);
        }
        *keys = found;
        Ok(())
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
    fn refuse(&mut self, letter: DeadLetter) -> Taken {
        self.refused_bytes += letter.line.len();
        self.refused.push(letter);
        Taken::Refused
    }
}

fn failed(error: &SourceError) -> Event {
    Event::SourceFailed { why: error.to_string(), hint: error.hint(), changed: error.is_changed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::source::{Format, Layout};
    use crate::engine::BatchLimits;
    use crate::model::ImportId;
    use crate::target::{Overrides, Profile, Target};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn former(rows: &[String], limits: BatchLimits, limit: Option<u64>) -> Former {
        let profile = Profile::for_url("http://127.0.0.1:1/", None, Some("k"), None, "POST").unwrap();
        let target = Target::compile(&profile, &BTreeMap::new(), &[], &Overrides::default()).unwrap();
        let import = ImportId::fixed("import", 1);
        let assembler = Arc::new(Assembler::new(Arc::new(target), import, limits));
        let text = std::io::Cursor::new(rows.concat().into_bytes());
        let source =
            Source::over(vec![("rows".into(), Box::new(text))], &Layout::new(Format::Ndjson)).unwrap();
        Former::new(source, assembler, ["rows".to_owned()].into(), limit)
    }

    proptest! {
        #[test]
        fn each_row_comes_once_and_each_cursor_stands_behind_what_came(
            rows in prop::collection::vec(prop_oneof![9 => "\\{\"a\":\"[a-z]{0,20}\"\\}\n", 1 => Just("{\n".to_owned())], 0..40),
            (batch_rows, batch_bytes) in (1_u64..5, 20_u64..80),
            batches in 1_usize..9,
            limit in prop::option::of(0_u64..50),
        ) {
            let mut former = former(&rows, BatchLimits { rows: batch_rows, bytes: batch_bytes }, limit);
            let (mut read, mut bad) = (Vec::new(), 0);
            loop {
                let Event::Formed(formed) = former.form(batches, WallTime::default()) else { break };
                prop_assert!(formed.loads.len() <= batches);
                bad += formed.refused.len();
                for (load, _, hash) in &formed.loads {
                    prop_assert!(load.len() as u64 <= batch_rows);
                    prop_assert!(load.len() == 1 || load.body().len() as u64 <= batch_bytes);
                    prop_assert_eq!(load.body_hash(), *hash);
                    let texts: Vec<_> = (0..load.len()).map(|index| load.text(index)).collect();
                    prop_assert_eq!(&load.body()[..], [b"[", &texts.join(&b","[..])[..], b"]"].concat());
                    read.extend(texts.iter().map(|text| String::from_utf8([text, &b"\n"[..]].concat()).unwrap()));
                }
                prop_assert_eq!(formed.cursor.ordinal.0, (read.len() + bad) as u64);
            }
            let wanted = rows.iter().take(limit.map_or(usize::MAX, |limit| limit as usize));
            let wanted: Vec<_> = wanted.filter(|row| row.len() > 2).cloned().collect();
            prop_assert_eq!(read, wanted);
        }
    }

    #[test]
    fn small_batches_come_several_at_once_and_large_ones_do_not() {
        let of = |rows: &[String]| {
            let mut former = former(rows, BatchLimits { rows: 1, bytes: 1 << 20 }, None);
            let Event::Formed(formed) = former.form(8, WallTime::default()) else { panic!("rows are there") };
            formed.loads.len()
        };
        assert_eq!(of(&vec!["{\"a\":1}\n".to_owned(); 20]), 8);
        assert_eq!(of(&vec![format!("{{\"a\":\"{}\"}}\n", "x".repeat(CUT_BYTES)); 20]), 1);
    }
}
