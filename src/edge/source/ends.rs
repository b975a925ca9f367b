//! What ends the records of a CSV input: line feeds, alone or behind carriage returns, or, in files of old Macs, carriage
//! returns alone. Where there are line feeds, a carriage return alone is a character of its field: taken for an end it
//! would make rows that nobody wrote.

/// So many bytes from the beginning on decide. The same ones do however they arrive, and whenever they are read again.
const LOOK: usize = 64 << 10;

/// Reads the beginning of an input, which may come in pieces, until it is known what ends its records.
#[derive(Debug, Default)]
pub(super) struct Ends {
    at: usize,
    in_quotes: bool,
    /// The byte before closed a field's quotes, or was the first half of a doubled one.
    closed: bool,
    within_field: bool,
    returns: bool,
}

impl Ends {
    /// Whether carriage returns alone end records; `None`: that is not known yet. `begin` is all that is there so far,
    /// and `last` says that no more will come.
    pub(super) fn are_returns(&mut self, begin: &[u8], delimiter: u8, last: bool) -> Option<bool> {
        let end = begin.len().min(LOOK);
        while self.at < end {
            let byte = begin[self.at];
            let was_closed = std::mem::take(&mut self.closed);
            match byte {
                b'"' if self.in_quotes => (self.in_quotes, self.closed) = (false, true),
                b'"' if was_closed || !self.within_field => {
                    (self.in_quotes, self.within_field) = (true, true);
                }
                _ if self.in_quotes => {}
                b'\n' => return Some(false),
                _ => {
                    self.returns |= byte == b'\r';
                    self.within_field = byte != delimiter && byte != b'\r';
                }
            }
            self.at += 1;
        }
        (last || self.at == LOOK).then_some(self.returns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_input_without_a_line_feed_outside_quotes_ends_its_records_by_carriage_returns() {
        let of = |text: &str| Ends::default().are_returns(text.as_bytes(), b',', true).unwrap();
        for text in ["a,b\r1,2\r", "a\r", "a\r\"x\ny\"\r", "a,\"b \"\"\n\"\"\"\r1,2"] {
            assert!(of(text), "{text:?}");
        }
        for text in ["a,b\n1,2\r3\n", "a\r\nb\r\n", "a\rb\n1\n", "", "a,b", "\"a\rb\"\n", "a\"\n\r"] {
            assert!(!of(text), "{text:?}");
        }
    }

    #[test]
    fn the_same_is_found_in_pieces_and_not_before_enough_has_come() {
        let text = "a,\"b\n\"\r1,2\r";
        let mut ends = Ends::default();
        for end in 0..text.len() {
            assert_eq!(ends.are_returns(&text.as_bytes()[..end], b',', false), None);
        }
        assert_eq!(ends.are_returns(text.as_bytes(), b',', true), Some(true));
        let long = format!("a\r{}\n", "b".repeat(LOOK));
        assert_eq!(Ends::default().are_returns(long.as_bytes(), b',', false), Some(true));
    }
}
