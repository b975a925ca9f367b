//! The page of `report`: how an import went, in one file that needs nothing else.

use super::chart::clock;
use super::groups::Group;
use super::page::{escape, whole};
use super::since::earlier;
use super::speech::{count, grouped, span};
use super::status::Standing;
use super::timeline::{Timeline, millis};
use crate::model::{Sample, Tally, WallTime};
use serde_json::Value;
use std::time::Duration;

/// Letters of what a target said.
const SAID_MAX: usize = 300;
/// Reasons that are shown.
const REASONS_MAX: usize = 40;

/// What the page is made of.
#[derive(Debug)]
pub struct Picture {
    pub standing: Standing,
    /// Each stretch with the number of its run, in order.
    pub history: Vec<(u64, Sample)>,
    pub refused: Vec<Group>,
}

impl Picture {
    pub fn page(&self) -> String {
        let standing = &self.standing;
        let title = standing.title();
        let timeline = Timeline::of(&self.history);
        let body = [
            self.head(&title),
            self.tiles(&timeline),
            self.books(),
            timeline.html(self.standing.is_running),
            self.reasons(),
            self.doubts(),
            self.settings(),
            self.foot(),
        ];
        whole(&format!("{title} – bulkhaul"), &body.concat())
    }

    fn head(&self, title: &str) -> String {
        let standing = &self.standing;
        let class = match (standing.word(), standing.exit()) {
            ("complete", Some(0)) => "good",
            ("complete", Some(5)) | ("stopped", _) => "doubt",
            ("complete", _) if self.is_mended() => "good",
            ("complete", _) => "bad",
            _ => "",
        };
        let mut head = format!(
            "<h1>{}</h1>\n<p><span class=\"state {class}\">{}</span></p>\n",
            escape(title),
            escape(&standing.heading())
        );
        let first = self.history.first().map(|(_, sample)| sample.ended().millis() - sample.span as i64);
        let last = self.history.last().map(|(_, sample)| sample.ended());
        if let (Some(first), Some(last)) = (first, last) {
            head.push_str(&format!(
                "<p class=\"faint\">{} to {}</p>\n",
                moment(WallTime::from_millis(first)),
                moment(last)
            ));
        }
        head
    }

    /// All that was refused was delivered since.
    fn is_mended(&self) -> bool {
        self.standing.exit() == Some(3) && self.standing.replayed.is_some_and(|replayed| replayed.open == 0)
    }

    fn tiles(&self, timeline: &Timeline) -> String {
        let tally = self.standing.tally();
        let mut tiles = vec![(grouped(tally.delivered), "rows delivered".to_owned())];
        if tally.rejected > 0 {
            tiles.push((grouped(tally.rejected), "refused".to_owned()));
        }
        if let Some(replayed) = self.standing.replayed.filter(|replayed| replayed.delivered > 0) {
            tiles.push((grouped(replayed.delivered), "delivered since, by replays".to_owned()));
        }
        if tally.in_doubt > 0 {
            tiles.push((grouped(tally.in_doubt), "in doubt".to_owned()));
        }
        if let Some(deletion) = &self.standing.deletion {
            tiles.push((grouped(deletion.tally.delivered), "deleted at the target".to_owned()));
        }
        let settled = timeline.sum(|sample| sample.delivered + sample.rejected);
        if timeline.end > 0.0 {
            tiles.push((grouped((settled as f64 / timeline.end).round() as u64), "rows a second".to_owned()));
            let runs = timeline.marks.len() as u64 + 1;
            tiles.push((
                clock(timeline.end),
                if runs == 1 { "in one run".to_owned() } else { format!("in {runs} runs") },
            ));
        }
        let all = timeline.stretches.iter().map(|(_, _, sample)| *sample).reduce(Sample::joined);
        if let Some(all) = all.filter(|all| all.answers > 0) {
            tiles.push((millis(all.p50 as f64 / 1000.0), "to an answer (median)".to_owned()));
            let again = if all.retried > 0 {
                format!("requests, {} of them again", grouped(all.retried))
            } else {
                "requests".to_owned()
            };
            tiles.push((grouped(all.sent), again));
            if all.waited > 0 {
                tiles.push((
                    span(Duration::from_millis(all.waited)),
                    "waited, as the target asked".to_owned(),
                ));
            }
        }
        let tile = |(value, name): (String, String)| {
            // A number and its unit stand on one line.
            let value = escape(&value).replace(' ', "\u{a0}");
            format!("<div class=\"tile\"><b>{value}</b><span>{}</span></div>\n", escape(&name))
        };
        format!("<div class=\"tiles\">\n{}</div>\n", tiles.into_iter().map(tile).collect::<String>())
    }

