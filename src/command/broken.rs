//! Rows of a feed that cannot be read: which key one has, so that no older row takes its place, and whether the feed is
//! cut off there.

use crate::edge::source::{Format, Layout, Source, SourceError, records};
use crate::model::{BadRow, FeedEntry, FeedKey, Mark};
use std::path::PathBuf;

/// What is known of the rows that cannot be read.
pub(super) struct Broken<'a> {
    key: &'a FeedKey,
    layout: &'a Layout,
    /// What the columns of each input are called.
    columns: Vec<Option<Vec<String>>>,
}

impl<'a> Broken<'a> {
    pub(super) fn of(inputs: &[PathBuf], layout: &'a Layout, key: &'a FeedKey) -> Result<Self, SourceError> {
        Ok(Self { key, layout, columns: Source::column_names(inputs, layout)? })
    }

    /// The row's entry, if its key is known for sure.
    pub(super) fn entry(&self, mark: &Mark, bad: &BadRow) -> Option<FeedEntry> {
        match self.layout.format {
            Format::Csv { delimiter } => self.entry_of_fields(mark, bad, delimiter),
            Format::Ndjson | Format::Taken => self.key.entry_of_broken(&bad.raw),
        }
    }

    /// Only of the fields of the key a record is made, and read as any other.
    fn entry_of_fields(&self, mark: &Mark, bad: &BadRow, delimiter: u8) -> Option<FeedEntry> {
        let names = self.columns.get(mark.place.input as usize)?.as_ref()?;
        let places: Option<Vec<usize>> =
            self.key.names().iter().map(|name| names.iter().position(|known| known == name)).collect();
        let places = places?;
        // Of a record with too many or too few fields the first ones are what they seem.
        let is_sure = match &*bad.code {
            "type_mismatch" | "invalid_utf8" => true,
            "field_count" => places.iter().all(|at| *at < places.len()),
            _ => false,
        };
        let mut record = csv::ByteRecord::new();
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(&*bad.raw);
        if !is_sure || !reader.read_byte_record(&mut record).ok()? || record.len() <= places.len() {
            return None;
        }
        let fields: Option<Vec<&[u8]>> = places.iter().map(|at| record.get(*at)).collect();
        let fields = fields?;
        if self.layout.null.as_ref().is_some_and(|null| fields.contains(&null.as_bytes())) {
            return None;
        }
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(fields).ok()?;
        let names = self.key.names();
        let layout = Layout {
            header: false,
            columns: Some(names.to_vec()),
            types: self.layout.types.iter().filter(|(of, _)| names.contains(of)).cloned().collect(),
            ..self.layout.clone()
        };
        let row = records(&writer.into_inner().ok()?, &layout, None)?.into_iter().next()?.ok()?;
        self.key.entry_of_broken(row.get().as_bytes())
    }
}

/// A last record that has no line end and is no row is the beginning of one: whoever wrote it was not done.
pub(super) fn is_cut_off(mark: &Mark, bad: &BadRow) -> bool {
    let has_no_end = bad.raw.len() as u64 == mark.bytes();
    has_no_end && matches!(&*bad.code, "invalid_json" | "field_count" | "invalid_utf8")
}
