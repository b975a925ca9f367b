//! Imports from seeds: faults first, then none, and then every import must come to its end.

use crate::cases::{Kind, kinds};
use crate::chance::{Chance, Hazard, Seeded};
use crate::coverage::Coverage;
use crate::factor;
use crate::world::{Ended, Limits, World};
use bulkhaul::model::ImportState;

const IMPORTS: f64 = 50_000.0;
const IMPORTS_BESIDE: f64 = 300.0;
/// Lives of the process under faults.
const LIVES_MAX: u64 = 12;
/// Runs after which an import that nothing disturbs any more must be complete.
const CALM_MAX: u64 = 12;

/// How a seed is played.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    traced: bool,
    /// With the real ledger beside its model.
    beside: bool,
}

impl Manner {
    pub(crate) const PLAIN: Self = Self { traced: false, beside: false };
    pub(crate) const BESIDE: Self = Self { traced: false, beside: true };
    const TRACED: Self = Self { traced: true, beside: false };
}

pub(crate) struct Outcome {
    pub(crate) broken: Vec<String>,
    trace: Vec<String>,
    coverage: Coverage,
    steps: u64,
    lives: u64,
    kind: &'static str,
}

pub(crate) fn simulate(kinds: &[Kind], seed: u64, manner: Manner) -> Outcome {
    let mut setting = fastrand::Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15);
    let kind = &kinds[(seed % kinds.len() as u64) as usize];
    let mut chance = Seeded::new(seed, |hazard| kind.suits(hazard));
    let most = [4, 12, 30][setting.usize(..3)];
    let count = setting.u64(0..=most);
    let case = kind.case(count, &mut chance);
    let limits = Limits {
        rows: kind.target.limits().rows.unwrap_or(8).min(setting.u64(1..=8)),
        bytes: if setting.u8(..4) == 0 { setting.u64(60..300) } else { 1 << 20 },
        slots: setting.u32(1..=4),
        jitters: true,
        pipe: setting.u8(..3) == 0,
    };
    let mut world = World::beside(&case, chance, limits, manner.beside);
    world.trace = manner.traced.then(Vec::new);
    run(&mut world);
    Outcome {
        broken: world.broken,
        trace: world.trace.unwrap_or_default(),
        coverage: world.coverage,
        steps: world.steps,
        lives: world.lives,
        kind: kind.name,
    }
}

/// Lives under faults, then lives without, to the end.
pub(crate) fn run<C: Chance>(world: &mut World<'_, C>) {
    let mut comes_again = world.case.kind.comes_again();
    for _ in 0..LIVES_MAX {
        let ended = world.life();
        if !world.broken.is_empty() {
            return;
        }
        world.partition();
        if is_complete(world) && ended == Ended::Finished && world.chance.pick(3) > 0 {
            // Once more, for some: under the same state, which remembers the import before.
            comes_again &= world.chance.pick(2) == 1;
            if !comes_again {
                break;
            }
            world.again();
            comes_again = false;
        }
    }
    world.heal();
    for _ in 0..CALM_MAX {
        let ended = world.life();
        if !world.broken.is_empty() {
            return;
        }
        if is_complete(world) && ended == Ended::Finished {
            return world.judge();
        }
    }
    world.breaks("I19: nothing disturbs the import any more, and it does not come to its end".to_owned());
}

pub(crate) fn is_complete<C: Chance>(world: &World<'_, C>) -> bool {
    matches!(world.disk.import.as_ref().map(|import| import.state), Some(ImportState::Complete(_)))
}

#[test]
fn simulation_of_imports_from_seeds() {
    let kinds = kinds();
    if let Some(seed) = std::env::var("SEED").ok().and_then(|text| text.parse().ok()) {
        let outcome = simulate(&kinds, seed, Manner::TRACED);
        crate::say(&format!("seed {seed}, {}:\n{}", outcome.kind, outcome.trace.join("\n")));
        assert!(outcome.broken.is_empty(), "{:#?}", outcome.broken);
        return;
    }
    let imports = (IMPORTS * factor()) as u64;
    let (mut coverage, mut steps, mut lives) = (Coverage::default(), 0, 0);
    let mut failed: Vec<(u64, &str, String)> = Vec::new();
    for seed in 0..imports {
        let outcome = simulate(&kinds, seed, Manner::PLAIN);
        coverage.add(&outcome.coverage);
        (steps, lives) = (steps + outcome.steps, lives + outcome.lives);
        if let Some(first) = outcome.broken.first() {
            failed.push((seed, outcome.kind, first.clone()));
        }
    }
    crate::say(&format!(
        "simulation: {imports} imports, {lives} runs, {steps} steps, {} pairs of state and fault, {} violations",
        coverage.pairs(),
        failed.len()
    ));
    for (seed, kind, why) in failed.iter().take(40) {
        crate::say(&format!("SEED={seed} ({kind}): {why}"));
    }
    assert!(failed.is_empty(), "{} of {imports} seeds broke a promise", failed.len());
    // Fewer meet the rarest pairs by luck alone.
    if factor() >= 0.5 {
        let missing = coverage.missing();
        assert!(missing.is_empty(), "never met: {missing:?}");
    }
}

#[test]
fn simulation_of_one_seed_is_the_same_each_time() {
    let kinds = kinds();
    for seed in 0..200 {
        let (first, second) =
            (simulate(&kinds, seed, Manner::TRACED), simulate(&kinds, seed, Manner::TRACED));
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}

/// The model of the ledger that all the others rest on.
#[test]
fn simulation_of_the_ledger_gives_the_answers_of_the_real_one() {
    let kinds = kinds();
    for seed in 0..(IMPORTS_BESIDE * factor()).max(20.0) as u64 {
        let outcome = simulate(&kinds, seed, Manner::BESIDE);
        assert!(outcome.broken.is_empty(), "seed {seed}, {}: {:#?}", outcome.kind, outcome.broken);
    }
}

#[test]
fn simulation_has_a_hazard_for_each_bit() {
    assert!(Hazard::ALL.iter().enumerate().all(|(at, hazard)| *hazard as usize == at));
}
