//! The others: found, or fetched by their own installer, or left out with a line.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a plain script does: one session, one request after the other.
pub(crate) const PYTHON: &str = include_str!("requests_loop.py");

/// The output of a command that went well.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program is there; if not, a line says so.
pub(crate) fn has(program: &str, how: &str) -> bool {
    let there = output("sh", &["-c", &format!("command -v {program}")]).is_some();
    if !there {
        println!("{program:<44} left out: not found ({how})");
    }
    there
}

/// A Python with `requests`, fetched by pip into our own folder where it is missing.
pub(crate) fn python(folder: &Path) -> Option<Command> {
    let place = folder.join("python");
    let try_it = || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &place);
        let mut check = Command::new("python3");
        check.env("PYTHONPATH", &place).args(["-c", "import requests"]).stderr(Stdio::null());
        check.status().is_ok_and(|status| status.success()).then_some(command)
    };
    let found = try_it().or_else(|| {
        let target = place.display().to_string();
        output("python3", &["-m", "pip", "install", "--quiet", "--target", &target, "requests"])?;
        try_it()
    });
    if found.is_none() {
        println!("{:<44} left out: no Python with `requests`, and pip does not fetch it", "python requests");
    }
    found
}
