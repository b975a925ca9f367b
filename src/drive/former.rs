//! Batches out of the input: read, framed, rendered and cut, as many at once as the engine asks for.

use super::cut::{Cut, Forms, Taken};
use super::window::Window;
use crate::edge::source::{Bell, Source, SourceError, Step};
use crate::edge::watched::Watched;
use crate::engine::{Assembler, Event, Formed};
use crate::model::{
    Circumstances, Close, Course, Courses, DeadLetter, Digest, FeedKey, LoadBuilder, Mark, Rejection, Room,
    WallTime,
};
use crate::target::{Called, PerRequest};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Refused rows that go to the ledger without waiting for a batch to go with: their text is in memory until then.
pub(super) const REFUSED_BYTES_MAX: usize = 1 << 20;

/// Rows of a feed that are passed over before the ledger hears of it.
pub(super) const PASSED_MAX: u64 = 1 << 18;

/// From this size on no further batch is formed in the same go.
const CUT_BYTES: usize = 512 << 10;

/// Cuts batches from a source. Pure but for the source's reading.
#[derive(Debug)]
pub struct Former {
    pub(super) source: Source,
    pub(super) assembler: Arc<Assembler>,
    inputs: Arc<[String]>,
    import_id: String,
    /// `--limit`: rows of the input that may be read.
    pub(super) limit: Option<u64>,
    /// How long a batch may stay open for more rows; only input that comes as it is made is waited for.
    pub(super) age: Option<Duration>,
    /// Why waiting has ended, if that ends this cut.
    pub(super) idle: Option<Close>,
    /// A row that did not fit into the last batch; it opens the next.
    carried: Option<(Mark, Vec<u8>)>,
    pub(super) ended: bool,
    /// The limit was reached, and there is more behind it.
    pub(super) beyond: bool,
    /// What ended the reading, to be told with the next event.
    pub(super) broken: Option<SourceError>,
    scratch: Vec<u8>,
    /// Empty between two cuts.
    pub(super) window: Window,
    /// What the last batch took: the next will be much like it.
    room: Room,
    /// Nothing is asked of a row before it joins a batch.
    is_free: bool,
    /// Where the input is a feed: by what its rows are known, and which of them are sent.
    pub(super) feed: Option<(FeedKey, Courses)>,
    pub(super) watched: Option<Watched>,
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

impl Former {
    pub fn new(source: Source, assembler: Arc<Assembler>, inputs: Arc<[String]>, limit: Option<u64>) -> Self {
        let import_id = assembler.import().hex();
        let scratch = Vec::new();
        let target = assembler.target();
        let limits = target.limits();
        let is_free = !target.calls_rows()
            && target.expires().is_none()
            && limits.row_bytes.is_none()
            && !limits.uniform_keys;
        Self {
            source,
            assembler,
            inputs,
            import_id,
            limit,
            age: None,
            idle: None,
            carried: None,
            ended: false,
            beyond: false,
            broken: None,
            scratch,
            window: Window::default(),
            room: Room::default(),
            is_free,
            feed: None,
            watched: None,
        }
    }

    /// A batch of input that comes as it is made is closed so long after its first row at the latest.
    pub fn closing_at(self, age: Duration) -> Self {
        Self { age: Some(age), ..self }
    }

    /// Ends all waiting for input, where there is any.
    pub(super) fn bell(&self) -> Option<Bell> {
        self.source.bell().cloned()
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
        self.cut(batches, wall).into_event(&self.assembler)
    }

    /// As [`Self::form`], without keys.
    pub(super) fn cut(&mut self, batches: usize, wall: WallTime) -> Cut {
        if let Some(error) = self.broken.take() {
            return Cut::Other(failed(&error));
        }
        // Nobody waits for a second batch while the first could go.
        let batches = if self.age.is_some() { 1 } else { batches };
        self.source.wait_for(None);
        self.idle = None;
        let mut scratch = std::mem::take(&mut self.scratch);
        let cut = self.cut_with(batches, &mut scratch, wall);
        self.scratch = scratch;
        self.unless_moved(cut.unwrap_or_else(|error| Cut::Other(failed(&error))))
    }

    fn cut_with(
        &mut self,
        batches: usize,
        scratch: &mut Vec<u8>,
        wall: WallTime,
    ) -> Result<Cut, SourceError> {
        let sharing = self.assembler.target().group().map_or(PerRequest::Any, |group| group.per_request);
        if sharing != PerRequest::Any {
            return self.cut_window(sharing, scratch, wall);
        }
        let mut forms = Forms::default();
        loop {
            if let Err(error) = self.fill(&mut forms, scratch, wall) {
                (self.broken, forms.close) = (Some(error), Close::End);
            }
            self.seal(&mut forms);
            let over = self.ended || self.is_at_limit();
            if forms.loads.len() >= batches
                || forms.bytes >= CUT_BYTES
                || forms.refused_bytes >= REFUSED_BYTES_MAX
                || forms.passed.rows() >= PASSED_MAX
                || self.broken.is_some()
                || self.idle.is_some()
                || over && self.carried.is_none()
            {
                break;
            }
        }
        if forms.loads.is_empty() && forms.refused.is_empty() && forms.passed.rows() == 0 {
            return self.after_the_last(scratch).map(Cut::Other);
        }
        let cursor = match &self.carried {
            Some((mark, _)) => self.source.cursor_before(mark),
            None => self.source.cursor(),
        };
        let Forms { loads, closes, refused, passed, .. } = forms;
        let starts = self.source.take_starts();
        Ok(Cut::Batches(Formed { loads, refused, passed, starts, cursor, closes }))
    }

