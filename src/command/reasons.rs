//! Which dead letters `--reason` names.

use crate::error::Error;
use crate::model::Letter;
use crate::report::groups::{Group, kind_of};
use crate::report::rejects as report;

/// The groups that a reason names: by code, or by the number in the list.
pub(super) fn wanted(reason: &str, groups: &[Group]) -> Result<report::Wanted, Error> {
    if groups.iter().any(|group| group.code == reason) {
        return Ok(report::Wanted::Code(reason.to_owned()));
    }
    let number = reason.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    if let Some(index) = number.filter(|index| *index < groups.len()) {
        return Ok(report::Wanted::Number(index));
    }
    Err(Error::failed(format!("no row was refused for the reason `{reason}`"))
        .hint(report::reasons(reason, groups)))
}

/// Which letters a reason names.
pub(super) fn fits(reason: &str, groups: Vec<Group>) -> Result<impl Fn(&Letter) -> bool + use<>, Error> {
    let wanted = wanted(reason, &groups)?;
    Ok(move |letter: &Letter| is_of(letter, &wanted, &groups))
}

pub(super) fn is_of(letter: &Letter, wanted: &report::Wanted, groups: &[Group]) -> bool {
    match wanted {
        report::Wanted::Code(code) => letter.error.code == *code,
        report::Wanted::Number(index) => {
            let group = &groups[*index];
            let (code, pattern, is_doubt) = kind_of(letter);
            code == group.code && pattern == group.pattern && is_doubt == group.doubt.is_some()
        }
    }
}
