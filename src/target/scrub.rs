//! Words of a target on their way to people: short, and without our secrets.

/// The longest text of a target that is kept.
const MOST: usize = 500;

/// What is shorter hides nothing, and masking it would only garble what the target says.
const LEAST: usize = 4;

/// The first `most` characters, with a mark if there were more.
pub(super) fn cap(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// A text of the target as it may be kept: secrets masked, then at most 500 characters.
pub(super) fn clean(text: &str, secrets: &[String]) -> String {
    if secrets.iter().any(|secret| secret.len() >= LEAST && text.contains(secret.as_str())) {
        return cap(&mask(text, secrets), MOST - 1);
    }
    if text.len() <= MOST { text.to_owned() } else { cap(text, MOST - 1) }
}

/// Every secret in a text as `***`.
pub(super) fn mask(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= LEAST) {
        text = text.replace(secret.as_str(), "***");
    }
    text
}
