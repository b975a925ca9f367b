//! The canonical imports: small, each with one way in which a batch can go.

/// Where a case begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// No state at all.
    Fresh,
    /// The ledger is made and the import begun, so that all that follows is the ledger's own thread's work.
    Begun,
    /// Killed twice already: with requests in flight, and then in its recovery.
    KilledTwice,
}

/// One import.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    pub(crate) file: &'static str,
    /// It is fed through a pipe, from its start each time.
    pub(crate) piped: bool,
    pub(crate) input: String,
    /// After `--to`, and what else stands on the command line; `{url}` is the server.
    pub(crate) arguments: &'static str,
    pub(crate) max_rows: usize,
    /// Ends with SIGTERM at this request, and goes on in the next run.
    pub(crate) term_at: Option<u32>,
    /// Dead letters go to a file beside the state.
    pub(crate) letters_beside: bool,
    pub(crate) exit: i32,
    /// Rows that must have been applied once, as they stand in the input.
    pub(crate) good: Vec<String>,
    pub(crate) rejected: usize,
    /// The target honours no keys: rows may end in doubt, and must not be applied twice.
    pub(crate) keyless: bool,
}

/// Profiles for the cases: the built-in ones, with a temper that a test has time for.
pub(crate) const PROFILES: [(&str, &str); 3] = [
    (
        "rows.toml",
        "[profile]\nversion = 1\nname = \"rows\"\nextends = \"orders-batch\"\n[retry]\nbase = \"1ms\"\nmax = \"4ms\"\nattempts = 8\n",
    ),
    (
        "keyless.toml",
        "[profile]\nversion = 1\nname = \"keyless\"\nextends = \"json-array\"\n[retry]\nbase = \"1ms\"\nmax = \"4ms\"\nattempts = 8\n",
    ),
    (
        "jobs.toml",
        "[profile]\nversion = 1\nname = \"jobs\"\nextends = \"imports-async\"\n[retry]\nbase = \"1ms\"\nmax = \"4ms\"\n[job]\nevery = \"1ms\"\nevery_max = \"2ms\"\ngrace = \"1s\"\n",
    ),
];

const ROWS: &str = "--to ./rows.toml --url {url} --batch-rows 3 -j 2";

/// Rows that are hard to carry unharmed.
fn row(number: usize, bad: bool) -> String {
    let bad = if bad { "yes" } else { "no" };
    let text = ["Zürich, \\\"7\\\"", "\\u0000\\ud83d\\ude00", "1.0", "=1+1"][number % 4];
    format!("{{\"id\":\"r{number}\",\"n\":9007199254740993.10,\"text\":\"{text}\",\"bad\":\"{bad}\"}}")
}

impl Scenario {
    /// NDJSON of so many rows, some of them refused by the server, some of them no rows at all.
    fn new(name: &'static str, start: Start, rows: usize, bad: &[usize], broken: &[usize]) -> Self {
        let mut input = String::new();
        let mut good = Vec::new();
        for number in 0..rows {
            if broken.contains(&number) {
                input.push_str("{\"id\":\n");
                continue;
            }
            let row = row(number, bad.contains(&number));
            input.push_str(&row);
            input.push('\n');
            if !bad.contains(&number) {
                good.push(row);
            }
        }
        let rejected = bad.len() + broken.len();
        Self {
            name,
            start,
            file: "rows.ndjson",
            piped: false,
            input,
            arguments: ROWS,
            max_rows: 0,
            term_at: None,
            letters_beside: false,
            exit: if rejected > 0 { 3 } else { 0 },
            good,
            rejected,
            keyless: false,
        }
    }

    /// Whether a run that came to its end may have this exit code.
    pub(crate) fn ends(&self, code: i32) -> bool {
        code == self.exit || self.keyless && code == 5
    }

    pub(crate) fn all() -> Vec<Self> {
        let begun = Start::Begun;
        let sheet: String = (0..21)
            .map(|n| {
                ["id,text,bad\n", ""][usize::from(n > 0)].to_owned()
                    + &format!("r{n},\"a \"\"b\"\"\nc\",no\n")
            })
            .collect();
        let of_sheet = |n: usize| format!("{{\"id\":\"r{n}\",\"text\":\"a \\\"b\\\"\\nc\",\"bad\":\"no\"}}");
        vec![
            Self::new("a file, from nothing", Start::Fresh, 15, &[4], &[]),
            Self {
                file: "rows.csv",
                input: sheet,
                good: (0..21).map(of_sheet).collect(),
                ..Self::new("a file", begun, 0, &[], &[])
            },
            Self::new("refused rows among good ones", begun, 24, &[1, 5, 7, 8, 13, 22, 23], &[]),
            Self {
                arguments: "--to ./rows.toml --url {url} --batch-rows 8 -j 2",
                max_rows: 2,
                ..Self::new("batches that are too large", begun, 24, &[3, 17], &[])
            },
            Self {
                arguments: "--to ./jobs.toml --url {url} --batch-rows 4 -j 2",
                ..Self::new("jobs", begun, 20, &[6, 7], &[])
            },
            Self {
                letters_beside: true,
                ..Self::new("dead letters in a file beside", begun, 24, &[2, 9, 10, 11], &[0, 4, 16, 17, 23])
            },
            Self::new("the resumption of a resumption", Start::KilledTwice, 24, &[1, 5, 20], &[8]),
            Self { term_at: Some(3), ..Self::new("a drain", begun, 27, &[1, 14], &[]) },
            Self {
                arguments: "--to ./keyless.toml --url {url}/keyless --batch-rows 3 -j 2",
                keyless: true,
                ..Self::new("a target without keys", begun, 18, &[], &[])
            },
            Self { piped: true, ..Self::new("a pipe", begun, 24, &[1, 5, 13, 22], &[8]) },
            Self {
                piped: true,
                term_at: Some(3),
                ..Self::new("a drain of a pipe", begun, 27, &[1, 14], &[])
            },
            Self {
                piped: true,
                arguments: "--to ./rows.toml --url {url} --batch-rows 3 -j 2 --spool",
                ..Self::new("a copied pipe", Start::Fresh, 18, &[4], &[])
            },
        ]
    }
}
