//! What has become of rows that were refused, since their import was over.

use super::speech::{count, grouped};
use std::path::Path;

/// What replays have made of rows that were refused, or of which it is not known which of them were.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replayed {
    pub delivered: u64,
    pub open: u64,
    /// One is on at this moment, and what it delivers counts when it has ended.
    pub is_running: bool,
}

impl Replayed {
    pub(super) fn words(self) -> String {
        let mut words = match (self.delivered, self.open) {
            (0, 0) => "none of the rows is still open".to_owned(),
            (0, open) => format!("none of {} delivered yet", count(open, "row")),
            (delivered, 0) => format!("{} delivered since, none still open", count(delivered, "row")),
            (delivered, open) => {
                format!("{} delivered since, {} still open", count(delivered, "row"), grouped(open))
            }
        };
        if self.is_running {
            words.push_str("; one is running, and what it delivers counts when it has ended");
        }
        words
    }
}

/// Refused rows of earlier imports that are still open.
pub(super) fn earlier(rows: u64, state: &Path) -> String {
    let are = if rows == 1 {
        "was refused in an earlier import and is"
    } else {
        "were refused in earlier imports and are"
    };
    format!("{} {are} still open: bulkhaul rejects {} lists them, too", count(rows, "row"), state.display())
}
