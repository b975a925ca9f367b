//! What is wrong with a profile: file, line, what, and what to do. All that is wrong is told at once.
//!
//! It never decides how the words are coloured or where they go.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// Where a thing stands in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) file: Arc<str>,
    /// From 1; 0 where no line can be named.
    pub(super) line: u32,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError {
    pub file: String,
    /// From 1; 0 where no line can be named (a value that was not given).
    pub line: u32,
    pub message: String,
    pub remedy: String,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message)?,
            line => write!(f, "{}:{line}: {}", self.file, self.message)?,
        }
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// All that is wrong with a profile, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileErrors(pub Vec<ProfileError>);

impl fmt::Display for ProfileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ProfileErrors {}

/// Collects what is wrong while a profile is read.
#[derive(Debug, Default)]
pub(super) struct Findings(RefCell<Vec<ProfileError>>);

impl Findings {
    pub(super) fn add(&self, spot: &Spot, message: impl Into<String>, remedy: impl Into<String>) {
        let error = ProfileError {
            file: spot.file.to_string(),
            line: spot.line,
            message: message.into(),
            remedy: remedy.into(),
        };
        let mut errors = self.0.borrow_mut();
        if !errors.contains(&error) {
            errors.push(error);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// `Err` if anything was found.
    pub(super) fn verdict(self) -> Result<(), ProfileErrors> {
        let mut errors = self.0.into_inner();
        errors.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        if errors.is_empty() { Ok(()) } else { Err(ProfileErrors(errors)) }
    }
}

/// The known word that is nearest to a mistyped one, if any is near.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = known.iter().map(|name| (distance(word, name), *name)).min()?;
    (distance <= 2 && distance < word.len()).then_some(best)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let change = corner + usize::from(left != *right);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
