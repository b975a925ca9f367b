//! Rows sorted into groups before batches are cut: a stretch of the input is held, its rows are arranged, and all its
//! batches are planned at once. Memory is bounded by the stretch, never by how many groups there are.

use crate::engine::Assembler;
use crate::model::{Digest, GroupId, Load, LoadBuilder, Mark, Rejection};
use crate::target::{Called, RowContext};
use std::collections::HashMap;
use std::ops::Range;

/// A stretch ends at so many bytes of rows, or at so many rows.
const BYTES_MAX: usize = 4 << 20;
const ROWS_MAX: usize = 8192;

/// Rows of one stretch of the input.
#[derive(Debug, Default)]
pub(super) struct Window {
    texts: Vec<u8>,
    rows: Vec<(Mark, Range<usize>)>,
    /// For each row, the batch line that it stands in: rows of one line may share a request.
    lines: Vec<Vec<usize>>,
    /// The line in which the next row of a group stands.
    next: HashMap<GroupId, usize>,
}

impl Window {
    pub(super) fn is_full(&self) -> bool {
        self.texts.len() >= BYTES_MAX || self.rows.len() >= ROWS_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn keep(&mut self, mark: Mark, text: &[u8]) -> usize {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        self.rows.push((mark, start..self.texts.len()));
        self.rows.len() - 1
    }

    /// A row for requests that hold one group only.
    pub(super) fn add_to_own(&mut self, group: GroupId, mark: Mark, text: &[u8]) {
        let row = self.keep(mark, text);
        let line = *self.next.entry(group).or_insert_with(|| {
            self.lines.push(Vec::new());
            self.lines.len() - 1
        });
        self.lines[line].push(row);
    }

    /// A row for requests that hold no group twice: the second of a group stands in the second line, and so on, so
    /// that lines in their order keep the order within each group.
    pub(super) fn add_unique(&mut self, group: GroupId, mark: Mark, text: &[u8]) {
        let row = self.keep(mark, text);
        let line = self.next.entry(group).or_default();
        if *line == self.lines.len() {
            self.lines.push(Vec::new());
        }
        self.lines[*line].push(row);
        *line += 1;
    }

    /// The rows go, and their memory stays for the next stretch: freed and allocated anew, it is easily held twice.
    fn clear(&mut self) {
        self.texts.clear();
        self.rows.clear();
        self.lines.clear();
        self.next.clear();
    }

    /// The batches of the stretch, in the order in which they are to be sent.
    pub(super) fn cut(
        &mut self,
        assembler: &Assembler,
        refuse: &mut dyn FnMut(Mark, &[u8], &Rejection),
    ) -> Vec<Load> {
        let mut loads = Vec::new();
        let mut cutter = Cutter::new(assembler, &mut loads);
        for line in &self.lines {
            for row in line {
                let (mark, text) = &self.rows[*row];
                let text = &self.texts[text.clone()];
                if let Err(refusal) = cutter.add(*mark, text) {
                    refuse(*mark, text, &refusal);
                }
            }
            cutter.close();
        }
        self.clear();
        loads
    }
}

/// Rows in their order into batches.
struct Cutter<'a> {
    assembler: &'a Assembler,
    loads: &'a mut Vec<Load>,
    builder: LoadBuilder,
    called: Called,
    /// What the rows' members are called, where that must be alike.
    keys: Option<Digest>,
}

impl<'a> Cutter<'a> {
    fn new(assembler: &'a Assembler, loads: &'a mut Vec<Load>) -> Self {
        Self { assembler, loads, builder: assembler.open(None), called: Called::new(), keys: None }
    }

    fn add(&mut self, mark: Mark, text: &[u8]) -> Result<(), Rejection> {
        let limits = self.assembler.limits();
        let keys = self.assembler.key_set(mark, text);
        if self.builder.len() as u64 >= limits.rows
            || !self.builder.is_empty() && keys != self.keys
            || !self.tells_apart(mark, text)
        {
            self.close();
            self.tells_apart(mark, text);
        }
        self.keys = keys;
        let before = (self.builder.body.len(), self.builder.texts.len());
        self.assembler.add(&mut self.builder, mark, text)?;
        if self.builder.len() > 1 && self.assembler.closed_len(&self.builder) > limits.bytes {
            self.builder.take_back(before.0, before.1);
            self.close();
            self.tells_apart(mark, text);
            self.assembler.add(&mut self.builder, mark, text)?;
        }
        Ok(())
    }

    fn tells_apart(&mut self, mark: Mark, text: &[u8]) -> bool {
        self.assembler.tells_apart(&self.builder, mark, text, &mut self.called)
    }

    fn close(&mut self) {
        self.called.clear();
        self.loads.extend(self.assembler.cut_off(&mut self.builder));
    }
}

/// The group of a row of which nothing else is known yet.
pub(super) fn group_of(assembler: &Assembler, mark: Mark, text: &[u8]) -> Result<Option<GroupId>, Rejection> {
    let row = RowContext { ordinal: mark.ordinal, text, index: 0, import: assembler.import() };
    assembler.group(&row)
}