    fn books(&self) -> String {
        let tally = self.standing.tally();
        let Tally { read, delivered, rejected, unchanged, in_doubt, pending, superseded, .. } = tally;
        let unchanged_words = match superseded {
            0 => "unchanged".to_owned(),
            _ => format!("unchanged ({} of them replaced by a later row)", grouped(superseded)),
        };
        let parts = [
            ("d", delivered, "delivered".to_owned()),
            ("r", rejected, "refused, each with its reason in the dead letters".to_owned()),
            ("u", unchanged, unchanged_words),
            ("q", in_doubt, "in doubt: nobody can know whether they were applied".to_owned()),
            ("p", pending, "read and not settled yet".to_owned()),
        ];
        let share = |number: u64| number as f64 * 100.0 / read.max(1) as f64;
        let bar = parts.iter().filter(|(_, number, _)| *number > 0);
        let bar: String = bar
            .map(|(class, number, _)| {
                format!("<div class=\"{class}\" style=\"width:{:.3}%\"></div>", share(*number))
            })
            .collect();
        let rows = parts.iter().filter(|(_, number, _)| *number > 0);
        let rows: String = rows
            .map(|(_, number, name)| {
                format!(
                    "<tr><td class=\"n\">{}</td><td class=\"n\">{:.1} %</td><td>{}</td></tr>\n",
                    grouped(*number),
                    share(*number),
                    escape(name)
                )
            })
            .collect();
        let deleted = self.standing.deletion.as_ref().map_or_else(String::new, |deletion| {
            format!("<p>Deleted at the target: {}</p>\n", escape(&deletion.words()))
        });
        let balance =
            if tally.balances() { "they balance" } else { "they do not balance: run `bulkhaul audit`" };
        format!(
            "<h2>The books</h2>\n<div class=\"card\"><div class=\"books\">{bar}</div>\n<table>\n{rows}\
             <tr><td class=\"n\">{}</td><td class=\"n\"></td><td>read; {balance}</td></tr>\n</table>{deleted}</div>\n",
            grouped(read)
        )
    }

    /// What has become of refused rows since.
    fn since(&self) -> String {
        let replays = self.standing.replayed.map(|replayed| format!("Replays: {}", replayed.words()));
        let open = self.standing.open_earlier;
        let earlier = (open > 0).then(|| earlier(open, &self.standing.state));
        replays.into_iter().chain(earlier).map(|words| format!("<p>{}</p>\n", escape(&words))).collect()
    }

