//! What the program says of itself: help, version, completions, the manual.

use crate::support::Bench;
use std::path::Path;

/// Generated files, as they are installed.
const GENERATED: [(&str, &str); 6] = [
    ("completions bash", "bulkhaul.bash"),
    ("completions zsh", "_bulkhaul"),
    ("completions fish", "bulkhaul.fish"),
    ("completions powershell", "_bulkhaul.ps1"),
    ("completions elvish", "bulkhaul.elv"),
    ("man", "bulkhaul.1"),
];

const COMMANDS: [&str; 11] = [
    "send",
    "plan",
    "status",
    "rejects",
    "report",
    "replay",
    "audit",
    "targets",
    "sandbox",
    "completions",
    "targets new",
];

#[test]
fn completions_and_manual_are_what_the_program_generates() {
    let bench = Bench::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (command, name) in GENERATED {
        let said = bench.run(command).exits(0);
        assert_eq!(said.stderr, "");
        let file = folder.join(name);
        if std::env::var_os("BULKHAUL_WRITE_COMPLETIONS").is_some() {
            std::fs::write(&file, &said.stdout).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == said.stdout,
            "completions/{name} is not what `bulkhaul {command}` prints; to write them anew:\n\
             BULKHAUL_WRITE_COMPLETIONS=1 cargo test completions_and_manual"
        );
    }
}

/// Long options in a help text, e.g. `--batch-rows`.
fn options(help: &str) -> Vec<String> {
    let words =
        help.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(str::split_whitespace);
    let long = words.filter(|word| word.starts_with("--") && word.len() > 2);
    long.map(|word| word.trim_end_matches(',').to_owned()).collect()
}

#[test]
fn each_fault_of_the_practice_server_is_explained() {
    let bench = Bench::with("x.csv", "id\n1\n");
    for command in ["sandbox", "send x.csv --to sandbox"] {
        let said = bench.run(&format!("{command} --faults help")).exits(2).stderr;
        let faults = "throttle=2% error=1% drop-before=1% drop-after=1% truncate=1% garbage=1% slow=50ms reject=2% rival=1%";
        for fault in faults.split(' ') {
            let line = said.lines().find(|line| line.trim_start().starts_with(fault));
            assert!(line.is_some_and(|line| line.starts_with("  ") && line.len() > 40), "{fault}: {said}");
        }
        let help = bench.run(&format!("{} --help", command.split(' ').next().unwrap())).exits(0).stdout;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("`help` says what there is"), "{help}");
    }
    let help = bench.run("sandbox --help").exits(0).stdout;
    assert!(help.contains("`under_several_keys` are those of them that came by several requests"), "{help}");
}

#[test]
fn every_option_of_the_help_is_in_the_manual_and_in_the_completions() {
    let bench = Bench::new();
    let manual = bench.run("man").exits(0).stdout.replace("\\-", "-");
    let bash = bench.run("completions bash").exits(0).stdout;
    for command in COMMANDS {
        let help = bench.run(&format!("{command} --help")).exits(0).stdout;
        let options = options(&help);
        assert!(options.contains(&"--help".to_owned()), "{command}: {options:?}");
        for option in options {
            assert!(manual.contains(&option), "{command}: {option} is not in the manual");
            assert!(bash.contains(&option), "{command}: {option} is not in the completions");
        }
    }
    // What a plan refuses is not offered for it.
    let of_plan = bash.lines().skip_while(|line| !line.contains("bulkhaul__subcmd__plan)")).nth(1).unwrap();
    assert!(of_plan.contains("--batch-rows") && !of_plan.contains("--abandon"), "{of_plan}");
    let plan = bench.run("plan --help").exits(0).stdout;
    assert!(!plan.contains("--abandon") && !plan.contains("--results"), "{plan}");
}

#[test]
fn the_manual_has_a_line_of_words_for_each_option() {
    let manual = Bench::new().run("man").exits(0).stdout;
    let lines: Vec<&str> = manual.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("\\fB\\-")) {
        assert!(
            lines[at + 1].len() > 5 && !lines[at + 1].starts_with(".TP"),
            "{line} is followed by {}",
            lines[at + 1]
        );
    }
    for heading in ["NAME", "\"BULKHAUL SEND\"", "\"BULKHAUL TARGETS NEW\"", "FILES", "\"EXIT STATUS\""] {
        assert!(manual.contains(&format!(".SH {heading}\n")), "{heading}");
    }
}

