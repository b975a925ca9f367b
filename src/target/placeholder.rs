//! Placeholders: `${row:/a?|int}` taken apart, and which of them may stand where.
//!
//! It never fills one in.

use super::filter::Filter;
use super::pointer::Pointer;

/// What a placeholder names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Rows,
    Row(Pointer),
    RowKey,
    RowNumber,
    RowIdem,
    Group(Pointer),
    State(String),
    /// What a step around the request told.
    Step(String),
    Param(String),
    JobId,
    BatchKey,
    BatchRows,
    BatchFirstSent,
}

/// A placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) source: Source,
    /// `?`: it may be missing.
    pub(super) optional: bool,
    pub(super) filters: Vec<Filter>,
    /// As it was written.
    pub(super) text: String,
}

/// A stretch of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Hole(Hole),
}

/// Where a template stands: it decides which placeholders mean something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// The request's URL, query and headers; `one_row` when a request never has more.
    Address {
        one_row: bool,
    },
    /// `keyed` when the key is sent in the body: then it is made of the body without it.
    Body {
        keyed: bool,
    },
    Item {
        keyed: bool,
    },
    /// The key's template.
    Key,
    /// Credentials, and `group.by`.
    Fixed,
    /// The job's URL.
    Job,
    /// The request that reads a group's state.
    State,
    /// A request before or behind the batch's own.
    Step,
    /// The request that looks whether a batch was applied.
    Verify,
    /// The row's side of a match.
    Match,
}

impl Seat {
    fn takes(self, source: &Source) -> bool {
        use Source as S;
        match self {
            Self::Address { one_row } => match source {
                S::Row(_) | S::RowKey | S::RowIdem => one_row,
                S::Group(_)
                | S::BatchKey
                | S::BatchRows
                | S::BatchFirstSent
                | S::State(_)
                | S::Step(_)
                | S::Param(_) => true,
                _ => false,
            },
            Self::Body { keyed: true } | Self::Item { keyed: true } if *source == S::BatchKey => true,
            Self::Body { .. } => matches!(source, S::Rows | S::State(_) | S::Step(_) | S::Param(_)),
            Self::Item { .. } => {
                matches!(source, S::Row(_) | S::RowKey | S::RowNumber | S::RowIdem | S::Param(_))
            }
            Self::Key => matches!(source, S::Row(_) | S::RowKey | S::RowIdem | S::BatchKey | S::Param(_)),
            Self::Fixed => matches!(source, S::Param(_)),
            Self::Job => matches!(source, S::JobId | S::Step(_) | S::Param(_)),
            Self::Step => matches!(source, S::Step(_) | S::Param(_)),
            Self::State => matches!(source, S::Group(_) | S::Param(_)),
            Self::Verify => matches!(source, S::BatchKey | S::Row(_) | S::RowKey | S::Group(_) | S::Param(_)),
            Self::Match => matches!(source, S::Row(_) | S::RowKey | S::RowNumber),
        }
    }

    /// What may stand here, for people.
    fn list(self) -> &'static str {
        match self {
            Self::Address { one_row: true } => {
                "${param.…}, ${row:/…}, ${row.key}, ${row.idem}, ${group:/…}, ${state.…}, ${step.…}, ${batch.key}, \
                 ${batch.n} and ${batch.first_sent}"
            }
            Self::Address { one_row: false } => {
                "${param.…}, ${group:/…}, ${state.…}, ${step.…}, ${batch.key}, ${batch.n} and ${batch.first_sent} \
                 (row fields only if `rows = 1` in [limits])"
            }
            Self::Body { .. } => "${rows}, ${state.…}, ${step.…}, ${batch.key} and ${param.…}",
            Self::Item { .. } => "${row}, ${row:/…}, ${row.key}, ${row.n}, ${row.idem} and ${param.…}",
            Self::Key => "${row:/…}, ${row.key}, ${row.idem}, ${batch.key} and ${param.…}",
            Self::Fixed => "${param.…}",
            Self::Job => "${job.id}, ${step.…} and ${param.…}",
            Self::Step => "${step.…} and ${param.…}",
            Self::State => "${group:/…} and ${param.…}",
            Self::Verify => "${batch.key}, ${row:/…}, ${row.key}, ${group:/…} and ${param.…}",
            Self::Match => "${row:/…}, ${row.key} and ${row.n}",
        }
    }

    /// `Err` says what is wrong, and what may stand here.
    pub(super) fn check(self, hole: &Hole) -> Result<(), (String, String)> {
        if self.takes(&hole.source) {
            return Ok(());
        }
        Err((format!("`{}` cannot stand here", hole.text), format!("here may stand {}", self.list())))
    }
}

/// Takes a text apart. `$${` is a plain `${`. `Err` says what is wrong, and what to do.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, (String, String)> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if at > 0 && rest.as_bytes()[at - 1] == b'$' {
            plain.push_str(&rest[..at - 1]);
            plain.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            let broken = rest[at..].to_owned();
            return Err((format!("`{broken}` is not closed"), "end the placeholder with `}`".into()));
        };
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Hole(hole(&rest[at..=at + end])?));
        rest = &rest[at + end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn hole(text: &str) -> Result<Hole, (String, String)> {
    let inner = &text[2..text.len() - 1];
    let mut parts = inner.split('|');
    let name = parts.next().unwrap_or_default();
    let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    let source = source(name).map_err(|remedy| (format!("unknown placeholder `{text}`"), remedy))?;
    if optional && !matches!(source, Source::Row(_) | Source::State(_) | Source::Param(_)) {
        return Err((
            format!("`{text}` is never missing"),
            "`?` goes with row fields, group state and parameters".into(),
        ));
    }
    let filters = parts.map(|filter| {
        Filter::parse(filter).map_err(|remedy| (format!("in `{text}`: {remedy}"), String::new()))
    });
    Ok(Hole { source, optional, filters: filters.collect::<Result<_, _>>()?, text: text.to_owned() })
}

fn source(name: &str) -> Result<Source, String> {
    const KNOWN: &str = "it is one of ${rows}, ${row}, ${row:/field}, ${row:/field?}, ${row.key}, ${row.n}, ${row.idem}, \
                         ${group:/field}, ${state.x}, ${step.x}, ${param.x}, ${param.x?}, ${job.id}, ${batch.key}, ${batch.n}, ${batch.first_sent}";
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    Ok(match name {
        "rows" => Source::Rows,
        "row" => Source::Row(Pointer::parse("")?),
        "row.key" => Source::RowKey,
        "row.n" => Source::RowNumber,
        "row.idem" => Source::RowIdem,
        "job.id" => Source::JobId,
        "batch.key" => Source::BatchKey,
        "batch.n" => Source::BatchRows,
        "batch.first_sent" => Source::BatchFirstSent,
        _ => match name.split_once([':', '.']) {
            Some(("row", pointer)) if name.starts_with("row:") => Source::Row(Pointer::parse(pointer)?),
            Some(("group", pointer)) if name.starts_with("group:") => Source::Group(Pointer::parse(pointer)?),
            Some(("param", param)) if word(param) => Source::Param(param.to_owned()),
            Some(("state", state)) if word(state) => Source::State(state.to_owned()),
            Some(("step", step)) if word(step) => Source::Step(step.to_owned()),
            Some(("env" | "file", _)) => {
                return Err("a profile never reads the world; declare a parameter with `env`".to_owned());
            }
            _ => return Err(KNOWN.to_owned()),
        },
    })
}
