//! How the inputs are to be read.

use crate::args::{FormatArg, SendArgs};
use crate::edge::source::{ColumnType, Format, Layout};
use crate::error::Error;
use std::path::Path;

/// Names of the inputs as they were typed.
pub fn input_names(args: &SendArgs) -> Vec<String> {
    args.inputs.iter().map(|path| path.display().to_string()).collect()
}

/// The one layout of all inputs.
pub fn layout(args: &SendArgs) -> Result<Layout, Error> {
    let mut format = None;
    for input in &args.inputs {
        let found = match args.format {
            Some(FormatArg::Csv) => FormatArg::Csv,
            Some(FormatArg::Tsv) => FormatArg::Tsv,
            Some(FormatArg::Ndjson) => FormatArg::Ndjson,
            None => by_name(input)?,
        };
        if format.is_some_and(|known| known != found) {
            return Err(
                Error::usage("the inputs have different formats").hint("import them one format at a time")
            );
        }
        format = Some(found);
    }
    let delimiter = delimiter(args)?;
    let format = match format {
        Some(FormatArg::Ndjson) => {
            refuse_csv_options(args)?;
            Format::Ndjson
        }
        Some(FormatArg::Tsv) => Format::Csv { delimiter: delimiter.unwrap_or(b'\t') },
        _ => Format::Csv { delimiter: delimiter.unwrap_or(b',') },
    };
    let mut layout = Layout::new(format);
    layout.header = !args.no_header;
    layout.columns.clone_from(&args.columns);
    layout.null.clone_from(&args.null);
    layout.types = types(args)?;
    Ok(layout)
}

fn by_name(input: &Path) -> Result<FormatArg, Error> {
    let name = input.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => Ok(FormatArg::Csv),
        Some("tsv" | "tab") => Ok(FormatArg::Tsv),
        Some("ndjson" | "jsonl") => Ok(FormatArg::Ndjson),
        _ => Err(Error::usage(format!("the format of `{}` cannot be told from its name", input.display()))
            .hint("say --format csv, tsv or ndjson")),
    }
}

fn delimiter(args: &SendArgs) -> Result<Option<u8>, Error> {
    match args.delimiter {
        None => Ok(None),
        Some(c) if c.is_ascii() && !matches!(c, '"' | '\r' | '\n') => Ok(Some(c as u8)),
        Some(c) => Err(Error::usage(format!("`{}` is no delimiter", c.escape_default()))
            .hint("a delimiter is one ASCII character, not a quote or a line end")),
    }
}

fn refuse_csv_options(args: &SendArgs) -> Result<(), Error> {
    let given = [
        ("--delimiter", args.delimiter.is_some()),
        ("--no-header", args.no_header),
        ("--columns", args.columns.is_some()),
        ("--type", !args.types.is_empty()),
        ("--null", args.null.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Error::usage(format!("`{option}` is for CSV, and the input is NDJSON"))),
        None => Ok(()),
    }
}

fn types(args: &SendArgs) -> Result<Vec<(String, ColumnType)>, Error> {
    args.types
        .iter()
        .map(|given| {
            let wrong = || Error::usage(format!("`--type {given}`: it looks like `--type amount=number`"));
            let (column, kind) = given.rsplit_once('=').ok_or_else(wrong)?;
            let kind = kind
                .parse::<ColumnType>()
                .map_err(|error| Error::usage(format!("`--type {given}`: {error}")))?;
            Ok((column.to_owned(), kind))
        })
        .collect()
}
