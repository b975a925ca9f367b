//! All schedules of small imports: every point at which the process may die, up to two of them, and every fault that may
//! strike once besides.

use crate::cases::{Kind, kinds};
use crate::chance::{Chance, Hazard, Odometer};
use crate::factor;
use crate::seeds::is_complete;
use crate::world::{Limits, World};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const LOSSES: [Hazard; 4] =
    [Hazard::RequestLost, Hazard::AnswerLost, Hazard::FailedAfter, Hazard::RequestLate];

/// One small import.
struct Small {
    kind: &'static str,
    fates: &'static [(&'static str, u32)],
    batch_rows: u64,
    slots: u32,
    /// Rows that the target takes at once.
    max_rows: usize,
    pipe: bool,
    crashes: u32,
    faults: u32,
    /// Besides what is lost on the wire.
    also: &'static [Hazard],
}

const SMALL: Small = Small {
    kind: "orders-batch",
    fates: &[("ok", 0), ("bad", 0), ("twin", 0), ("twin", 0)],
    batch_rows: 2,
    slots: 1,
    max_rows: usize::MAX,
    pipe: false,
    crashes: 2,
    faults: 1,
    also: &[],
};

const LANES: &[(&str, u32)] = &[("ok", 0), ("ok", 1), ("bad", 0), ("ok", 0)];
const PLAIN: &[(&str, u32)] = &[("ok", 0), ("bad", 0), ("ok", 0), ("ok", 0)];

const ALL: &[Small] = &[
    SMALL,
    Small { slots: 2, batch_rows: 1, ..SMALL },
    Small { pipe: true, max_rows: 1, ..SMALL },
    Small { pipe: true, fates: PLAIN, batch_rows: 3, also: &[Hazard::Aged], faults: 2, ..SMALL },
    Small { kind: "address, hold", pipe: true, fates: PLAIN, batch_rows: 3, also: &[Hazard::Aged], ..SMALL },
    Small { faults: 2, ..SMALL },
    Small { faults: 2, slots: 2, fates: PLAIN, ..SMALL },
    Small { kind: "retry", fates: &[("slow", 0), ("bad", 0), ("ok", 0)], faults: 2, ..SMALL },
    Small { kind: "imports-async", fates: PLAIN, faults: 2, ..SMALL },
    Small { kind: "address, hold", fates: PLAIN, faults: 2, ..SMALL },
    Small { kind: "orders-atomic", fates: PLAIN, faults: 2, ..SMALL },
    Small { kind: "address, keys late", fates: PLAIN, faults: 2, ..SMALL },
    Small { pipe: true, max_rows: 1, faults: 2, ..SMALL },
    Small { kind: "orders-atomic, nameless", fates: PLAIN, batch_rows: 4, faults: 2, ..SMALL },
    Small { kind: "unique", fates: &[("slow", 0), ("ok", 0), ("bad", 0)], faults: 2, ..SMALL },
    Small { kind: "verified", fates: &[("ok", 0), ("bad", 0)], batch_rows: 1, faults: 2, ..SMALL },
    Small { kind: "single", fates: &[("ok", 0), ("bad", 0), ("twin", 0)], batch_rows: 1, faults: 2, ..SMALL },
    Small { also: &[Hazard::CommitFails, Hazard::CommitFailsDurable], ..SMALL },
    Small { also: &[Hazard::FailedForGood, Hazard::Misfitting, Hazard::Twice], ..SMALL },
    Small { also: &[Hazard::Throttled, Hazard::Unauthorized, Hazard::Signal], ..SMALL },
    Small { batch_rows: 4, max_rows: 1, ..SMALL },
    Small { batch_rows: 3, also: &[Hazard::OtherLimits], faults: 2, crashes: 1, ..SMALL },
    Small { kind: "orders-atomic", fates: PLAIN, batch_rows: 4, ..SMALL },
    Small { kind: "orders-atomic, nameless", fates: PLAIN, batch_rows: 4, ..SMALL },
    Small { kind: "imports-async", batch_rows: 4, also: &[Hazard::JobFails, Hazard::JobGone], ..SMALL },
    Small { kind: "short memory", also: &[Hazard::ClockForward], faults: 2, crashes: 1, ..SMALL },
    Small { kind: "address, hold", fates: PLAIN, also: &[Hazard::NotSent, Hazard::TakesUp], ..SMALL },
    Small { kind: "address, resend", fates: PLAIN, ..SMALL },
    Small { kind: "address, keys late", fates: PLAIN, max_rows: 1, also: &[Hazard::Throttled], ..SMALL },
    Small {
        kind: "address, keys late",
        fates: PLAIN,
        also: &[Hazard::ClockForward, Hazard::Shrinks],
        ..SMALL
    },
    Small { kind: "retry", fates: &[("ok", 0), ("slow", 0), ("bad", 0)], batch_rows: 3, ..SMALL },
    Small { kind: "unique", fates: &[("slow", 0), ("ok", 0), ("bad", 0)], ..SMALL },
    Small { kind: "j17", fates: LANES, batch_rows: 3, also: &[Hazard::Rival], ..SMALL },
    Small { kind: "j17-new", fates: LANES, batch_rows: 1, also: &[Hazard::Rival], ..SMALL },
    Small { kind: "blocking", fates: LANES, batch_rows: 3, ..SMALL },
    Small { kind: "experiture-upsert", fates: LANES, batch_rows: 3, ..SMALL },
    Small { kind: "merged", fates: LANES, batch_rows: 3, max_rows: 1, ..SMALL },
    Small { kind: "merged", fates: LANES, batch_rows: 3, ..SMALL },
    Small { kind: "verified", fates: &[("ok", 0), ("bad", 0)], batch_rows: 1, ..SMALL },
    Small { kind: "j17-migrate", fates: &[("ok", 0), ("twin", 0), ("ok", 0)], batch_rows: 1, ..SMALL },
];

