//! The only place that reads the time.

use crate::model::{Moment, Now, WallTime};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Counts from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(&self) -> Now {
        Now { tick: self.tick(), wall: Self::wall() }
    }

    pub fn tick(&self) -> Moment {
        Moment::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    pub fn wall() -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// How long until `at`; nothing if it has passed.
    pub fn until(&self, at: Moment) -> Duration {
        at.since(self.tick())
    }

    /// A seed for chance that differs from run to run.
    pub fn seed() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(32)
    }
}
