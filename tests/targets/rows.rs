//! Targets that take rows as they are: orders-batch, orders-atomic, imports-async, single.

use super::{STORM, Yard, scale};
use crate::support::Said;

struct Case {
    /// After `--to`, and what else the target needs.
    to: &'static str,
    /// A profile beside the input, where the built-in's pace is too slow for a test.
    profile: &'static str,
    rows: u64,
    batch: u64,
    /// What a bad row's dead letter says.
    code: &'static str,
    status: u64,
}

const ORDERS: Case =
    Case { to: "orders-batch --url BASE", profile: "", rows: 900, batch: 10, code: "rejected", status: 200 };
const ATOMIC: Case =
    Case { to: "orders-atomic --url BASE", profile: "", rows: 600, batch: 10, code: "rejected", status: 422 };
const IMPORTS: Case = Case {
    to: "imports-async --url BASE",
    profile: "",
    rows: 300,
    batch: 100,
    code: "rejected",
    status: 200,
};
/// As the built-in, but asked about more often.
const IMPORTS_QUICK: Case = Case {
    to: "./quick.toml --url BASE",
    profile: "[profile]\nversion = 1\nname = \"quick\"\nextends = \"imports-async\"\n\
              [job]\nevery = \"10ms\"\nevery_max = \"50ms\"\n",
    rows: 600,
    batch: 15,
    code: "rejected",
    status: 200,
};
const SINGLE: Case = Case {
    to: "single --url BASE --set path=/single/payments",
    profile: "",
    rows: 150,
    batch: 1,
    code: "invalid",
    status: 422,
};

impl Case {
    fn rows(&self) -> u64 {
        self.rows * scale()
    }

    fn yard(&self, faults: &str, bad_each: u64) -> Yard {
        let yard = Yard::with(faults);
        let mut csv = "id,city,amount\n".to_owned();
        for row in 1..=self.rows() {
            let sign = if row % bad_each == 0 { "-" } else { "" };
            csv.push_str(&format!("r{row},\"Zürich, \"\"{}\"\"\",{sign}{}.50\n", row / 5, row / 7));
        }
        yard.bench.write("x.csv", csv);
        if !self.profile.is_empty() {
            yard.bench.write("quick.toml", self.profile);
        }
        yard
    }

    fn send(&self) -> String {
        format!("x.csv --to {} --batch-rows {}", self.to, self.batch)
    }

    #[track_caller]
    fn comes_clean(&self) -> Yard {
        let yard = self.yard("", u64::MAX);
        let rows = self.rows();
        yard.import(&self.send()).run().exits(0).books([rows, rows, 0, 0, 0]);
        yard.holds_just("/row/id", (1..=rows).map(|row| format!("r{row}")));
        assert!(yard.bench.dead_letters("x.csv").is_empty());
        yard
    }

    #[track_caller]
    fn refuses_bad_rows(&self) {
        let yard = self.yard("", 29);
        let said = yard.import(&self.send()).run();
        self.bad_rows_are_dead(&yard, said, 29);
    }

    #[track_caller]
    fn weathers_the_storm(&self) {
        let yard = self.yard(STORM, 29);
        let import = yard.import(&format!("{} -j 4", self.send()));
        let a_third = self.rows() / self.batch / 3;
        import.killed_after(a_third);
        import.killed_after(a_third);
        let said = import.run();
        let summary = said.summary();
        assert_eq!(summary["resumed"], true, "{summary}");
        self.bad_rows_are_dead(&yard, said, 29);
    }

    #[track_caller]
    fn bad_rows_are_dead(&self, yard: &Yard, said: Said, each: u64) {
        let (rows, bad) = (self.rows(), self.rows() / each);
        said.exits(3).books([rows, rows - bad, bad, 0, 0]);
        yard.holds_just("/row/id", (1..=rows).filter(|row| row % each != 0).map(|row| format!("r{row}")));
        let letters = yard.letters("x.csv", "/id");
        let dead: Vec<&str> = letters.keys().map(String::as_str).collect();
        let mut expected: Vec<String> =
            (1..=rows).filter(|row| row % each == 0).map(|row| format!("r{row}")).collect();
        expected.sort();
        assert_eq!(dead, expected);
        for (row, error) in letters {
            assert!(
                error["message"].as_str().unwrap().ends_with("amount must be positive"),
                "{row}: {error}"
            );
            assert_eq!(
                (error["code"].as_str(), error["status"].as_u64()),
                (Some(self.code), Some(self.status))
            );
        }
    }
}

#[test]
fn orders_batch_comes_clean() {
    ORDERS.comes_clean();
}

#[test]
fn orders_batch_refuses_bad_rows() {
    ORDERS.refuses_bad_rows();
}

#[test]
fn orders_batch_weathers_faults_and_two_kills() {
    ORDERS.weathers_the_storm();
}

#[test]
fn orders_atomic_comes_clean() {
    ATOMIC.comes_clean();
}

#[test]
fn orders_atomic_refuses_bad_rows() {
    ATOMIC.refuses_bad_rows();
}

#[test]
fn orders_atomic_weathers_faults_and_two_kills() {
    ATOMIC.weathers_the_storm();
}

#[test]
fn imports_async_comes_clean_at_its_own_pace() {
    IMPORTS.comes_clean();
}

#[test]
fn imports_async_refuses_bad_rows() {
    IMPORTS_QUICK.refuses_bad_rows();
}

#[test]
fn imports_async_weathers_faults_and_two_kills() {
    IMPORTS_QUICK.weathers_the_storm();
}

#[test]
fn a_path_that_would_become_part_of_the_host_is_refused() {
    let yard = SINGLE.yard("", u64::MAX);
    for path in ["single/payments", ".evil.test/x", "@evil.test/x", ":1/x"] {
        let said =
            yard.bench.run(&format!("send x.csv --to single --url {} --set path={path}", yard.url)).exits(2);
        assert!(said.stderr.contains("what follows the base begins with a slash"), "{path}: {said:?}");
    }
    assert_eq!(yard.requests(), 0);
}

#[test]
fn single_comes_clean_with_a_call_and_a_key_for_each_row() {
    let truth = SINGLE.comes_clean().truth();
    assert_eq!(truth["targets"]["single"]["calls"], SINGLE.rows());
    assert_eq!(truth["keys"], SINGLE.rows());
}

#[test]
fn single_refuses_bad_rows() {
    SINGLE.refuses_bad_rows();
}

#[test]
fn single_weathers_faults_and_two_kills() {
    SINGLE.weathers_the_storm();
}
