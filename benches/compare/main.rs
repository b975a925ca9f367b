//! Side by side: this program, its peers, and the limits that nobody can pass, in one run on one machine.
//!
//! `cargo bench --bench compare` makes its own inputs, starts its own sink (a process of its own, on a core of its
//! own), runs each contestant a few times and prints the best of each. A peer that is not there is left out with a
//! line. Figures are ratios of one run; between two runs they say little.
//!
//! Words after `--`: `rows=N` (default 1,000,000), `single=N` (rows that go one by one, default 100,000), `large=N`
//! (rows of the file for memory and resume, default 10,000,000: 1 GB), `times=N` (repetitions, best counts,
//! default 3), and names of parts: `csv ndjson single start memory resume`.

#![allow(clippy::print_stdout, reason = "a bench talks to a person")]

mod contest;
mod input;
mod parts;
mod peers;
mod sink;

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) rows: u64,
    pub(crate) single: u64,
    pub(crate) large: u64,
    pub(crate) times: u32,
    parts: Vec<String>,
    pub(crate) folder: PathBuf,
}

impl Order {
    fn read() -> Self {
        let mut numbers =
            BTreeMap::from([("rows", 1_000_000), ("single", 100_000), ("large", 10_000_000), ("times", 3)]);
        let mut parts = Vec::new();
        for word in std::env::args().skip(1).filter(|word| !word.starts_with('-')) {
            match word.split_once('=') {
                Some((name, value)) => match numbers.get_mut(name) {
                    Some(number) => *number = value.parse().expect("a number after ="),
                    None => panic!("`{name}` is none of rows, single, large, times"),
                },
                None => parts.push(word),
            }
        }
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compare");
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        Self {
            rows: numbers["rows"],
            single: numbers["single"],
            large: numbers["large"],
            times: u32::try_from(numbers["times"]).expect("a small number").max(1),
            parts,
            folder,
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

type Part = fn(&Order);

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--sink") {
        return sink::serve();
    }
    let order = Order::read();
    println!("{}", machine());
    let parts: [(&str, Part); 6] = [
        ("csv", parts::csv),
        ("ndjson", parts::ndjson),
        ("single", parts::single),
        ("start", parts::start),
        ("memory", parts::memory),
        ("resume", parts::resume),
    ];
    for (name, part) in parts {
        if order.wants(name) {
            part(&order);
        }
    }
}

/// Cores, processor, load and date, for the record.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load = read("/proc/loadavg");
    let date = peers::output("date", &["+%Y-%m-%d %H:%M"]).unwrap_or_default();
    format!(
        "{} cores, {}, load {}, {}",
        std::thread::available_parallelism().map_or(0, usize::from),
        model.trim_start_matches(['\t', ' ', ':']),
        load.split(' ').next().unwrap_or_default(),
        date.trim()
    )
}
