//! The front door: run, and exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bulkhaul::run(std::env::args_os()))
}
