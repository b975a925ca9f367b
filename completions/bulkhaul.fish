# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_bulkhaul_global_optspecs
    string join \n h/help V/version
end

function __fish_bulkhaul_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_bulkhaul_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_bulkhaul_using_subcommand
    set -l cmd (__fish_bulkhaul_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -s V -l version -d 'Print version'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "send" -d 'Import rows; run the same command again to resume'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "plan" -d 'Show what would be sent: the first request, how many, how long; sends nothing'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "status" -d 'How an import stands, running or not'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "rejects" -d 'Refused rows by reason, and their export'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "audit" -d 'Make the books of an import again, from its ledger, input and dead letters'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "report" -d 'How an import went, as one page for a browser'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "replay" -d 'Send dead letters again, after the profile, the target or the rows were mended'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "targets" -d 'The targets that can be named, and profiles for others'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "sandbox" -d 'Run the practice server on loopback'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "man" -d 'Print the manual page'
complete -c bulkhaul -n "__fish_bulkhaul_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l to -d 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in\'s name, or `sandbox`' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l url -d 'The profile\'s base URL (parameter `base`)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l set -d 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -s H -l header -d 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l envelope -d 'For a URL: rows go as {"NAME":[…]} instead of […]' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l idempotency-header -d 'For a URL: the target honours idempotency keys sent in this header' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l key-ttl -d 'For a URL: how long the target remembers a key (default: 24h)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l method -d 'For a URL: the method (default: POST)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l format -d 'Format of the input (default: from the name)' -r -f -a "csv\t''
tsv\t''
ndjson\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l delimiter -d 'Field delimiter of CSV (one character, or `tab`)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l columns -d 'Names of the columns, instead of the header\'s' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l type -d 'Type of a CSV column: number, integer, boolean, json, string (default: string)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l null -d 'An unquoted CSV field of this text is null' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l limit -d 'Stop after the first N rows of the input, with exit 0 also where some were refused (but see --max-rejects)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l expect-rows -d 'The import is complete only if the input has just so many rows' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l batch-rows -d 'Most rows in a request (default: the profile\'s, else 500)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l batch-bytes -d 'Most bytes in a request\'s body (default: the profile\'s, else 1MiB)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l batch-age -d 'For `-`: longest time that a row waits for others to share its request (default: the profile\'s, else 5s)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l rate -d 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l row-rate -d 'Most rows in a time, e.g. 5000/s; repeatable' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -s j -l concurrency -d 'Requests in flight' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l timeout -d 'Time for one request (default: the profile\'s, else 60s)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l max-wait -d 'Longest wait that is obeyed (default: the profile\'s, else 1h)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l max-elapsed -d 'Longest time for the whole run' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l on-ambiguous -d 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)' -r -f -a "resend\t'Send it again: rows may be doubled'
verify\t'Ask the target, as the profile says how'
hold\t'Set it apart and go on: rows may be missing'
stop\t'End the run, with the rows pending'"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l verdict -d 'What you found at the target of the rows in doubt of a complete import; nothing is sent' -r -f -a "applied\t'They are there: they count as delivered'
missing\t'They are not: they become dead letters, for `replay`'"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l max-rejects -d 'Stop, resumable, when more rows than this are refused; a share is of all rows once they are read, before that of those settled, at least of 100' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l dead-letter -d 'Where refused rows go (default: dead-letters.ndjson in the state)' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l state -d 'Folder of the import (default: <first input>.bulkhaul)' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l sync -d 'Send only rows that are new or changed since they were delivered last under this state; all of a row counts, also the order of its columns, and one that no request shows' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l max-shrink -d 'With --sync: stop before anything is sent if the feed has lost more rows than this since last time' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l max-deletes -d 'With --deletes: stop before anything is sent if more rows than this would be deleted (default: 10%)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l import-id -d 'Fix the import\'s identity by hand' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l faults -d 'For `--to sandbox`: misbehave on purpose, e.g. throttle=2%,error=1%,drop-after=1%; `help` says what there is' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l seed -d 'For `--to sandbox`: seed of its chance' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l results -d 'One JSON line for each settled row, once its end is durable; a run that goes on tells again what earlier ones settled; under --sync rows that are unchanged are not sent and not told; `-`: stdout' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t''
bar\t''
plain\t''
none\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l log-format -d 'How the log is written; json also turns all other words on stderr into lines of it' -r -f -a "text\t'Lines for people, with -v'
json\t'One JSON object a line'"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l color -d 'Colour on stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l no-header -d 'The first record is a row; needs --columns'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l spool -d 'For `-`: copy it into the state first, so that a later run goes on without it'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l new-stream -d 'For `-`: what comes is the next stream (a queue), not the last one from its start; what the last run wrote down is settled first; a queue that delivers again needs a key that the row brings (`template` under [idempotency] of the profile)'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l deletes -d 'With --sync: delete at the target what the feed no longer has, as the profile\'s [delete] says'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l again -d 'Import a finished input once more, under new keys'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l accept-new-tail -d 'Go on although the part of the input that was not read yet has changed, or a finished one has grown'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l abandon -d 'Give the import up: close it, and say what it leaves'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -s n -l dry-run -d 'Send nothing, and say what would be sent, as `plan` does'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -s q -l quiet -d 'Say nothing unless something needs a person'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -s v -l verbose -d 'Log what leaves and what comes back, each line with its request and key'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -l json -d 'The summary as one JSON object on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l to -d 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in\'s name, or `sandbox`' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l url -d 'The profile\'s base URL (parameter `base`)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l set -d 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -s H -l header -d 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l envelope -d 'For a URL: rows go as {"NAME":[…]} instead of […]' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l idempotency-header -d 'For a URL: the target honours idempotency keys sent in this header' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l key-ttl -d 'For a URL: how long the target remembers a key (default: 24h)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l method -d 'For a URL: the method (default: POST)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l format -d 'Format of the input (default: from the name)' -r -f -a "csv\t''
tsv\t''
ndjson\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l delimiter -d 'Field delimiter of CSV (one character, or `tab`)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l columns -d 'Names of the columns, instead of the header\'s' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l type -d 'Type of a CSV column: number, integer, boolean, json, string (default: string)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l null -d 'An unquoted CSV field of this text is null' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l limit -d 'Stop after the first N rows of the input, with exit 0 also where some were refused (but see --max-rejects)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l batch-rows -d 'Most rows in a request (default: the profile\'s, else 500)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l batch-bytes -d 'Most bytes in a request\'s body (default: the profile\'s, else 1MiB)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l rate -d 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l row-rate -d 'Most rows in a time, e.g. 5000/s; repeatable' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l on-ambiguous -d 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)' -r -f -a "resend\t'Send it again: rows may be doubled'
verify\t'Ask the target, as the profile says how'
hold\t'Set it apart and go on: rows may be missing'
stop\t'End the run, with the rows pending'"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l sync -d 'Send only rows that are new or changed since they were delivered last under this state; all of a row counts, also the order of its columns, and one that no request shows' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l max-shrink -d 'With --sync: stop before anything is sent if the feed has lost more rows than this since last time' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l max-deletes -d 'With --deletes: stop before anything is sent if more rows than this would be deleted (default: 10%)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l import-id -d 'Fix the import\'s identity by hand' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t''
bar\t''
plain\t''
none\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l color -d 'Colour on stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l state -d 'Folder that `send` would use; under --sync it knows what was delivered of the last feed' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l no-header -d 'The first record is a row; needs --columns'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -s q -l quiet -d 'Say nothing unless something needs a person'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -s v -l verbose -d 'Log what leaves and what comes back, each line with its request and key'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l json -d 'The summary as one JSON object on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -l deletes -d 'With --sync: delete at the target what the feed no longer has, as the profile\'s [delete] says'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand status" -l json -d 'The summary as one JSON object on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand status" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand rejects" -l reason -d 'Only the rows refused for this reason: its code, or its number in the list' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand rejects" -l export -d 'Write the rows to stdout: as they are, as CSV that `replay` reads, or as CSV that is safe for spreadsheets' -r -f -a "ndjson\t'The dead letters, line by line'
csv\t'One record for each row, exact'
csv-safe\t'No cell is a formula; for people, not for `replay`'"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand rejects" -l in-doubt -d 'The rows in doubt instead, to look for them at the target (where they stood, or with --export the rows themselves); they are no dead letters, and `replay` refuses them'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand rejects" -l json -d 'The reasons as one JSON object on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand rejects" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand audit" -l format -d 'Format of the input (default: from the name)' -r -f -a "csv\t''
tsv\t''
ndjson\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand audit" -l delimiter -d 'Field delimiter of CSV (one character, or `tab`)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand audit" -l columns -d 'Names of the columns, instead of the header\'s' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand audit" -l dead-letter -d 'The dead-letter file, if it was named (default: dead-letters.ndjson in the state)' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand audit" -l no-header -d 'The first record is a row; needs --columns'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand audit" -l json -d 'What was found, as one JSON object on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand audit" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand report" -s o -l output -d 'Where the page goes; `-` is stdout' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand report" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l to -d 'Where to: a URL, a profile (a path, or a name ending in .toml), a built-in\'s name, or `sandbox`' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l url -d 'The profile\'s base URL (parameter `base`)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l set -d 'A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -s H -l header -d 'An extra header; `${env:VAR}` and `${file:PATH}` are filled in' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l envelope -d 'For a URL: rows go as {"NAME":[…]} instead of […]' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l idempotency-header -d 'For a URL: the target honours idempotency keys sent in this header' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l key-ttl -d 'For a URL: how long the target remembers a key (default: 24h)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l method -d 'For a URL: the method (default: POST)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l expect-rows -d 'The import is complete only if the input has just so many rows' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l batch-rows -d 'Most rows in a request (default: the profile\'s, else 500)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l batch-bytes -d 'Most bytes in a request\'s body (default: the profile\'s, else 1MiB)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l batch-age -d 'For `-`: longest time that a row waits for others to share its request (default: the profile\'s, else 5s)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l rate -d 'Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l row-rate -d 'Most rows in a time, e.g. 5000/s; repeatable' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -s j -l concurrency -d 'Requests in flight' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l timeout -d 'Time for one request (default: the profile\'s, else 60s)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l max-wait -d 'Longest wait that is obeyed (default: the profile\'s, else 1h)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l max-elapsed -d 'Longest time for the whole run' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l on-ambiguous -d 'What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)' -r -f -a "resend\t'Send it again: rows may be doubled'
verify\t'Ask the target, as the profile says how'
hold\t'Set it apart and go on: rows may be missing'
stop\t'End the run, with the rows pending'"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l max-rejects -d 'Stop, resumable, when more rows than this are refused; a share is of all rows once they are read, before that of those settled, at least of 100' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l dead-letter -d 'Where refused rows go (default: dead-letters.ndjson in the state)' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l faults -d 'For `--to sandbox`: misbehave on purpose, e.g. throttle=2%,error=1%,drop-after=1%; `help` says what there is' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l seed -d 'For `--to sandbox`: seed of its chance' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l results -d 'One JSON line for each settled row, once its end is durable; a run that goes on tells again what earlier ones settled; under --sync rows that are unchanged are not sent and not told; `-`: stdout' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t''
bar\t''
plain\t''
none\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l log-format -d 'How the log is written; json also turns all other words on stderr into lines of it' -r -f -a "text\t'Lines for people, with -v'
json\t'One JSON object a line'"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l color -d 'Colour on stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l format -d 'Format of records that could not be parsed (default: as their import read them)' -r -f -a "csv\t''
tsv\t''
ndjson\t''"
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l delimiter -d 'Field delimiter of such records, if they are CSV' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l columns -d 'Names of the columns of such records' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l type -d 'Type of a column, also of rows that were read as strings before: number, integer, boolean, json, string' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l null -d 'A field of this text is null, if its column has a type or its record could not be parsed' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l limit -d 'Stop after the first N rows' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l state -d 'State of the import that the dead letters are of; the replay\'s is replays/N in it' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l reason -d 'Only the rows refused for this reason: its code, or its number in `rejects`' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -s q -l quiet -d 'Say nothing unless something needs a person'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -s v -l verbose -d 'Log what leaves and what comes back, each line with its request and key'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l json -d 'The summary as one JSON object on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l again -d 'Try the rows that are still open once more, although nothing has changed'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l abandon -d 'Give an unfinished replay up: close it, and say what it leaves'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -s n -l dry-run -d 'Send nothing, and say what would be sent'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -l in-doubt -d 'Rows in doubt, too, once you have looked at the target: they may be doubled'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and not __fish_seen_subcommand_from list show check new help" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and not __fish_seen_subcommand_from list show check new help" -f -a "list" -d 'The built-in targets, with their parameters'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and not __fish_seen_subcommand_from list show check new help" -f -a "show" -d 'The profile of a built-in target, to copy and change'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and not __fish_seen_subcommand_from list show check new help" -f -a "check" -d 'Every mistake in a profile; without one, what it will do'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and not __fish_seen_subcommand_from list show check new help" -f -a "new" -d 'Write a commented profile to begin with'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and not __fish_seen_subcommand_from list show check new help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from list" -l json -d 'One JSON array on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from check" -l set -d 'What it will do where a parameter has this value' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from check" -l json -d 'One JSON object on stdout'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from new" -l from -d 'Name the columns of this CSV or NDJSON file in it' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from new" -l delimiter -d 'Field delimiter of that CSV file (one character, or `tab`)' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from new" -l columns -d 'Names of the columns of that CSV file, instead of the header\'s' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from help" -f -a "list" -d 'The built-in targets, with their parameters'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from help" -f -a "show" -d 'The profile of a built-in target, to copy and change'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from help" -f -a "check" -d 'Every mistake in a profile; without one, what it will do'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from help" -f -a "new" -d 'Write a commented profile to begin with'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand targets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand sandbox" -l port -d 'Port on 127.0.0.1; 0 takes a free one' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand sandbox" -l faults -d 'Misbehave on purpose, e.g. `throttle=2%,error=1%,drop-after=1%`; `help` says what there is' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand sandbox" -l seed -d 'Seed of its chance' -r
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand sandbox" -l store -d 'Keep rows and keys in this file (default: in memory)' -r -F
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand sandbox" -s v -l verbose -d 'A line for each request'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand sandbox" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand completions" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand man" -s h -l help -d 'Print help'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "send" -d 'Import rows; run the same command again to resume'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "plan" -d 'Show what would be sent: the first request, how many, how long; sends nothing'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "status" -d 'How an import stands, running or not'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "rejects" -d 'Refused rows by reason, and their export'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "audit" -d 'Make the books of an import again, from its ledger, input and dead letters'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "report" -d 'How an import went, as one page for a browser'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "replay" -d 'Send dead letters again, after the profile, the target or the rows were mended'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "targets" -d 'The targets that can be named, and profiles for others'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "sandbox" -d 'Run the practice server on loopback'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "completions" -d 'Print the completions for a shell'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "man" -d 'Print the manual page'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and not __fish_seen_subcommand_from send plan status rejects audit report replay targets sandbox completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and __fish_seen_subcommand_from targets" -f -a "list" -d 'The built-in targets, with their parameters'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and __fish_seen_subcommand_from targets" -f -a "show" -d 'The profile of a built-in target, to copy and change'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and __fish_seen_subcommand_from targets" -f -a "check" -d 'Every mistake in a profile; without one, what it will do'
complete -c bulkhaul -n "__fish_bulkhaul_using_subcommand help; and __fish_seen_subcommand_from targets" -f -a "new" -d 'Write a commented profile to begin with'
