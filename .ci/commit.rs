//! Tells the program which commit it is built from: that of the work tree, or the one written in a packaged crate, or
//! none. Only for release builds: others would be built anew at each commit.

#![expect(clippy::print_stdout, reason = "that is how a build script says something")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.ci/commit.rs");
    println!("cargo::rerun-if-env-changed=BULKHAUL_COMMIT");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_release || std::env::var_os("BULKHAUL_COMMIT").is_some() {
        return;
    }
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&root);
    if let Some(commit) = of_work_tree(root).or_else(|| of_crate(root)) {
        println!("cargo::rustc-env=BULKHAUL_COMMIT={commit}");
    }
}

fn of_work_tree(root: &Path) -> Option<String> {
    let git = |words: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(words).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    // A crate that lies in somebody else's repository has not their commit.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(&["rev-parse", "--git-path", name])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "--short=10", "HEAD"])
}

/// `cargo package` writes it down as `"sha1": "…"`.
fn of_crate(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join(".cargo_vcs_info.json")).ok()?;
    let sha = text.split("\"sha1\"").nth(1)?.split('"').nth(1)?;
    (sha.len() >= 10 && sha.bytes().all(|b| b.is_ascii_hexdigit())).then(|| sha[..10].to_owned())
}
