//! Bugs that were sown on purpose. A simulation that does not catch them would not have caught ours.

use crate::cases::kinds;
use crate::enumeration;
use crate::factor;
use crate::seeds::{self, Manner};
use bulkhaul::model::Canary;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds after which a bug counts as not found.
const BUDGET: u64 = 20_000;
/// Bugs of the ledger show only beside the real one, which takes its time.
const BUDGET_BESIDE: u64 = 2_000;

/// The layer that found it, after how many imports, and what it saw.
type Found = Option<(&'static str, u64, String)>;

fn by_seeds(manner: Manner, budget: u64) -> Found {
    let kinds = kinds();
    (0..budget).find_map(|seed| {
        let broken = catch_unwind(AssertUnwindSafe(|| seeds::simulate(&kinds, seed, manner).broken));
        let first = match broken {
            Ok(broken) => broken.into_iter().next()?,
            Err(_) => "an assertion of the engine's own".to_owned(),
        };
        Some(("simulation", seed + 1, first))
    })
}

fn by_schedules() -> Found {
    let tried = catch_unwind(enumeration::until_broken);
    match tried {
        Ok(Some((schedules, first))) => Some(("enumeration", schedules, first)),
        Ok(None) => None,
        Err(_) => Some(("enumeration", 0, "an assertion of the engine's own".to_owned())),
    }
}

#[test]
fn simulation_catches_every_canary() {
    if factor() < 0.01 {
        return;
    }
    // Panics are expected here, and many.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut escaped = Vec::new();
    for canary in Canary::ALL {
        Canary::let_loose(Some(canary));
        let beside = matches!(
            canary,
            Canary::LettersNotCutBack
                | Canary::LettersNotWrittenAgain
                | Canary::LettersBeforeLedger
                | Canary::CommitsNotSynced
        );
        let layers: [Found; 2] = if beside {
            [by_seeds(Manner::BESIDE, BUDGET_BESIDE), None]
        } else {
            [by_seeds(Manner::PLAIN, BUDGET), by_schedules()]
        };
        Canary::let_loose(None);
        for (layer, imports, why) in layers.iter().flatten() {
            let why: String = why.chars().take(100).collect();
            crate::say(&format!("  {canary:?}: caught by the {layer} after {imports} imports: {why}"));
        }
        if layers.iter().all(Option::is_none) {
            escaped.push(canary);
        }
    }
    std::panic::set_hook(hook);
    crate::say(&format!("canaries: {} of {} caught", Canary::ALL.len() - escaped.len(), Canary::ALL.len()));
    assert!(escaped.is_empty(), "not caught: {escaped:?}");
}