    /// Rows for one batch.
    fn fill(&mut self, forms: &mut Forms, scratch: &mut Vec<u8>, wall: WallTime) -> Result<(), SourceError> {
        let limits = self.assembler.limits();
        forms.builder = self.assembler.open_with(None, self.room);
        forms.close = Close::Rows;
        if let Some((mark, text)) = self.carried.take() {
            self.take(forms, mark, Row::Apart(&text), limits.bytes, wall);
        }
        while !self.ended
            && (forms.builder.len() as u64) < limits.rows
            && forms.refused_bytes < REFUSED_BYTES_MAX
            && self.idle.is_none()
            && forms.passed.rows() < PASSED_MAX
            && !self.is_at_limit()
        {
            let is_begun = !forms.builder.is_empty() || !forms.refused.is_empty();
            self.age(&mut forms.aging, is_begun);
            self.carried = self.read_into(forms, scratch, limits.bytes, wall)?;
            if self.carried.is_some() {
                return Ok(());
            }
        }
        forms.close = match self.idle {
            Some(close) => close,
            None if self.ended => Close::End,
            None if self.is_at_limit() => Close::Limit,
            None => Close::Rows,
        };
        Ok(())
    }

    /// The rows in hand are a batch.
    fn seal(&mut self, forms: &mut Forms) {
        forms.called.clear();
        forms.keys = None;
        if let Some(load) = self.assembler.close(std::mem::take(&mut forms.builder), None) {
            self.room = load.room();
            forms.bytes += load.memory();
            forms.loads.push(load);
            forms.closes.push(forms.close);
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
                    Step::Idle => self.idle = Some(self.why_idle()),
                    _ => self.ended = true,
                }
                return Ok(None);
            }
        };
        let at_hand = if passes { &forms.builder.body[text.clone()] } else { &scratch[text.clone()] };
        match self.course(mark, at_hand) {
            Ok(Course::Send) => {}
            passed => {
                let letter = passed.map_err(|refusal| self.letter(mark, at_hand, &refusal, wall));
                forms.builder.body.truncate(before);
                match letter {
                    Ok(course) => forms.passed.count(course, mark.bytes()),
                    Err(letter) => {
                        forms.refuse(letter);
                    }
                }
                return Ok(None);
            }
        }
        let row = if passes { Row::Written { before, text } } else { Row::Apart(&scratch[text]) };
        Ok(match self.take(forms, mark, row, bytes_max, wall) {
            Taken::Carried(text) => Some((mark, text)),
            Taken::In | Taken::Refused => None,
        })
    }

    /// What is wrong with a row before an item is made of it.
    pub(super) fn check(&self, text: &[u8], wall: WallTime) -> Result<(), Rejection> {
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

    fn take(&self, forms: &mut Forms, mark: Mark, row: Row<'_>, bytes_max: u64, wall: WallTime) -> Taken {
        let body = forms.builder.body.len();
        let (before, text) = match &row {
            Row::Apart(text) => (body, *text),
            Row::Written { before, text } => (*before, &forms.builder.body[text.clone()]),
        };
        if !self.is_free
            && let Err(why) =
                self.may_join(&forms.builder, &mut forms.called, &mut forms.keys, mark, text, wall)
        {
            let taken = match why {
                Some(refusal) => Err(self.letter(mark, text, &refusal, wall)),
                None => Ok(text.to_vec()),
            };
            forms.builder.body.truncate(before);
            return match taken {
                Ok(text) => forms.carry(text, Close::Unlike),
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
            return forms.carry(text, Close::Bytes);
        }
        Taken::In
    }

    /// `Err(None)`: not into this batch. `Err(Some(_))`: not at all.
    fn may_join(
        &self,
        builder: &LoadBuilder,
        called: &mut Called,
        keys: &mut Option<Digest>,
        mark: Mark,
        text: &[u8],
        wall: WallTime,
    ) -> Result<(), Option<Rejection>> {
        if !self.assembler.tells_apart(builder, mark, text, called) {
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

    pub(super) fn about(&self, mark: Mark, wall: WallTime) -> Circumstances<'_> {
        Circumstances {
            input: &self.inputs[mark.place.input as usize],
            import_id: &self.import_id,
            batch: None,
            attempt: 0,
            at: wall,
        }
    }

    pub(super) fn letter(&self, mark: Mark, text: &[u8], refusal: &Rejection, wall: WallTime) -> DeadLetter {
        DeadLetter::of_row(mark, text, refusal, &self.about(mark, wall))
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
