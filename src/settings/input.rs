//! How the inputs are to be read.

use super::{near_file, quoted};
use crate::args::{AuditArgs, Delimiter, FormatArg, SendArgs};
use crate::edge::source::{ColumnType, Format, Layout, SourceError};
use crate::error::Error;
use std::path::{Path, PathBuf};

/// Names of the inputs as they were typed.
pub fn input_names(args: &SendArgs) -> Vec<String> {
    args.inputs.iter().map(|path| path.display().to_string()).collect()
}

/// The one layout of all inputs, as they were sent; an audit needs to know where records begin and end, not what
/// their fields become.
pub fn audit_layout(args: &AuditArgs) -> Result<Layout, Error> {
    let reading = Reading {
        inputs: &args.inputs,
        format: args.format,
        delimiter: args.delimiter,
        no_header: args.no_header,
        columns: args.columns.as_ref(),
        types: &[],
        null: None,
    };
    reading.layout()
}

/// The one layout of all inputs.
pub fn layout(args: &SendArgs) -> Result<Layout, Error> {
    layout_as(args, args.format)
}

/// The same, of this format if one is said.
pub fn layout_as(args: &SendArgs, format: Option<FormatArg>) -> Result<Layout, Error> {
    let reading = Reading {
        inputs: &args.inputs,
        format,
        delimiter: args.delimiter,
        no_header: args.no_header,
        columns: args.columns.as_ref(),
        types: &args.types,
        null: args.null.as_ref(),
    };
    reading.layout()
}

/// What was said of the inputs.
struct Reading<'a> {
    inputs: &'a [PathBuf],
    format: Option<FormatArg>,
    delimiter: Option<Delimiter>,
    no_header: bool,
    columns: Option<&'a Vec<String>>,
    types: &'a [String],
    null: Option<&'a String>,
}

impl Reading<'_> {
    fn layout(&self) -> Result<Layout, Error> {
        let mut format = None;
        for input in self.inputs {
            let found = match self.format {
                Some(FormatArg::Csv) => FormatArg::Csv,
                Some(FormatArg::Tsv) => FormatArg::Tsv,
                Some(FormatArg::Ndjson) => FormatArg::Ndjson,
                None => by_name(input)?,
            };
            if format.is_some_and(|known| known != found) {
                return Err(Error::usage("the inputs have different formats")
                    .hint("import them one format at a time"));
            }
            format = Some(found);
        }
        let delimiter = self.delimiter.map(|delimiter| delimiter.0);
        self.refuse_repeated_columns()?;
        let format = match format {
            Some(FormatArg::Ndjson) => {
                self.refuse_csv_options()?;
                Format::Ndjson
            }
            Some(FormatArg::Tsv) => Format::Csv { delimiter: delimiter.unwrap_or(b'\t') },
            _ => Format::Csv { delimiter: delimiter.unwrap_or(b',') },
        };
        let mut layout = Layout::new(format);
        layout.delimiter_said = delimiter.is_some();
        layout.header = !self.no_header;
        layout.columns = self.columns.cloned();
        layout.null = self.null.cloned();
        layout.types = types(self.types)?;
        Ok(layout)
    }

    fn refuse_repeated_columns(&self) -> Result<(), Error> {
        let columns = self.columns.map_or(&[][..], Vec::as_slice);
        let repeated = columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(name));
        match repeated {
            Some((_, name)) => Err(Error::usage(format!("`--columns` names `{name}` twice"))
                .hint("each column has a name of its own: it is the field's name in the row")),
            None => Ok(()),
        }
    }

    fn refuse_csv_options(&self) -> Result<(), Error> {
        let given = [
            ("--delimiter", self.delimiter.is_some()),
            ("--no-header", self.no_header),
            ("--columns", self.columns.is_some()),
            ("--type", !self.types.is_empty()),
            ("--null", self.null.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::usage(format!("`{option}` is for CSV, and the input is NDJSON"))),
            None => Ok(()),
        }
    }
}

fn by_name(input: &Path) -> Result<FormatArg, Error> {
    let name = input.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => Ok(FormatArg::Csv),
        Some("tsv" | "tab") => Ok(FormatArg::Tsv),
        Some("ndjson" | "jsonl") => Ok(FormatArg::Ndjson),
        _ if input.is_dir() => {
            let error = SourceError::Directory { input: input.display().to_string() };
            Err(Error::failed(error.to_string()).maybe_hint(error.hint()))
        }
        Some("xlsx" | "xlsm" | "xls" | "ods") => {
            Err(Error::usage(format!("`{}` is a workbook", input.display())).hint(
                "save the sheet as CSV (UTF-8); --delimiter ';' if that is what stands between its fields",
            ))
        }
        Some("json") if input.exists() => {
            let shown = quoted(input.as_os_str());
            Err(Error::usage(format!("the format of `{}` cannot be told from its name", input.display())).hint(
                format!("an array is made into lines by jq -c '.[]' {shown} > rows.ndjson; if each line is an object: --format ndjson"),
            ))
        }
        _ => {
            let near = if input.exists() { None } else { near_file(input) };
            let near = near.map(|near| format!("did you mean `{near}`?"));
            Err(Error::usage(format!("the format of `{}` cannot be told from its name", input.display()))
                .hint(near.unwrap_or_else(|| "say --format csv, tsv or ndjson".to_owned())))
        }
    }
}

/// What `--type` says.
pub fn types(given: &[String]) -> Result<Vec<(String, ColumnType)>, Error> {
    given
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
