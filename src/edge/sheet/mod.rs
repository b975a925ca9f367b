//! Dead letters as a table: CSV that is read back exactly, and CSV for spreadsheets that nothing reads back.
//!
//! # The exact table
//!
//! The columns of the rows come first, each under its own name, in the order in which they were first seen. A string
//! is its text; anything else is its JSON. Then come our columns, all of whose names begin with `bulkhaul:`; a row's
//! own column of such a name (or one that begins with a byte-order mark) is written with `bulkhaul::` before it. Of ours only those are there that are needed:
//!
//! | column | what it holds |
//! | --- | --- |
//! | `bulkhaul:json` | names of the row's cells that are JSON, as a JSON array; all others are text |
//! | `bulkhaul:absent` | names of the empty cells that the row does not have at all |
//! | `bulkhaul:order` | names of the row's members in their order, where it is another than the table's |
//! | `bulkhaul:kind` | empty for a row in its cells; `raw`: a record that was no row; `rows`: a request's rows of which nobody knows how many were refused; `whole`: a row that does not fit into cells (a name twice) |
//! | `bulkhaul:text` | the record, or the JSON, for these kinds |
//! | `bulkhaul:raw_hex`, `bulkhaul:invalid` | as in the dead letter |
//! | `bulkhaul:error.code` … `bulkhaul:source.row` … `bulkhaul:at` | the other members of the dead letter, by their path; always there |
//!
//! A value comes back as it was, numbers to their last digit; only how a string was escaped, and blanks between
//! values, are not kept.
//!
//! # The safe table
//!
//! Its first column is `bulkhaul:csv-safe`, by which `replay` knows what not to read. Every cell that a spreadsheet
//! might take for a formula begins with an apostrophe.

mod columns;
mod reading;
mod writing;

pub use columns::Columns;
pub use reading::SheetReader;
pub use writing::SheetWriter;

/// What our columns' names begin with.
const OURS: &str = "bulkhaul:";
/// The first column of a table for spreadsheets.
const SAFE: &str = "bulkhaul:csv-safe";
/// Columns of rows; what has more goes whole.
const COLUMNS_MAX: usize = 2000;

/// Our columns that are always there.
const ALWAYS: [&str; 12] = [
    "error.code",
    "error.message",
    "error.status",
    "error.field",
    "source.input",
    "source.row",
    "source.line",
    "source.byte",
    "import_id",
    "batch",
    "attempt",
    "at",
];

/// A row's own column as it is called in the table.
fn heading(name: &str) -> String {
    // A byte-order mark at the beginning of a file is not taken for part of it.
    let is_taken = name.starts_with(OURS) || name.starts_with('\u{feff}');
    if is_taken { format!("{OURS}:{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests;