#[test]
fn a_shell_takes_the_completions() {
    let script = "source completions/bulkhaul.bash && complete -p bulkhaul";
    let output = std::process::Command::new("bash")
        .args(["-c", script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match output {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "skipped: there is no bash here");
        }
    }
}

#[test]
fn options_stand_in_groups_and_the_short_help_is_short() {
    let bench = Bench::new();
    let long = bench.run("send --help").exits(0).stdout;
    let short = bench.run("send -h").exits(0).stdout;
    let mut last = 0;
    for heading in
        ["Target:", "Input:", "Batches:", "Pace:", "When things go wrong:", "State:", "Output:", "Examples:"]
    {
        let at = long.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading}: {long}"));
        assert!(at > last, "{heading}");
        last = at;
    }
    assert!(options(&short).len() * 3 < options(&long).len() * 2, "{short}");
    assert!(short.lines().count() < 70, "{short}");
    for command in COMMANDS {
        let help = bench.run(&format!("{command} -h")).exits(0).stdout;
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        if !command.contains(' ') {
            assert!(help.contains("\nExamples:\n  bulkhaul "), "{help}");
        }
    }
}

#[test]
fn alone_it_says_the_first_command() {
    let bench = Bench::new();
    let said = bench.run("").exits(2);
    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("\n  printf 'id,name\\n1,Ada\\n2,Grace\\n' > FILE.csv\n"), "{said:?}");
    assert!(said.stderr.contains("\n  bulkhaul send FILE.csv --to sandbox\n"), "{said:?}");
    // With a file here it is the file's command, and it works as it stands. Dead letters are no input.
    let letter = "{\"row\":{\"id\":\"1\"},\"error\":{\"code\":\"x\"},\"import_id\":\"ab\"}\n";
    bench.write("dead.ndjson", letter);
    bench.write("exported.csv", "bulkhaul:source.row,bulkhaul:import_id,id\n1,ab,1\n");
    bench.write("my list.csv", "id,name\n1,Ada\n");
    let said = bench.run("").exits(2);
    let line = said.stderr.lines().find(|line| line.trim_start().starts_with("bulkhaul send ")).unwrap();
    assert_eq!(line, "  bulkhaul send 'my list.csv' --to sandbox");
    let mut command = bench.command("send");
    command.args(["my list.csv", "--to", "sandbox"]);
    crate::support::said(command.output().unwrap()).exits(0);
}

#[test]
fn the_version_is_the_packages() {
    let said = Bench::new().run("--version").exits(0);
    let version = env!("CARGO_PKG_VERSION");
    let commit = option_env!("BULKHAUL_COMMIT").filter(|commit| !commit.is_empty());
    let expected =
        commit.map_or(format!("bulkhaul {version}\n"), |commit| format!("bulkhaul {version} ({commit})\n"));
    assert_eq!(said.stdout, expected);
}

#[test]
fn a_mistyped_option_is_answered_with_the_one_that_was_meant() {
    let said = Bench::new().run("send x.csv --to sandbox --batch-row 5").exits(2);
    assert!(said.stderr.contains("'--batch-rows'"), "{said:?}");
    let said = Bench::new().run("snd x.csv").exits(2);
    assert!(said.stderr.contains("'send'"), "{said:?}");
}

/// A line that a narrow terminal breaks is pasted as two commands, the first of which does something else.
#[test]
fn a_command_that_a_help_shows_stands_within_eighty_columns() {
    let bench = Bench::new();
    for command in ["send", "plan", "replay", "rejects", "status", "audit", "report", "targets", "sandbox"] {
        let said = bench.run(&format!("{command} --help")).exits(0).stdout;
        let examples = said.split("Examples:\n").nth(1).unwrap_or_default();
        let commands = examples.lines().take_while(|line| !line.is_empty());
        let shown = |line: &&str| {
            ["bulkhaul ", "jq ", "curl "].iter().any(|name| line.trim_start().starts_with(name))
        };
        let pasted = |line: &str| line.split("   ").find(|part| !part.trim().is_empty()).map_or(0, str::len);
        for line in commands.filter(shown) {
            assert!(pasted(line) <= 80, "{command}: {line}");
        }
    }
}