/// What the schedules of one import came to.
pub(crate) struct Tried {
    pub(crate) schedules: u64,
    pub(crate) runs: u64,
    /// The first that broke a promise, and what happened in it.
    pub(crate) broken: Option<String>,
}

/// Tries all schedules of one import, or so many.
fn try_all(kind: &Kind, small: &Small, most: u64) -> Tried {
    let case = kind.small(small.fates);
    let limits = Limits {
        rows: small.batch_rows,
        bytes: 1 << 20,
        slots: small.slots,
        jitters: false,
        pipe: small.pipe,
    };
    let mut allowed = vec![Hazard::Crash, Hazard::PowerLoss];
    allowed.extend(LOSSES.iter().chain(small.also));
    let mut odometer = Odometer::new(small.crashes, small.faults, &allowed);
    let mut tried = Tried { schedules: 0, runs: 0, broken: None };
    loop {
        let mut world = World::new(&case, odometer, limits);
        world.server.max_rows = small.max_rows;
        to_the_end(&mut world);
        tried.schedules += 1;
        tried.runs += world.lives;
        if let Some(first) = world.broken.first() {
            tried.broken = Some(format!("{}, schedule {}: {first}", kind.name, tried.schedules));
            return tried;
        }
        odometer = world.chance;
        if !odometer.turn() || tried.schedules >= most {
            return tried;
        }
    }
}

/// Life after life, until the import is complete. What may strike is bounded, so that comes.
fn to_the_end<C: Chance>(world: &mut World<'_, C>) {
    for _ in 0..10 {
        world.life();
        if !world.broken.is_empty() {
            return;
        }
        if is_complete(world) {
            return world.judge();
        }
        if world.lives == 5 {
            world.heal();
        }
    }
    world.breaks("I19: the import does not come to its end".to_owned());
}

/// The first schedule of any that breaks a promise, within a small budget; and how many went well before it.
pub(crate) fn until_broken() -> Option<(u64, String)> {
    let kinds = kinds();
    let mut before = 0;
    ALL.iter().find_map(|small| {
        let kind = kinds.iter().find(|kind| kind.name == small.kind).unwrap();
        let tried = try_all(kind, small, 300);
        before += tried.schedules;
        tried.broken.map(|first| (before, first))
    })
}

#[test]
fn simulation_of_every_schedule_of_small_imports() {
    let kinds = kinds();
    let most = (110_000.0 * factor()) as u64;
    let next = AtomicUsize::new(0);
    let sums = Mutex::new((0, 0, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(small) = ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let kind = kinds.iter().find(|kind| kind.name == small.kind).unwrap();
                    let tried = try_all(kind, small, most);
                    let mut sums = sums.lock().unwrap();
                    (sums.0, sums.1) = (sums.0 + tried.schedules, sums.1 + tried.runs);
                    sums.2.extend(tried.broken);
                }
            });
        }
    });
    let (schedules, runs, broken) = sums.into_inner().unwrap();
    crate::say(&format!("enumeration: {schedules} schedules, {runs} runs, {} violations", broken.len()));
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(factor() < 1.0 || schedules > 1_000_000, "only {schedules} schedules");
}
