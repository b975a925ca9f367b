//! The simulation: the real engine, target language, keys, recovery and forming in a world whose every edge is a model
//! and whose every choice comes from a seed, or from an odometer that tries them all.
//!
//! `SEED=n cargo test simulation` replays one seed and prints what happened. `FACTOR=10` makes ten times as many.

#![allow(clippy::unwrap_used)]

#[path = "simulation/canaries.rs"]
mod canaries;
#[path = "simulation/cases.rs"]
mod cases;
#[path = "simulation/chance.rs"]
mod chance;
#[path = "simulation/check.rs"]
mod check;
#[path = "simulation/coverage.rs"]
mod coverage;
#[path = "simulation/disk.rs"]
mod disk;
#[path = "simulation/drip.rs"]
mod drip;
#[path = "simulation/enumeration.rs"]
mod enumeration;
#[path = "simulation/regressions.rs"]
mod regressions;
#[path = "simulation/seeds.rs"]
mod seeds;
#[path = "simulation/server.rs"]
mod server;
#[path = "simulation/shadow.rs"]
mod shadow;
#[path = "simulation/steps.rs"]
mod steps;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

/// A line past the test harness, which keeps what tests print to itself.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How many times as much as usual is to be done.
fn factor() -> f64 {
    std::env::var("FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0)
}
