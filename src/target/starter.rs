//! A profile to begin with: commented text that is checked and sent with as it stands, and then changed.
//!
//! It never guesses what an API wants; what a person has to decide is said where it stands.

use super::profile::Profile;
use std::fmt::Write as _;

impl Profile {
    /// The text of a new profile. With `columns` each row becomes an item of just these fields; without, it goes
    /// as it is.
    pub fn starter(name: &str, columns: Option<&[String]>) -> String {
        let mut text = head(name);
        text.push_str(&item(columns));
        text.push_str(TAIL);
        text
    }
}

fn head(name: &str) -> String {
    let env = env_name(name);
    let quoted = toml::Value::String(name.to_owned()).to_string();
    format!(
        r#"# How one API is reached: what a request looks like, and what its answers mean.
#   bulkhaul targets check FILE     finds every mistake in here, and says what will be done
#   bulkhaul plan INPUT --to FILE   shows the first request, and sends nothing
# The built-in ones are examples for everything below: bulkhaul targets list, bulkhaul targets show NAME

[profile]
version = 1
name = {quoted}
docs = "What this API is, in one line."

# Parameters are given when it is run: --url BASE, --set NAME=VALUE, or from the environment.
[params.base]
required = true
help = "address of the API, without a slash at its end"

[params.token]
env = "{env}"
secret = true

# scheme: none, basic (username, password), bearer (token), header (name, value), query (name, value)
[auth]
scheme = "bearer"
token = "${{param.token}}"

# What one request may hold.
[limits]
rows = 500
bytes = "1MB"

[request]
method = "POST"
url = "${{param.base}}/items"
format = "json"                  # or "ndjson": one item a line, and no `body`
body = '''"${{rows}}"'''
# With an envelope around the rows:
# body = '''{{"records":"${{rows}}"}}'''
"#
    )
}

/// The environment variable that the token is taken from: `crm` has `CRM_TOKEN`.
fn env_name(name: &str) -> String {
    let mut env: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if !env.starts_with(|c: char| c.is_ascii_alphabetic()) {
        env.insert_str(0, "API_");
    }
    env + "_TOKEN"
}

fn item(columns: Option<&[String]>) -> String {
    let Some(columns) = columns else {
        return "# What a row becomes. The row as it is; or name its fields: '''{\"name\":\"${row:/name}\"}'''\n\
                item = '''\"${row}\"'''\n"
            .to_owned();
    };
    let mut text = String::from(
        "# What a row becomes: members of any name, filled from the row's fields. Take out what the API does not want,\n\
         # rename what it calls otherwise, and convert what it wants as a number: \"${row:/amount|num}\".\n\
         # A field that may be missing is written with a question mark: \"${row:/note?}\"\n",
    );
    let (named, unnamed): (Vec<&String>, Vec<&String>) = columns.iter().partition(|name| fits(name));
    for name in unnamed {
        let shown = name.escape_debug();
        let _ = writeln!(
            text,
            "# The column `{shown}` cannot be named in a placeholder: rename it in the input."
        );
    }
    let members: Vec<String> = named
        .iter()
        .map(|name| {
            let pointer = name.replace('~', "~0").replace('/', "~1");
            let value = serde_json::Value::from(format!("${{row:/{pointer}}}"));
            format!("  {}: {value}", serde_json::Value::from(name.as_str()))
        })
        .collect();
    if members.is_empty() {
        text.push_str("item = '''\"${row}\"'''\n");
    } else {
        let _ = writeln!(text, "item = '''{{\n{}\n}}'''", members.join(",\n"));
    }
    text
}

/// Whether a name can stand in a placeholder, within a literal of TOML.
fn fits(name: &str) -> bool {
    !name.ends_with('?')
        && !name.contains(['|', '}', '\''])
        && !name.contains("${")
        && !name.chars().any(char::is_control)
}

const TAIL: &str = r#"
# Does the API honour idempotency keys? Then nothing is ever applied twice, whatever is lost on the way. Without keys,
# rows whose answer was lost are held back as in doubt.
# [idempotency]
# scope = "batch"
# send = { header = "Idempotency-Key" }
# key = { format = "uuid" }
# ttl = "24h"                      # how long it remembers them

# How fast it may be called; what is sent always obeys its Retry-After.
# [flow]
# requests = ["10/s"]
# concurrency = 4

# What answers mean; the first rule that fits decides.
[[response]]
when = { status = ["2xx"] }
then = "ok"                      # all rows of the request were taken

[[response]]
when = { status = [400, 422] }   # nothing of the request was applied
then = "bisect"                  # halve it until the row at fault is alone

# An API that answers row by row:
# [[response]]
# when = { status = [200, 207] }
# then = "results"
# results = "items"
#
# [results.items]
# from = "/results"                # where the list is
# as = "list"
# match = { by = "position" }      # or by = "id", at = "/id", row = "/id"
# covers = "all"                   # one entry for each row
# message = "/error"
#
# [[results.items.rule]]
# when = { json = { "/status" = "ok" } }
# then = "ok"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) {
        if let Err(errors) = Profile::parse("x.toml", text, &|_| None) {
            panic!("{errors}\n{text}");
        }
    }

    #[test]
    fn a_starter_has_no_mistake_whatever_its_columns_are_called() {
        reads(&Profile::starter("crm", None));
        let names =
            ["id", "a/b~c", "Straße \"x\"", "a\\b", "what?", "a|b", "a}b", "it's", "${x", "", "$", "a\nb"];
        let columns: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let text = Profile::starter("7 \"odd\" name", Some(&columns));
        reads(&text);
        assert!(text.contains("\"a/b~c\": \"${row:/a~1b~0c}\""), "{text}");
        assert!(text.contains("The column `what?` cannot be named"), "{text}");
        assert!(text.contains("env = \"API_7__ODD__NAME_TOKEN\""), "{text}");
    }

    #[test]
    fn what_is_commented_out_is_right_too() {
        let text = Profile::starter("crm", None);
        let mut opened = String::new();
        for line in text.lines() {
            let body = line.strip_prefix("# ").unwrap_or(line);
            let is_code =
                body.starts_with('[') || body.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            opened.push_str(if is_code { body } else { line });
            opened.push('\n');
        }
        // The envelope stands beside the body, and the answers row by row beside the plain ones.
        let opened = opened.replacen("body = '''\"${rows}\"'''\n", "", 1);
        assert!(opened.contains("\n[idempotency]\n") && opened.contains("\n[results.items]\n"), "{opened}");
        reads(&opened);
    }
}
