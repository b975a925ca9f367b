//! A target as it may be shown: its secrets replaced before anything is formed with them, so that none can get
//! into words, whatever becomes of it on the way (encoded, cut, part of a longer text).

use super::Chosen;
use crate::args::SendArgs;
use crate::target::{ParamSpec, Target};

/// Stands for a secret while requests are formed; a name of environment variables and of headers, and it needs no
/// escaping anywhere.
const STAND_IN: &str = "BULKHAUL-SECRET-";

/// What stands in a formed text for what, in the language of a shell, within double quotes.
#[derive(Debug)]
pub struct Masks(Vec<(String, String)>);

impl Masks {
    /// The text as one word for a shell; secrets as `$NAME`, `$(cat FILE)` or `***`.
    pub fn quote(&self, text: &str) -> String {
        if !self.0.iter().any(|(stand_in, _)| text.contains(stand_in)) {
            return quote(text);
        }
        let mut out = escape(text);
        for (stand_in, shown) in &self.0 {
            out = out.replace(stand_in, shown);
        }
        format!("\"{out}\"")
    }

    /// The text with its secrets masked, for programs.
    pub fn plain(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (stand_in, shown)| text.replace(stand_in, shown))
    }
}

/// One word: bare, or in single quotes, where nothing but themselves means anything.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// As it stands within double quotes.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A typed value with its references as a shell knows them.
fn shell(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}') else { break };
        out.push_str(&escape(&rest[..start]));
        let reference = &rest[start + 2..start + end];
        if let Some(name) = reference.strip_prefix("env:") {
            out.push_str(&format!("${name}"));
        } else if let Some(path) = reference.strip_prefix("file:") {
            out.push_str(&format!("$(cat {})", quote(path)));
        }
        rest = &rest[start + end + 1..];
    }
    out + &escape(rest)
}

impl Chosen {
    /// The same target with stand-ins for its secrets. `None` if it cannot be compiled so.
    pub fn masked(&self, args: &SendArgs, sandbox: Option<&str>) -> Option<(Target, Masks)> {
        let typed = |name: &str| {
            let given = args.set.iter().filter_map(|given| given.split_once('='));
            given.filter(|(known, _)| *known == name).map(|(_, value)| value).next_back()
        };
        // A value that was named may be as secret as one that the profile says is; but an address made of a stand-in
        // is none.
        let named = |spec: &ParamSpec| {
            spec.name != "base" && typed(&spec.name).is_some_and(|text| text.contains("${"))
        };
        let compile = |is_secret: &dyn Fn(&ParamSpec) -> bool| {
            let mut masks = Vec::new();
            let mut stand_in = |shown: String| {
                // The closing mark: no stand-in is the beginning of another.
                let text = format!("{STAND_IN}{}-", masks.len());
                masks.push((text.clone(), shown));
                text
            };
            let mut chosen = self.clone();
            for spec in self.profile.params().iter().filter(|spec| is_secret(spec)) {
                let Some(value) = chosen.values.get_mut(&spec.name) else { continue };
                let env = || spec.env.as_ref().map(|name| format!("${name}"));
                let shown = typed(&spec.name).map(shell).or_else(env);
                *value = stand_in(shown.unwrap_or_else(|| "***".to_owned()));
            }
            for ((_, value, secret), given) in chosen.headers.iter_mut().zip(&args.headers) {
                if *secret {
                    let text = given.split_once(':').map_or("", |(_, value)| value.trim());
                    *value = stand_in(shell(text));
                }
            }
            let target = chosen.compile(sandbox).ok()?;
            for derived in target.secrets() {
                // Credentials made of secrets (basic): the stand-in is no longer to be seen in them.
                if !derived.contains(STAND_IN) {
                    masks.push((derived.clone(), "***".to_owned()));
                }
            }
            Some((target, Masks(masks)))
        };
        compile(&|spec| spec.secret || named(spec)).or_else(|| compile(&|spec| spec.secret))
    }

    /// Environment variables of secrets that have no value.
    pub fn unset_secrets(&self) -> Vec<String> {
        let unset = |spec: &&ParamSpec| spec.secret && !self.values.contains_key(&spec.name);
        self.profile.params().iter().filter(unset).filter_map(|spec| spec.env.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_written_as_a_shell_knows_them() {
        assert_eq!(shell("Bearer ${env:TOKEN}"), "Bearer $TOKEN");
        assert_eq!(shell("a\"$b${file:/my key}`"), "a\\\"\\$b$(cat '/my key')\\`");
        let masks = Masks(vec![("BULKHAUL-SECRET-0-".into(), "$T".into())]);
        assert_eq!(masks.quote("x: a$BULKHAUL-SECRET-0-"), "\"x: a\\$$T\"");
        assert_eq!(masks.quote("it's"), r"'it'\''s'");
    }
}
