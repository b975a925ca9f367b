//! The credential, as far as the engine knows it: a number that rises with each renewal. The value itself never
//! comes here.

use crate::model::Moment;
use std::time::Duration;

/// From this age on a credential that was never taken may have grown old before it was first shown: the target asked for
/// patience meanwhile.
const OLD: Duration = Duration::from_secs(10);
/// So often in a row.
const OLD_MAX: u32 = 3;

/// What to do about a credential that the target refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// A newer one is there, or on its way.
    Wait,
    Renew,
    /// It is as new as can be: nothing helps but a person.
    None,
}

#[derive(Debug)]
pub(super) struct Credential {
    renewable: bool,
    serial: u32,
    renewing: bool,
    /// The target took it at least once.
    proven: bool,
    failures: u32,
    got: Moment,
    /// Renewals since it was taken last.
    renewals: u32,
}

impl Credential {
    /// One that has to be got first, if it can be got at all.
    pub(super) const fn new(renewable: bool) -> Self {
        Self {
            renewable,
            serial: 0,
            renewing: false,
            proven: false,
            failures: 0,
            got: Moment::ZERO,
            renewals: 0,
        }
    }

    pub(super) const fn serial(&self) -> u32 {
        self.serial
    }

    /// Nothing may be sent before it is there.
    pub(super) const fn is_missing(&self) -> bool {
        self.renewing || self.renewable && self.serial == 0
    }

    /// Whether it is to be got now; after a yes it is under way.
    pub(super) const fn start(&mut self) -> bool {
        let start = self.renewable && !self.renewing;
        self.renewing = self.renewable;
        start
    }

    pub(super) const fn renewed(&mut self, now: Moment) {
        self.got = now;
        self.renewals += 1;
        self.renewing = false;
        self.proven = false;
        self.failures = 0;
        self.serial += 1;
    }

    /// It could not be got; how often in a row that is now.
    pub(super) const fn failed(&mut self) -> u32 {
        self.renewing = false;
        self.failures += 1;
        self.failures
    }

    /// The target took a request that went out with this serial.
    pub(super) const fn taken(&mut self, serial: u32) {
        if serial == self.serial {
            (self.proven, self.renewals) = (true, 0);
        }
    }

    /// The target refused a request that went out with this serial.
    pub(super) fn refused(&self, serial: u32, now: Moment) -> Remedy {
        if !self.renewable {
            Remedy::None
        } else if self.renewing || serial < self.serial {
            Remedy::Wait
        } else if self.proven || now.since(self.got) >= OLD && self.renewals <= OLD_MAX {
            Remedy::Renew
        } else {
            // A fresh credential that was never taken is no better the second time.
            Remedy::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_credential_that_worked_is_renewed_once_and_a_fresh_one_that_does_not_is_given_up() {
        let mut credential = Credential::new(true);
        assert!(credential.is_missing() && credential.start() && !credential.start());
        credential.renewed(at(0));
        credential.taken(1);
        assert_eq!(credential.refused(1, at(1)), Remedy::Renew);
        assert!(credential.start());
        assert_eq!(credential.refused(1, at(1)), Remedy::Wait);
        credential.renewed(at(0));
        assert_eq!(credential.refused(1, at(1)), Remedy::Wait);
        assert_eq!(credential.refused(2, at(1)), Remedy::None);
    }

    #[test]
    fn a_given_credential_is_never_missing_and_never_renewed() {
        let credential = Credential::new(false);
        assert!(!credential.is_missing());
        assert_eq!(credential.refused(0, at(99)), Remedy::None);
    }

    #[test]
    fn a_credential_that_grew_old_before_it_was_shown_is_renewed_and_not_for_ever() {
        let mut credential = Credential::new(true);
        let mut renewals = 0;
        for hour in 1..9 {
            assert!(credential.start());
            credential.renewed(at(3600 * (hour - 1)));
            if credential.refused(credential.serial(), at(3600 * hour)) == Remedy::None {
                break;
            }
            renewals += 1;
        }
        assert_eq!(renewals, OLD_MAX);
    }
}
