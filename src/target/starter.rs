//! The profile that one begins with: it loads as it stands, and its comments say what to change.

use super::profile::Profile;

/// What stands before the item.
const HEAD: &str = r#"
[params.base]
required = true
help = "address of the API, without a slash at its end"

[params.token]
env = "BULKHAUL_TOKEN"       # a secret comes from the environment, never from here
secret = true

# A parameter that has few values names them, and refuses all others:
# [params.mode]
# values = ["insert", "replace"]
# default = "insert"

[auth]
scheme = "bearer"            # or basic (username, password), header (name, value), query (name, value), none
token = "${param.token}"

[limits]
rows = 100                   # how many rows a request may hold
bytes = "1MB"

[request]
method = "POST"
url = "${param.base}/items"
format = "json"              # or ndjson: one item a line, without `body`; csv, form, empty; text: `item` is a line as it is sent, in
                             # which quotes are quotes
body = '''{"items":"${rows}"}'''
"#;

/// What stands behind it.
const TAIL: &str = r#"
# What a repeated request does decides what happens when an answer is lost:
#   batch    the API keeps a key for each request:   send = { header = "Idempotency-Key" }, key = { format = "uuid" }, ttl = "24h"
#   row      each row has a key of its own, put into the item as "${row.idem}"
#   natural  a row that is written twice is written once (an upsert by its id)
#   none     nothing: rows whose answer is lost are held, and reported in doubt
[idempotency]
scope = "none"
# key_first = true             # with keys: the API looks a key up before limits and validation, so that a refusal (413, 422) under
#                              # a key that it knows is that key's fate. Without it such rows are in doubt after a lost answer

# Rules for answers: the first that fits counts. `then` is one of ok, results, job, retry, throttle, split, bisect,
# reject, exists, duplicate, refetch, reauth, in_doubt, pause, abort. 401, 403, 404, 408, 413, 429 and 5xx mean what they
# always do, unless a rule names them.
[[response]]
when = { status = ["2xx"] }      # every row of the request counts as delivered. Does a 200 or 207 have a result for each row, so
then = "ok"                  # that some may have failed? Then take the rule with [results.items] below instead of this one

[[response]]
when = { status = [400, 422] }   # only if the API takes all rows of a request or none: halves then find the bad one
then = "bisect"
message = "/error"           # where the answer says why, as a JSON Pointer

# If a refusal says which items are at fault, and that nothing was applied, this takes the place of that rule: these rows
# are refused, and the others sent again:
# [[response]]
# when = { status = [422] }
# then = "results"
# results = "invalid"
#
# [results.invalid]
# from = "/errors"               # as in {"errors":[{"index":2,"message":"…"}]}
# match = { by = "index", at = "/index" }    # counted from 0; with base = 1 from 1
# covers = "failed"
# unlisted = "resend"
# message = "/message"

# If the answer has a result for each row, this takes the place of then = "ok":
# [[response]]
# when = { status = [200] }
# then = "results"
# results = "items"
#
# [results.items]
# from = "/results"
# match = { by = "position" }    # or by = "index" or "id", with at = "/id" (and row = "/id")
# covers = "all"
# unlisted = "in_doubt"
# default = "in_doubt"           # an entry that no rule reads
# message = "/error"
#
# [[results.items.rule]]
# when = { json = { "/status" = "ok" } }
# then = "ok"
#
# [[results.items.rule]]
# when = { json = { "/status" = "error" } }
# then = "reject"

# How a row is deleted that a feed no longer has (`send --sync KEY --deletes`); it has the fields of the feed's KEY:
# [delete]
# method = "DELETE"
# url = "${param.base}/items/${row:/id}"
# format = "empty"
# rows = 1
"#;

impl Profile {
    /// The text of a profile to begin with. `columns` are those of the file that will be sent: the item then
    /// lists them, to be renamed and taken out.
    pub fn starter(name: &str, columns: Option<&[String]>) -> String {
        let quoted = toml::Value::String(name.to_owned()).to_string();
        let mut text = String::from(
            "# A profile says what requests to an API look like and what its answers mean. Check it with\n\
             #   bulkhaul targets check FILE\n\
             # and look at the first request, without sending it, with\n\
             #   bulkhaul plan INPUT --to FILE --url https://…\n",
        );
        text.push_str(&format!("[profile]\nversion = 1\nname = {quoted}\ndocs = \"\"\n{HEAD}"));
        text.push_str(&item(columns.unwrap_or_default()));
        text.push_str(TAIL);
        text
    }
}

/// The item with the columns, or the row as it is where there are none, or one could not be written as a
/// placeholder.
fn item(columns: &[String]) -> String {
    const WHOLE: &str = "item = '''\"${row}\"'''        # the row as it is\n";
    if columns.is_empty() || !columns.iter().all(|column| is_plain(column)) {
        return WHOLE.to_owned();
    }
    let members = columns.iter().map(|column| {
        let pointer = column.replace('~', "~0").replace('/', "~1");
        format!("  {}: \"${{row:/{pointer}}}\"", serde_json::Value::from(column.as_str()))
    });
    let members: Vec<String> = members.collect();
    format!(
        "# The members that the API wants, each from a column; \"${{row:/x?}}\" leaves out what a row does not have.\n\
         item = '''\n{{\n{}\n}}'''\n",
        members.join(",\n")
    )
}

/// Whether a name can stand in a placeholder, in a member's name and in a TOML literal.
fn is_plain(column: &str) -> bool {
    let bad = |c: char| c.is_control() || matches!(c, '|' | '}' | '\'' | '"' | '\\');
    column != "..." && !column.contains(bad) && !column.contains("${") && !column.ends_with('?')
}
