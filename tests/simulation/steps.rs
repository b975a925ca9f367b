//! A target whose rows are brought in a transaction: begun, filled once, and there when it is committed, once.

use crate::server::{Answer, Server, Shape, bad, rows};
use bulkhaul::model::Request;

#[derive(Debug, Default)]
pub(crate) struct Transaction {
    rows: Option<Vec<String>>,
    committed: bool,
}

impl Server {
    pub(crate) fn step(&mut self, path: &str, request: &Request) -> Answer {
        let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
        let [number, what] = parts.as_slice() else {
            self.open.push(Transaction::default());
            return Answer::new(200, format!(r#"{{"tx":{}}}"#, self.open.len() - 1));
        };
        let Some(transaction) = number.parse::<usize>().ok().and_then(|at| self.open.get_mut(at)) else {
            self.broken.push(format!("a transaction that nobody began: {path}"));
            return Answer::new(404, "{}");
        };
        match *what {
            "lock" => return Answer::new(200, format!(r#"{{"lock":"of {number}"}}"#)),
            "tidy" if !transaction.committed => {
                self.broken.push(format!("tidied before it was committed: {path}"));
            }
            "tidy" => return Answer::new(200, "{}"),
            _ => {}
        }
        if transaction.committed || *what == "rows" && transaction.rows.is_some() {
            return Answer::new(409, "{}");
        }
        if *what == "commit" {
            transaction.committed = true;
            self.applied.extend(transaction.rows.iter().flatten().cloned());
            return Answer::new(200, "{}");
        }
        let Some(rows) = rows(Shape::Steps, &request.body) else { return Answer::new(400, "{}") };
        if rows.len() > self.max_rows {
            return Answer::new(413, "{}");
        }
        if rows.iter().any(|row| bad(row)) {
            return Answer::new(422, r#"{"error":"invalid"}"#);
        }
        transaction.rows = Some(rows.into_iter().map(str::to_owned).collect());
        Answer::new(200, "{}")
    }
}
