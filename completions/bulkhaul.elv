
use builtin;
use str;

set edit:completion:arg-completer[bulkhaul] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'bulkhaul'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'bulkhaul'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand send 'Import rows; run the same command again to resume'
            cand plan 'Show what would be sent: the first request, how many, how long; sends nothing'
            cand status 'How an import stands, running or not'
            cand rejects 'Refused rows by reason, and their export'
            cand audit 'Make the books of an import again, from its ledger, input and dead letters'
            cand report 'How an import went, as one page for a browser'
            cand replay 'Send dead letters again, after the profile, the target or the rows were mended'
            cand targets 'The targets that can be named, and profiles for others'
            cand sandbox 'Run the practice server on loopback'
            cand completions 'Print the completions for a shell'
            cand man 'Print the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'bulkhaul;send'= {
            cand --to 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in''s name, or `sandbox`'
            cand --url 'The profile''s base URL (parameter `base`)'
            cand --set 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in'
            cand -H 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in'
            cand --header 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in'
            cand --envelope 'For a URL: rows go as {"NAME":[…]} instead of […]'
            cand --idempotency-header 'For a URL: the target honours idempotency keys sent in this header'
            cand --key-ttl 'For a URL: how long the target remembers a key (default: 24h)'
            cand --method 'For a URL: the method (default: POST)'
            cand --format 'Format of the input (default: from the name)'
            cand --delimiter 'Field delimiter of CSV (one character, or `tab`)'
            cand --columns 'Names of the columns, instead of the header''s'
            cand --type 'Type of a CSV column: number, integer, boolean, json, string (default: string)'
            cand --null 'An unquoted CSV field of this text is null'
            cand --limit 'Stop after the first N rows of the input, with exit 0 also where some were refused (but see --max-rejects)'
            cand --expect-rows 'The import is complete only if the input has just so many rows'
            cand --batch-rows 'Most rows in a request (default: the profile''s, else 500)'
            cand --batch-bytes 'Most bytes in a request''s body (default: the profile''s, else 1MiB)'
            cand --batch-age 'For `-`: longest time that a row waits for others to share its request (default: the profile''s, else 5s)'
            cand --rate 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable'
            cand --row-rate 'Most rows in a time, e.g. 5000/s; repeatable'
            cand -j 'Requests in flight'
            cand --concurrency 'Requests in flight'
            cand --timeout 'Time for one request (default: the profile''s, else 60s)'
            cand --max-wait 'Longest wait that is obeyed (default: the profile''s, else 1h)'
            cand --max-elapsed 'Longest time for the whole run'
            cand --on-ambiguous 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)'
            cand --verdict 'What you found at the target of the rows in doubt of a complete import; nothing is sent'
            cand --max-rejects 'Stop, resumable, when more rows than this are refused; a share is of all rows once they are read, before that of those settled, at least of 100'
            cand --dead-letter 'Where refused rows go (default: dead-letters.ndjson in the state)'
            cand --state 'Folder of the import (default: <first input>.bulkhaul)'
            cand --sync 'Send only rows that are new or changed since they were delivered last under this state; all of a row counts, also the order of its columns, and one that no request shows'
            cand --max-shrink 'With --sync: stop before anything is sent if the feed has lost more rows than this since last time'
            cand --max-deletes 'With --deletes: stop before anything is sent if more rows than this would be deleted (default: 10%)'
            cand --import-id 'Fix the import''s identity by hand'
            cand --faults 'For `--to sandbox`: misbehave on purpose, e.g. throttle=2%,error=1%,drop-after=1%; `help` says what there is'
            cand --seed 'For `--to sandbox`: seed of its chance'
            cand --results 'One JSON line for each settled row, once its end is durable; a run that goes on tells again what earlier ones settled; under --sync rows that are unchanged are not sent and not told; `-`: stdout'
            cand --progress 'How progress is shown on stderr'
            cand --log-format 'How the log is written; json also turns all other words on stderr into lines of it'
            cand --color 'Colour on stderr'
            cand --no-header 'The first record is a row; needs --columns'
            cand --spool 'For `-`: copy it into the state first, so that a later run goes on without it'
            cand --new-stream 'For `-`: what comes is the next stream (a queue), not the last one from its start; what the last run wrote down is settled first; a queue that delivers again needs a key that the row brings (`template` under [idempotency] of the profile)'
            cand --deletes 'With --sync: delete at the target what the feed no longer has, as the profile''s [delete] says'
            cand --again 'Import a finished input once more, under new keys'
            cand --accept-new-tail 'Go on although the part of the input that was not read yet has changed, or a finished one has grown'
            cand --abandon 'Give the import up: close it, and say what it leaves'
            cand -n 'Send nothing, and say what would be sent, as `plan` does'
            cand --dry-run 'Send nothing, and say what would be sent, as `plan` does'
            cand -q 'Say nothing unless something needs a person'
            cand --quiet 'Say nothing unless something needs a person'
            cand -v 'Log what leaves and what comes back, each line with its request and key'
            cand --verbose 'Log what leaves and what comes back, each line with its request and key'
            cand --json 'The summary as one JSON object on stdout'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'bulkhaul;plan'= {
            cand --to 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in''s name, or `sandbox`'
            cand --url 'The profile''s base URL (parameter `base`)'
            cand --set 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in'
            cand -H 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in'
            cand --header 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in'
            cand --envelope 'For a URL: rows go as {"NAME":[…]} instead of […]'
            cand --idempotency-header 'For a URL: the target honours idempotency keys sent in this header'
            cand --key-ttl 'For a URL: how long the target remembers a key (default: 24h)'
            cand --method 'For a URL: the method (default: POST)'
            cand --format 'Format of the input (default: from the name)'
            cand --delimiter 'Field delimiter of CSV (one character, or `tab`)'
            cand --columns 'Names of the columns, instead of the header''s'
            cand --type 'Type of a CSV column: number, integer, boolean, json, string (default: string)'
            cand --null 'An unquoted CSV field of this text is null'
            cand --limit 'Stop after the first N rows of the input, with exit 0 also where some were refused (but see --max-rejects)'
            cand --batch-rows 'Most rows in a request (default: the profile''s, else 500)'
            cand --batch-bytes 'Most bytes in a request''s body (default: the profile''s, else 1MiB)'
            cand --rate 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable'
            cand --row-rate 'Most rows in a time, e.g. 5000/s; repeatable'
            cand --on-ambiguous 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)'
            cand --sync 'Send only rows that are new or changed since they were delivered last under this state; all of a row counts, also the order of its columns, and one that no request shows'
            cand --max-shrink 'With --sync: stop before anything is sent if the feed has lost more rows than this since last time'
            cand --max-deletes 'With --deletes: stop before anything is sent if more rows than this would be deleted (default: 10%)'
            cand --import-id 'Fix the import''s identity by hand'
            cand --progress 'How progress is shown on stderr'
            cand --color 'Colour on stderr'
            cand --state 'Folder that `send` would use; under --sync it knows what was delivered of the last feed'
            cand --no-header 'The first record is a row; needs --columns'
            cand -q 'Say nothing unless something needs a person'
            cand --quiet 'Say nothing unless something needs a person'
            cand -v 'Log what leaves and what comes back, each line with its request and key'
            cand --verbose 'Log what leaves and what comes back, each line with its request and key'
            cand --json 'The summary as one JSON object on stdout'
            cand --deletes 'With --sync: delete at the target what the feed no longer has, as the profile''s [delete] says'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'bulkhaul;status'= {
            cand --json 'The summary as one JSON object on stdout'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;rejects'= {
            cand --reason 'Only the rows refused for this reason: its code, or its number in the list'
            cand --export 'Write the rows to stdout: as they are, as CSV that `replay` reads, or as CSV that is safe for spreadsheets'
            cand --in-doubt 'The rows in doubt instead, to look for them at the target (where they stood, or with --export the rows themselves); they are no dead letters, and `replay` refuses them'
            cand --json 'The reasons as one JSON object on stdout'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'bulkhaul;audit'= {
            cand --format 'Format of the input (default: from the name)'
            cand --delimiter 'Field delimiter of CSV (one character, or `tab`)'
            cand --columns 'Names of the columns, instead of the header''s'
            cand --dead-letter 'The dead-letter file, if it was named (default: dead-letters.ndjson in the state)'
            cand --no-header 'The first record is a row; needs --columns'
            cand --json 'What was found, as one JSON object on stdout'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;report'= {
            cand -o 'Where the page goes; `-` is stdout'
            cand --output 'Where the page goes; `-` is stdout'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;replay'= {
            cand --to 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in''s name, or `sandbox`'
            cand --url 'The profile''s base URL (parameter `base`)'
            cand --set 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in'
            cand -H 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in'
            cand --header 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in'
            cand --envelope 'For a URL: rows go as {"NAME":[…]} instead of […]'
            cand --idempotency-header 'For a URL: the target honours idempotency keys sent in this header'
            cand --key-ttl 'For a URL: how long the target remembers a key (default: 24h)'
            cand --method 'For a URL: the method (default: POST)'
            cand --expect-rows 'The import is complete only if the input has just so many rows'
            cand --batch-rows 'Most rows in a request (default: the profile''s, else 500)'
            cand --batch-bytes 'Most bytes in a request''s body (default: the profile''s, else 1MiB)'
            cand --batch-age 'For `-`: longest time that a row waits for others to share its request (default: the profile''s, else 5s)'
            cand --rate 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable'
            cand --row-rate 'Most rows in a time, e.g. 5000/s; repeatable'
            cand -j 'Requests in flight'
            cand --concurrency 'Requests in flight'
            cand --timeout 'Time for one request (default: the profile''s, else 60s)'
            cand --max-wait 'Longest wait that is obeyed (default: the profile''s, else 1h)'
            cand --max-elapsed 'Longest time for the whole run'
            cand --on-ambiguous 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)'
            cand --max-rejects 'Stop, resumable, when more rows than this are refused; a share is of all rows once they are read, before that of those settled, at least of 100'
            cand --dead-letter 'Where refused rows go (default: dead-letters.ndjson in the state)'
            cand --faults 'For `--to sandbox`: misbehave on purpose, e.g. throttle=2%,error=1%,drop-after=1%; `help` says what there is'
            cand --seed 'For `--to sandbox`: seed of its chance'
            cand --results 'One JSON line for each settled row, once its end is durable; a run that goes on tells again what earlier ones settled; under --sync rows that are unchanged are not sent and not told; `-`: stdout'
            cand --progress 'How progress is shown on stderr'
            cand --log-format 'How the log is written; json also turns all other words on stderr into lines of it'
            cand --color 'Colour on stderr'
            cand --format 'Format of records that could not be parsed (default: as their import read them)'
            cand --delimiter 'Field delimiter of such records, if they are CSV'
            cand --columns 'Names of the columns of such records'
            cand --type 'Type of a column, also of rows that were read as strings before: number, integer, boolean, json, string'
            cand --null 'A field of this text is null, if its column has a type or its record could not be parsed'
            cand --limit 'Stop after the first N rows'
            cand --state 'State of the import that the dead letters are of; the replay''s is replays/N in it'
            cand --reason 'Only the rows refused for this reason: its code, or its number in `rejects`'
            cand -q 'Say nothing unless something needs a person'
            cand --quiet 'Say nothing unless something needs a person'
            cand -v 'Log what leaves and what comes back, each line with its request and key'
            cand --verbose 'Log what leaves and what comes back, each line with its request and key'
            cand --json 'The summary as one JSON object on stdout'
            cand --again 'Try the rows that are still open once more, although nothing has changed'
            cand --abandon 'Give an unfinished replay up: close it, and say what it leaves'
            cand -n 'Send nothing, and say what would be sent'
            cand --dry-run 'Send nothing, and say what would be sent'
            cand --in-doubt 'Rows in doubt, too, once you have looked at the target: they may be doubled'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'bulkhaul;targets'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand list 'The built-in targets, with their parameters'
            cand show 'The profile of a built-in target, to copy and change'
            cand check 'Every mistake in a profile; without one, what it will do'
            cand new 'Write a commented profile to begin with'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'bulkhaul;targets;list'= {
            cand --json 'One JSON array on stdout'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;targets;show'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;targets;check'= {
            cand --set 'What it will do where a parameter has this value'
            cand --json 'One JSON object on stdout'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;targets;new'= {
            cand --from 'Name the columns of this CSV or NDJSON file in it'
            cand --delimiter 'Field delimiter of that CSV file (one character, or `tab`)'
            cand --columns 'Names of the columns of that CSV file, instead of the header''s'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;targets;help'= {
            cand list 'The built-in targets, with their parameters'
            cand show 'The profile of a built-in target, to copy and change'
            cand check 'Every mistake in a profile; without one, what it will do'
            cand new 'Write a commented profile to begin with'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'bulkhaul;targets;help;list'= {
        }
        &'bulkhaul;targets;help;show'= {
        }
        &'bulkhaul;targets;help;check'= {
        }
        &'bulkhaul;targets;help;new'= {
        }
        &'bulkhaul;targets;help;help'= {
        }
        &'bulkhaul;sandbox'= {
            cand --port 'Port on 127.0.0.1; 0 takes a free one'
            cand --faults 'Misbehave on purpose, e.g. `throttle=2%,error=1%,drop-after=1%`; `help` says what there is'
            cand --seed 'Seed of its chance'
            cand --store 'Keep rows and keys in this file (default: in memory)'
            cand -v 'A line for each request'
            cand --verbose 'A line for each request'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;man'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'bulkhaul;help'= {
            cand send 'Import rows; run the same command again to resume'
            cand plan 'Show what would be sent: the first request, how many, how long; sends nothing'
            cand status 'How an import stands, running or not'
            cand rejects 'Refused rows by reason, and their export'
            cand audit 'Make the books of an import again, from its ledger, input and dead letters'
            cand report 'How an import went, as one page for a browser'
            cand replay 'Send dead letters again, after the profile, the target or the rows were mended'
            cand targets 'The targets that can be named, and profiles for others'
            cand sandbox 'Run the practice server on loopback'
            cand completions 'Print the completions for a shell'
            cand man 'Print the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'bulkhaul;help;send'= {
        }
        &'bulkhaul;help;plan'= {
        }
        &'bulkhaul;help;status'= {
        }
        &'bulkhaul;help;rejects'= {
        }
        &'bulkhaul;help;audit'= {
        }
        &'bulkhaul;help;report'= {
        }
        &'bulkhaul;help;replay'= {
        }
        &'bulkhaul;help;targets'= {
            cand list 'The built-in targets, with their parameters'
            cand show 'The profile of a built-in target, to copy and change'
            cand check 'Every mistake in a profile; without one, what it will do'
            cand new 'Write a commented profile to begin with'
        }
        &'bulkhaul;help;targets;list'= {
        }
        &'bulkhaul;help;targets;show'= {
        }
        &'bulkhaul;help;targets;check'= {
        }
        &'bulkhaul;help;targets;new'= {
        }
        &'bulkhaul;help;sandbox'= {
        }
        &'bulkhaul;help;completions'= {
        }
        &'bulkhaul;help;man'= {
        }
        &'bulkhaul;help;help'= {
        }
    ]
    $completions[$command]
}
