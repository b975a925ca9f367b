
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'bulkhaul' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'bulkhaul'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'bulkhaul' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Import rows; run the same command again to resume')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what would be sent: the first request, how many, how long; sends nothing')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'How an import stands, running or not')
            [CompletionResult]::new('rejects', 'rejects', [CompletionResultType]::ParameterValue, 'Refused rows by reason, and their export')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Make the books of an import again, from its ledger, input and dead letters')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'How an import went, as one page for a browser')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Send dead letters again, after the profile, the target or the rows were mended')
            [CompletionResult]::new('targets', 'targets', [CompletionResultType]::ParameterValue, 'The targets that can be named, and profiles for others')
            [CompletionResult]::new('sandbox', 'sandbox', [CompletionResultType]::ParameterValue, 'Run the practice server on loopback')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'bulkhaul;send' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in''s name, or `sandbox`')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The profile''s base URL (parameter `base`)')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('--envelope', '--envelope', [CompletionResultType]::ParameterName, 'For a URL: rows go as {"NAME":[…]} instead of […]')
            [CompletionResult]::new('--idempotency-header', '--idempotency-header', [CompletionResultType]::ParameterName, 'For a URL: the target honours idempotency keys sent in this header')
            [CompletionResult]::new('--key-ttl', '--key-ttl', [CompletionResultType]::ParameterName, 'For a URL: how long the target remembers a key (default: 24h)')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'For a URL: the method (default: POST)')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Format of the input (default: from the name)')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'Field delimiter of CSV (one character, or `tab`)')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Names of the columns, instead of the header''s')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Type of a CSV column: number, integer, boolean, json, string (default: string)')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'An unquoted CSV field of this text is null')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Stop after the first N rows of the input, with exit 0 also where some were refused (but see --max-rejects)')
            [CompletionResult]::new('--expect-rows', '--expect-rows', [CompletionResultType]::ParameterName, 'The import is complete only if the input has just so many rows')
            [CompletionResult]::new('--batch-rows', '--batch-rows', [CompletionResultType]::ParameterName, 'Most rows in a request (default: the profile''s, else 500)')
            [CompletionResult]::new('--batch-bytes', '--batch-bytes', [CompletionResultType]::ParameterName, 'Most bytes in a request''s body (default: the profile''s, else 1MiB)')
            [CompletionResult]::new('--batch-age', '--batch-age', [CompletionResultType]::ParameterName, 'For `-`: longest time that a row waits for others to share its request (default: the profile''s, else 5s)')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable')
            [CompletionResult]::new('--row-rate', '--row-rate', [CompletionResultType]::ParameterName, 'Most rows in a time, e.g. 5000/s; repeatable')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Requests in flight')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Requests in flight')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time for one request (default: the profile''s, else 60s)')
            [CompletionResult]::new('--max-wait', '--max-wait', [CompletionResultType]::ParameterName, 'Longest wait that is obeyed (default: the profile''s, else 1h)')
            [CompletionResult]::new('--max-elapsed', '--max-elapsed', [CompletionResultType]::ParameterName, 'Longest time for the whole run')
            [CompletionResult]::new('--on-ambiguous', '--on-ambiguous', [CompletionResultType]::ParameterName, 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)')
            [CompletionResult]::new('--verdict', '--verdict', [CompletionResultType]::ParameterName, 'What you found at the target of the rows in doubt of a complete import; nothing is sent')
            [CompletionResult]::new('--max-rejects', '--max-rejects', [CompletionResultType]::ParameterName, 'Stop, resumable, when more rows than this are refused; a share is of all rows once they are read, before that of those settled, at least of 100')
            [CompletionResult]::new('--dead-letter', '--dead-letter', [CompletionResultType]::ParameterName, 'Where refused rows go (default: dead-letters.ndjson in the state)')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Folder of the import (default: <first input>.bulkhaul)')
            [CompletionResult]::new('--sync', '--sync', [CompletionResultType]::ParameterName, 'Send only rows that are new or changed since they were delivered last under this state; all of a row counts, also the order of its columns, and one that no request shows')
            [CompletionResult]::new('--max-shrink', '--max-shrink', [CompletionResultType]::ParameterName, 'With --sync: stop before anything is sent if the feed has lost more rows than this since last time')
            [CompletionResult]::new('--max-deletes', '--max-deletes', [CompletionResultType]::ParameterName, 'With --deletes: stop before anything is sent if more rows than this would be deleted (default: 10%)')
            [CompletionResult]::new('--import-id', '--import-id', [CompletionResultType]::ParameterName, 'Fix the import''s identity by hand')
            [CompletionResult]::new('--faults', '--faults', [CompletionResultType]::ParameterName, 'For `--to sandbox`: misbehave on purpose, e.g. throttle=2%,error=1%,drop-after=1%; `help` says what there is')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'For `--to sandbox`: seed of its chance')
            [CompletionResult]::new('--results', '--results', [CompletionResultType]::ParameterName, 'One JSON line for each settled row, once its end is durable; a run that goes on tells again what earlier ones settled; under --sync rows that are unchanged are not sent and not told; `-`: stdout')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How progress is shown on stderr')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How the log is written; json also turns all other words on stderr into lines of it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour on stderr')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'The first record is a row; needs --columns')
            [CompletionResult]::new('--spool', '--spool', [CompletionResultType]::ParameterName, 'For `-`: copy it into the state first, so that a later run goes on without it')
            [CompletionResult]::new('--new-stream', '--new-stream', [CompletionResultType]::ParameterName, 'For `-`: what comes is the next stream (a queue), not the last one from its start; what the last run wrote down is settled first; a queue that delivers again needs a key that the row brings (`template` under [idempotency] of the profile)')
            [CompletionResult]::new('--deletes', '--deletes', [CompletionResultType]::ParameterName, 'With --sync: delete at the target what the feed no longer has, as the profile''s [delete] says')
            [CompletionResult]::new('--again', '--again', [CompletionResultType]::ParameterName, 'Import a finished input once more, under new keys')
            [CompletionResult]::new('--accept-new-tail', '--accept-new-tail', [CompletionResultType]::ParameterName, 'Go on although the part of the input that was not read yet has changed, or a finished one has grown')
            [CompletionResult]::new('--abandon', '--abandon', [CompletionResultType]::ParameterName, 'Give the import up: close it, and say what it leaves')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Send nothing, and say what would be sent, as `plan` does')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Send nothing, and say what would be sent, as `plan` does')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something needs a person')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something needs a person')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what leaves and what comes back, each line with its request and key')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what leaves and what comes back, each line with its request and key')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The summary as one JSON object on stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bulkhaul;plan' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in''s name, or `sandbox`')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The profile''s base URL (parameter `base`)')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('--envelope', '--envelope', [CompletionResultType]::ParameterName, 'For a URL: rows go as {"NAME":[…]} instead of […]')
            [CompletionResult]::new('--idempotency-header', '--idempotency-header', [CompletionResultType]::ParameterName, 'For a URL: the target honours idempotency keys sent in this header')
            [CompletionResult]::new('--key-ttl', '--key-ttl', [CompletionResultType]::ParameterName, 'For a URL: how long the target remembers a key (default: 24h)')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'For a URL: the method (default: POST)')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Format of the input (default: from the name)')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'Field delimiter of CSV (one character, or `tab`)')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Names of the columns, instead of the header''s')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Type of a CSV column: number, integer, boolean, json, string (default: string)')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'An unquoted CSV field of this text is null')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Stop after the first N rows of the input, with exit 0 also where some were refused (but see --max-rejects)')
            [CompletionResult]::new('--batch-rows', '--batch-rows', [CompletionResultType]::ParameterName, 'Most rows in a request (default: the profile''s, else 500)')
            [CompletionResult]::new('--batch-bytes', '--batch-bytes', [CompletionResultType]::ParameterName, 'Most bytes in a request''s body (default: the profile''s, else 1MiB)')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable')
            [CompletionResult]::new('--row-rate', '--row-rate', [CompletionResultType]::ParameterName, 'Most rows in a time, e.g. 5000/s; repeatable')
            [CompletionResult]::new('--on-ambiguous', '--on-ambiguous', [CompletionResultType]::ParameterName, 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)')
            [CompletionResult]::new('--sync', '--sync', [CompletionResultType]::ParameterName, 'Send only rows that are new or changed since they were delivered last under this state; all of a row counts, also the order of its columns, and one that no request shows')
            [CompletionResult]::new('--max-shrink', '--max-shrink', [CompletionResultType]::ParameterName, 'With --sync: stop before anything is sent if the feed has lost more rows than this since last time')
            [CompletionResult]::new('--max-deletes', '--max-deletes', [CompletionResultType]::ParameterName, 'With --deletes: stop before anything is sent if more rows than this would be deleted (default: 10%)')
            [CompletionResult]::new('--import-id', '--import-id', [CompletionResultType]::ParameterName, 'Fix the import''s identity by hand')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How progress is shown on stderr')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour on stderr')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Folder that `send` would use; under --sync it knows what was delivered of the last feed')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'The first record is a row; needs --columns')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something needs a person')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something needs a person')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what leaves and what comes back, each line with its request and key')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what leaves and what comes back, each line with its request and key')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The summary as one JSON object on stdout')
            [CompletionResult]::new('--deletes', '--deletes', [CompletionResultType]::ParameterName, 'With --sync: delete at the target what the feed no longer has, as the profile''s [delete] says')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bulkhaul;status' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The summary as one JSON object on stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;rejects' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Only the rows refused for this reason: its code, or its number in the list')
            [CompletionResult]::new('--export', '--export', [CompletionResultType]::ParameterName, 'Write the rows to stdout: as they are, as CSV that `replay` reads, or as CSV that is safe for spreadsheets')
            [CompletionResult]::new('--in-doubt', '--in-doubt', [CompletionResultType]::ParameterName, 'The rows in doubt instead, to look for them at the target (where they stood, or with --export the rows themselves); they are no dead letters, and `replay` refuses them')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The reasons as one JSON object on stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bulkhaul;audit' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Format of the input (default: from the name)')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'Field delimiter of CSV (one character, or `tab`)')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Names of the columns, instead of the header''s')
            [CompletionResult]::new('--dead-letter', '--dead-letter', [CompletionResultType]::ParameterName, 'The dead-letter file, if it was named (default: dead-letters.ndjson in the state)')
            [CompletionResult]::new('--no-header', '--no-header', [CompletionResultType]::ParameterName, 'The first record is a row; needs --columns')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'What was found, as one JSON object on stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;report' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where the page goes; `-` is stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where the page goes; `-` is stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;replay' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in''s name, or `sandbox`')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The profile''s base URL (parameter `base`)')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in')
            [CompletionResult]::new('--envelope', '--envelope', [CompletionResultType]::ParameterName, 'For a URL: rows go as {"NAME":[…]} instead of […]')
            [CompletionResult]::new('--idempotency-header', '--idempotency-header', [CompletionResultType]::ParameterName, 'For a URL: the target honours idempotency keys sent in this header')
            [CompletionResult]::new('--key-ttl', '--key-ttl', [CompletionResultType]::ParameterName, 'For a URL: how long the target remembers a key (default: 24h)')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'For a URL: the method (default: POST)')
            [CompletionResult]::new('--expect-rows', '--expect-rows', [CompletionResultType]::ParameterName, 'The import is complete only if the input has just so many rows')
            [CompletionResult]::new('--batch-rows', '--batch-rows', [CompletionResultType]::ParameterName, 'Most rows in a request (default: the profile''s, else 500)')
            [CompletionResult]::new('--batch-bytes', '--batch-bytes', [CompletionResultType]::ParameterName, 'Most bytes in a request''s body (default: the profile''s, else 1MiB)')
            [CompletionResult]::new('--batch-age', '--batch-age', [CompletionResultType]::ParameterName, 'For `-`: longest time that a row waits for others to share its request (default: the profile''s, else 5s)')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable')
            [CompletionResult]::new('--row-rate', '--row-rate', [CompletionResultType]::ParameterName, 'Most rows in a time, e.g. 5000/s; repeatable')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Requests in flight')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Requests in flight')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time for one request (default: the profile''s, else 60s)')
            [CompletionResult]::new('--max-wait', '--max-wait', [CompletionResultType]::ParameterName, 'Longest wait that is obeyed (default: the profile''s, else 1h)')
            [CompletionResult]::new('--max-elapsed', '--max-elapsed', [CompletionResultType]::ParameterName, 'Longest time for the whole run')
            [CompletionResult]::new('--on-ambiguous', '--on-ambiguous', [CompletionResultType]::ParameterName, 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)')
            [CompletionResult]::new('--max-rejects', '--max-rejects', [CompletionResultType]::ParameterName, 'Stop, resumable, when more rows than this are refused; a share is of all rows once they are read, before that of those settled, at least of 100')
            [CompletionResult]::new('--dead-letter', '--dead-letter', [CompletionResultType]::ParameterName, 'Where refused rows go (default: dead-letters.ndjson in the state)')
            [CompletionResult]::new('--faults', '--faults', [CompletionResultType]::ParameterName, 'For `--to sandbox`: misbehave on purpose, e.g. throttle=2%,error=1%,drop-after=1%; `help` says what there is')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'For `--to sandbox`: seed of its chance')
            [CompletionResult]::new('--results', '--results', [CompletionResultType]::ParameterName, 'One JSON line for each settled row, once its end is durable; a run that goes on tells again what earlier ones settled; under --sync rows that are unchanged are not sent and not told; `-`: stdout')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How progress is shown on stderr')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How the log is written; json also turns all other words on stderr into lines of it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour on stderr')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Format of records that could not be parsed (default: as their import read them)')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'Field delimiter of such records, if they are CSV')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Names of the columns of such records')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Type of a column, also of rows that were read as strings before: number, integer, boolean, json, string')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'A field of this text is null, if its column has a type or its record could not be parsed')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Stop after the first N rows')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'State of the import that the dead letters are of; the replay''s is replays/N in it')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Only the rows refused for this reason: its code, or its number in `rejects`')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something needs a person')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something needs a person')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what leaves and what comes back, each line with its request and key')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what leaves and what comes back, each line with its request and key')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The summary as one JSON object on stdout')
            [CompletionResult]::new('--again', '--again', [CompletionResultType]::ParameterName, 'Try the rows that are still open once more, although nothing has changed')
            [CompletionResult]::new('--abandon', '--abandon', [CompletionResultType]::ParameterName, 'Give an unfinished replay up: close it, and say what it leaves')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Send nothing, and say what would be sent')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Send nothing, and say what would be sent')
            [CompletionResult]::new('--in-doubt', '--in-doubt', [CompletionResultType]::ParameterName, 'Rows in doubt, too, once you have looked at the target: they may be doubled')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bulkhaul;targets' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'The built-in targets, with their parameters')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'The profile of a built-in target, to copy and change')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Every mistake in a profile; without one, what it will do')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a commented profile to begin with')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'bulkhaul;targets;list' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON array on stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;targets;show' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;targets;check' {
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'What it will do where a parameter has this value')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object on stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;targets;new' {
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Name the columns of this CSV or NDJSON file in it')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'Field delimiter of that CSV file (one character, or `tab`)')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Names of the columns of that CSV file, instead of the header''s')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;targets;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'The built-in targets, with their parameters')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'The profile of a built-in target, to copy and change')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Every mistake in a profile; without one, what it will do')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a commented profile to begin with')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'bulkhaul;targets;help;list' {
            break
        }
        'bulkhaul;targets;help;show' {
            break
        }
        'bulkhaul;targets;help;check' {
            break
        }
        'bulkhaul;targets;help;new' {
            break
        }
        'bulkhaul;targets;help;help' {
            break
        }
        'bulkhaul;sandbox' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port on 127.0.0.1; 0 takes a free one')
            [CompletionResult]::new('--faults', '--faults', [CompletionResultType]::ParameterName, 'Misbehave on purpose, e.g. `throttle=2%,error=1%,drop-after=1%`; `help` says what there is')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of its chance')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Keep rows and keys in this file (default: in memory)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'A line for each request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'A line for each request')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;man' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'bulkhaul;help' {
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Import rows; run the same command again to resume')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what would be sent: the first request, how many, how long; sends nothing')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'How an import stands, running or not')
            [CompletionResult]::new('rejects', 'rejects', [CompletionResultType]::ParameterValue, 'Refused rows by reason, and their export')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Make the books of an import again, from its ledger, input and dead letters')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'How an import went, as one page for a browser')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Send dead letters again, after the profile, the target or the rows were mended')
            [CompletionResult]::new('targets', 'targets', [CompletionResultType]::ParameterValue, 'The targets that can be named, and profiles for others')
            [CompletionResult]::new('sandbox', 'sandbox', [CompletionResultType]::ParameterValue, 'Run the practice server on loopback')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'bulkhaul;help;send' {
            break
        }
        'bulkhaul;help;plan' {
            break
        }
        'bulkhaul;help;status' {
            break
        }
        'bulkhaul;help;rejects' {
            break
        }
        'bulkhaul;help;audit' {
            break
        }
        'bulkhaul;help;report' {
            break
        }
        'bulkhaul;help;replay' {
            break
        }
        'bulkhaul;help;targets' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'The built-in targets, with their parameters')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'The profile of a built-in target, to copy and change')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Every mistake in a profile; without one, what it will do')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a commented profile to begin with')
            break
        }
        'bulkhaul;help;targets;list' {
            break
        }
        'bulkhaul;help;targets;show' {
            break
        }
        'bulkhaul;help;targets;check' {
            break
        }
        'bulkhaul;help;targets;new' {
            break
        }
        'bulkhaul;help;sandbox' {
            break
        }
        'bulkhaul;help;completions' {
            break
        }
        'bulkhaul;help;man' {
            break
        }
        'bulkhaul;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
