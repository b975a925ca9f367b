//! What stands at the end of each help: commands to copy.

pub(super) const ROOT: &str = "\
Examples:
  bulkhaul send customers.csv --to sandbox              try it: a practice server runs inside
  bulkhaul plan customers.csv --to https://api.example.com/items
  bulkhaul send customers.csv --to https://api.example.com/items
  bulkhaul status                                       how far it is, or why it stopped
  bulkhaul rejects                                      which rows were refused, and why

`bulkhaul COMMAND --help` says all about a command; `bulkhaul man` prints the manual.";

pub(super) const SEND: &str = "\
Examples:
  bulkhaul send customers.csv --to sandbox
  bulkhaul send orders.csv --to https://api.example.com/orders \\
    -H 'Authorization: Bearer ${env:TOKEN}' --idempotency-header Idempotency-Key
  bulkhaul send orders.csv --to orders-batch --limit 10 \\
    --url https://api.example.com
  bulkhaul send export-*.ndjson.gz --to crm.toml --state crm.bulkhaul

Interrupted, or out of patience? Run the same command again: it goes on where it was.
SSL_CERT_FILE=FILE in the environment names certificates to trust.
Exit: 0 complete, 3 with dead letters, 4 stopped and resumable, 5 rows in doubt,
6 another input or target, 7 another process runs it, 74 the ledger failed, 1 it could not run.";

pub(super) const PLAN: &str = "\
Examples:
  bulkhaul plan customers.csv --to crm.toml --url https://api.example.com
  bulkhaul plan orders.csv --to https://api.example.com/orders \\
    --type amount=number --rate 10/s
  bulkhaul plan orders.csv --to sandbox --json | jq .requests

Nothing is sent and nothing is written. Exit: 0, or 3 if rows would be refused.";

pub(super) const STATUS: &str = "\
Examples:
  bulkhaul status
  bulkhaul status customers.csv
  bulkhaul status /srv/feeds/crm.bulkhaul --json | jq .rows

It only looks: at a running import, a stopped one, or a copy of its folder.";

pub(super) const REJECTS: &str = "\
Examples:
  bulkhaul rejects
  bulkhaul rejects customers.csv --reason invalid_email --export ndjson
  bulkhaul rejects customers.csv.bulkhaul --export csv > to-correct.csv
  bulkhaul rejects customers.csv --export csv-safe > for-a-spreadsheet.csv

The exact CSV comes back with every value as it was; the safe one is for people alone.";

pub(super) const AUDIT: &str = "\
Examples:
  bulkhaul audit customers.csv.bulkhaul customers.csv
  bulkhaul audit crm.bulkhaul export-*.ndjson.gz --json | jq .problems
  bulkhaul audit old.bulkhaul old.txt --format csv --delimiter ';'

It believes no number: each row of the input is looked for in exactly one place. Say of the input what
`send` was told of it. Exit: 0 the books balance, 1 they do not, 7 a run is on, 74 the ledger is damaged.";
pub(super) const REPORT: &str = "\
Examples:
  bulkhaul report
  bulkhaul report customers.csv -o customers.html

One file, which needs nothing else: it can be mailed or archived. Rows are not in it,
but what the target said about the refused ones is.";

pub(super) const REPLAY: &str = "\
Examples:
  bulkhaul replay customers.csv.bulkhaul/dead-letters.ndjson --to crm.toml
  jq -c '.row.amount |= tonumber' customers.csv.bulkhaul/dead-letters.ndjson \\
    > fixed.ndjson
  bulkhaul replay fixed.ndjson --to crm.toml
  bulkhaul rejects customers.csv --reason invalid_email --export csv \\
    > to-correct.csv
  bulkhaul replay to-correct.csv --to crm.toml

Only what is still open is sent, under new keys; what is refused again is in a dead-letter file of the
replay's own. Interrupted? Run the same command again. Exit codes are those of `send`.";

pub(super) const TARGETS: &str = "\
Examples:
  bulkhaul targets
  bulkhaul targets show orders-batch > mine.toml
  bulkhaul targets new crm.toml --from customers.csv
  bulkhaul targets check crm.toml";

pub(super) const SANDBOX: &str = "\
Examples:
  bulkhaul sandbox --port 8080
  bulkhaul sandbox --port 8080 --faults throttle=5%,drop-after=5% --seed 7
  bulkhaul send customers.csv --to orders-batch --url http://127.0.0.1:8080
  bulkhaul sandbox --faults help                        what may go wrong
  curl http://127.0.0.1:8080/_sandbox/truth             what was really applied, how often

Of the truth's `rows`, `doubled` are those that were applied more than once, also because the
input has them twice; `under_several_keys` are those of them that came by several requests.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  bulkhaul completions bash > ~/.local/share/bash-completion/completions/bulkhaul
  bulkhaul completions zsh > ~/.zfunc/_bulkhaul
  bulkhaul completions fish > ~/.config/fish/completions/bulkhaul.fish";
