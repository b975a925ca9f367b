//! `bulkhaul man`: the manual, one page for all commands.

use super::completions::shown;
use crate::args::Args;
use crate::error::exit;
use crate::report::speech;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io;

pub(super) fn run() -> u8 {
    let page = page().unwrap_or_default();
    speech::tell(String::from_utf8_lossy(&page).trim_end());
    exit::COMPLETE
}

/// The page in the language of `man`. Writing into memory does not fail.
fn page() -> io::Result<Vec<u8>> {
    let mut root = shown(&Args::command()).disable_help_subcommand(true);
    root.build();
    let man =
        Man::new(root.clone()).section("1").date("").source(concat!("bulkhaul ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    let about = root.get_about().map(ToString::to_string).unwrap_or_default();
    page.extend_from_slice(format!(".SH NAME\nbulkhaul \\- {}\n", plain(&about)).as_bytes());
    page.extend_from_slice(SYNOPSIS.as_bytes());
    page.extend_from_slice(DESCRIPTION.as_bytes());
    examples(&root, "SH", &mut page);
    for sub in root.get_subcommands() {
        command(sub, "bulkhaul", &mut page)?;
    }
    page.extend_from_slice(TAIL.as_bytes());
    Ok(page)
}

/// One command: what it is, how it is called, its options, its examples; then those below it.
fn command(command: &Command, above: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().bin_name(&name).render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    page.extend_from_slice(format!(".SH \"{}\"\n", name.to_uppercase()).as_bytes());
    page.extend_from_slice(format!("{}.\n.PP\n\\fB{}\\fR\n", plain(&about), plain(usage)).as_bytes());
    let mut options = Vec::new();
    Man::new(command.clone()).render_options_section(&mut options)?;
    // Below a command of its own section, groups of options are subsections.
    let options = String::from_utf8_lossy(&options).replace("\n.SH ", "\n.SS ");
    let options = options.strip_prefix(".SH ").map_or(options.clone(), |rest| format!(".SS {rest}"));
    page.extend_from_slice(options.as_bytes());
    examples(command, "SS", page);
    command.get_subcommands().try_for_each(|sub| self::command(sub, &name, page))
}

/// What stands at the end of a command's help, line by line.
fn examples(command: &Command, heading: &str, page: &mut Vec<u8>) {
    let Some(text) = command.get_after_help() else { return };
    let text = text.to_string();
    let text = text.strip_prefix("Examples:\n").unwrap_or(&text);
    page.extend_from_slice(format!(".{heading} EXAMPLES\n.nf\n").as_bytes());
    for line in text.lines() {
        page.extend_from_slice(format!("{}\n", plain(line)).as_bytes());
    }
    page.extend_from_slice(b".fi\n");
}

/// Text that means itself.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

const SYNOPSIS: &str = ".SH SYNOPSIS\n\\fBbulkhaul\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n";

const DESCRIPTION: &str = r".SH DESCRIPTION
Each batch is written down with its key before its first byte leaves, and its end as soon as it is known. So a run may
end at any moment, by an interrupt, a crash or a power cut, and the same command goes on where it was. A target that
honours keys applies each row once; with others it is said which rows nobody can be sure of. Rows that the target
refuses for good become dead letters, with the reason; everything else stays pending until it is settled.
";

const TAIL: &str = r#".SH FILES
.TP
\fIINPUT\fR.bulkhaul/
The state of an import, beside its first input unless \fB\-\-state\fR says otherwise; it can be copied, archived and
deleted as a whole.
.TP
ledger.db
The truth: what was planned, sent and settled, batch by batch. It holds no secret and no address.
.TP
dead\-letters.ndjson
The rows that the target refused for good, each once, whole, with the reason.
.TP
replays/\fIN\fR/
The state of a replay of these dead letters, with dead letters of its own.
.TP
status.json
How the run stands, for \fBbulkhaul status\fR while it is on.
.SH ENVIRONMENT
.TP
ORDERS_TOKEN, J17_API_KEY, EXPERITURE_API_KEY, BULKHAUL_TOKEN
Tokens of the built\-in targets; \fBbulkhaul targets\fR says which. A URL never gets one of them.
.PP
In the values of \fB\-H\fR and \fB\-\-set\fR, ${env:VAR} and ${file:PATH} are filled in; a secret is named, never typed.
.SH "EXIT STATUS"
.TP
0
complete: every row was delivered
.TP
1
it could not run: configuration, input, or the target refused us
.TP
2
wrong usage
.TP
3
complete, with dead letters; a plan: rows would be refused
.TP
4
stopped early and resumable; the last line on standard error is the command that goes on
.TP
5
complete, but rows are in doubt
.TP
6
the input, the profile or the target is not the one this import began with; nothing was sent
.TP
7
another process runs this import
.TP
74
the ledger could not be read or written; nothing more was sent
.TP
130
interrupted twice: ended at once
"#;