    fn reasons(&self) -> String {
        let since = self.since();
        if self.refused.is_empty() {
            return format!("<h2>Refused rows</h2>\n<p>None.</p>\n{since}");
        }
        let most = self.refused.iter().map(|group| group.rows).max().unwrap_or(1).max(1);
        let mut text = format!(
            "<h2>Refused rows, by reason</h2>\n{since}<div class=\"card\"><table>\n\
             <tr><th>rows</th><th class=\"wide\"></th><th>reason</th></tr>\n"
        );
        for group in self.refused.iter().take(REASONS_MAX) {
            let width = (group.rows as f64 * 100.0 / most as f64).max(2.0);
            let doubt = if group.doubt.is_some() {
                " <span class=\"doubt\">in doubt: nobody knows which</span>"
            } else {
                ""
            };
            let examples = group.examples().map(|(place, message)| {
                let message = if message == group.pattern { String::new() } else { format!(": {message}") };
                format!("<p class=\"faint\">{}</p>", escape(&cut(&format!("{place}{message}"))))
            });
            let examples: String = examples.collect();
            text.push_str(&format!(
                "<tr><td class=\"n\">{}</td><td class=\"wide\"><div class=\"books\" style=\"width:110px\"><div class=\"r\" \
                 style=\"width:{width:.1}%\"></div></div></td><td><code>{}</code>{doubt}<br>{}{examples}</td></tr>\n",
                grouped(group.rows),
                escape(&group.code),
                escape(&cut(&group.pattern)),
            ));
        }
        text.push_str("</table>");
        if self.refused.len() > REASONS_MAX {
            text.push_str(&format!(
                "<p class=\"faint\">and {} more</p>",
                count((self.refused.len() - REASONS_MAX) as u64, "reason")
            ));
        }
        if self.is_mended() {
            return text + "</div>\n";
        }
        let state = self.standing.state.display().to_string();
        let state = shlex::try_quote(&state).map_or_else(|_| state.clone(), std::borrow::Cow::into_owned);
        text + &format!(
            "</div>\n<p>The rows that are still open: <code>{}</code></p>\n",
            escape(&format!("bulkhaul rejects {state} --export csv > refused.csv"))
        )
    }

    fn doubts(&self) -> String {
        let details = self.standing.found.as_ref().map(|(_, details)| details);
        let facts: Vec<String> = self
            .standing
            .facts()
            .into_iter()
            .map(|(name, words)| format!("<tr><th>{}</th><td>{}</td></tr>\n", escape(name), escape(&words)))
            .collect();
        if details.is_none() || facts.is_empty() {
            return String::new();
        }
        format!(
            "<h2>Batches, limits, doubts</h2>\n<div class=\"card\"><table>\n{}</table></div>\n",
            facts.concat()
        )
    }

    fn settings(&self) -> String {
        let mut rows = Vec::new();
        if let Some(command) = self.standing.command() {
            rows.push(("command".to_owned(), format!("<pre>{}</pre>", escape(&command))));
        }
        if let Some(Value::Object(settings)) = self.standing.told_value("settings") {
            for (name, value) in settings {
                let words = match value {
                    Value::Null => continue,
                    Value::String(text) => text.clone(),
                    Value::Array(list) if list.is_empty() => continue,
                    Value::Array(list) => list
                        .iter()
                        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
                        .collect::<Vec<_>>()
                        .join(", "),
                    Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), grouped),
                    other => other.to_string(),
                };
                rows.push((name.replace('_', " "), escape(&words)));
            }
        }
        if rows.is_empty() {
            return "<h2>Settings</h2>\n<p class=\"faint\">Not known: status.json is not there.</p>\n"
                .to_owned();
        }
        let rows: String = rows
            .into_iter()
            .map(|(name, words)| format!("<tr><th>{}</th><td>{words}</td></tr>\n", escape(&name)))
            .collect();
        format!("<h2>Settings of the last run</h2>\n<div class=\"card\"><table>\n{rows}</table></div>\n")
    }

    fn foot(&self) -> String {
        let import = self
            .standing
            .import_id()
            .map_or(String::new(), |id| format!("Import <code>{}</code>. ", escape(&id)));
        format!(
            "<p class=\"faint\">{import}Made at {} by bulkhaul {}.</p>\n",
            moment(self.standing.now),
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// What a target says may be long; the dead letters have all of it.
fn cut(text: &str) -> String {
    if text.chars().count() <= SAID_MAX {
        text.to_owned()
    } else {
        text.chars().take(SAID_MAX).chain(['…']).collect()
    }
}

/// `2026-11-27 13:05:12 UTC`.
fn moment(at: WallTime) -> String {
    let text = at.rfc3339();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => escape(&text),
    }
}

/// Where it was written, and what to do with it.
pub fn made(file: &std::path::Path) -> String {
    format!("wrote {}; open it in a browser", file.display())
}
