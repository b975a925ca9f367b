//! The security list, point by point, each with the tests that hold it.
//!
//! | point | tests |
//! | --- | --- |
//! | secrets are named, never typed, and in no file, word or log | [`secrets`], [`tokens`]; `send::targets::a_typed_secret_is_refused_with_the_remedy`, `commands::plan::no_secret_is_shown_however_it_was_given`, `target::tests::oauth` |
//! | the ledger holds no address and no secret | [`secrets`] |
//! | files: modes, planted links, pipes, folders that anyone may write in | [`files`]; `send::states::the_state_is_its_owners_alone`, `send::files` (inputs and the state's files are not written over) |
//! | redirects are not followed | `targets::hostile::a_redirection_is_not_followed_and_no_row_is_called_refused`, `send::doubt` |
//! | a job is asked about at the target's origin | `target::tests::jobs_and_groups::a_status_url_is_followed_at_the_own_origin_and_nowhere_else`, fuzz target `status_url` |
//! | TLS: no way to leave it out; tokens are asked for over it | [`servers::no_option_leaves_the_check_of_certificates_out`], `target::tests::oauth::a_token_is_asked_for_over_https_or_on_this_machine_only` |
//! | headers and addresses from rows | `target::tests::bad_input::a_row_that_would_change_the_address_or_a_header_is_refused_here`, fuzz target `path_template` |
//! | bombs and endless answers | [`servers`]; `edge::source::tests::rows` |
//! | formulas in tables | `commands::rejects::the_table_for_spreadsheets_starts_no_formula_and_says_what_it_is` |
//! | terminal escapes | [`servers::no_escape_of_a_server_or_a_row_reaches_the_terminal`], `report::speech::tests` |
//! | a tampered ledger | [`files::a_ledger_with_anything_else_in_it_is_refused`], [`files::a_forged_ledger_sends_no_other_bytes_than_the_input_has`], `commands::audit`, fuzz target `ledger` |
//! | keys tell nothing of the rows | `model::key::tests`, [`files::nobody_can_guess_the_keys_of_a_pipe_from_its_rows`] |
//! | denial by the server | [`servers`]; `target::tests::bad_input::a_job_that_never_ends_is_asked_about_until_its_deadline` |
//! | `SQLite` is one without known ways to lose a commit | [`files::sqlite_is_new_enough`] |

mod files;
mod secrets;
mod servers;
mod tokens;

/// Patient for a moment only.
const QUICK: &str = "[profile]\nversion = 1\nname = \"quick\"\nextends = \"orders-batch\"\n\
                     [retry]\nbase = \"1ms\"\nmax = \"2ms\"\nattempts = 3\n";
