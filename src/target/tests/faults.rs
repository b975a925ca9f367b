//! What a profile may say of connections that break, and of attempts that follow them.

use super::*;
use crate::model::{Fault, RowVerdict, StopKind};
use crate::target::Attempt;
use std::time::Duration;

const AFTER: Attempt = Attempt { after_ambiguous: true, begins: false };

fn fault(target: &Target, fault: &Fault) -> Outcome {
    target.read_fault_attempt(fault, 2, Attempt::default())
}

#[test]
fn a_profile_says_how_patient_to_be_with_a_broken_connection() {
    let target = plain(
        "[[response]]\nwhen = { transport = \"connect\" }\nthen = \"throttle\"\nwait = \"9s\"\n\
         [[response]]\nwhen = { transport = [\"reset\", \"send\"], sends = \"many\" }\nthen = \"in_doubt\"\n\
         [[response]]\nwhen = { transport = \"timeout\", attempt = \"after_ambiguous\" }\nthen = \"pause\"\n\
         [[response]]\nwhen = { transport = \"truncated\", status = [\"2xx\"] }\nthen = \"abort\"\n\
         [[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n",
    );
    let (gone, lost, late) =
        (Fault::NotSent("a".into()), Fault::Broken("b".into()), Fault::TimedOut("c".into()));
    let waited = Some(Duration::from_secs(9));
    assert!(matches!(fault(&target, &gone), Outcome::Throttled { wait, .. } if wait == waited));
    let Outcome::Settled(verdicts) = fault(&target, &lost) else { panic!() };
    assert!(matches!(verdicts.others, RowVerdict::InDoubt(_)));
    assert!(matches!(target.read_fault_attempt(&lost, 1, AFTER), Outcome::Unknown { .. }));
    assert!(matches!(fault(&target, &late), Outcome::Unknown { .. }));
    let paused = target.read_fault_attempt(&late, 2, AFTER);
    assert!(matches!(paused, Outcome::Stop { kind: StopKind::Pause, .. }));
    let cut = |status| Reply { body_state: BodyState::Cut, ..reply(status, "{") };
    assert!(matches!(read(&target, &cut(201)), Outcome::Stop { kind: StopKind::Refused, .. }));
    assert!(matches!(read(&target, &cut(500)), Outcome::Unknown { .. }));
    assert!(matches!(read(&target, &reply(200, "")), Outcome::Settled(_)));
}

#[test]
fn an_answer_may_mean_another_thing_after_an_attempt_of_unknown_fate() {
    let target = plain(
        "[[response]]\nwhen = { status = [409], attempt = \"after_ambiguous\" }\nthen = \"ok\"\n\
         [[response]]\nwhen = { status = [409], attempt = \"first\" }\nthen = \"reject\"\n",
    );
    let load = load(&target, &["{}"]);
    let of = |attempt| match target.read_attempt(&load, &reply(409, "there"), NOW, attempt) {
        Outcome::Settled(verdicts) => verdicts.others,
        other => panic!("{other:?}"),
    };
    assert_eq!(of(AFTER), RowVerdict::Delivered);
    assert!(matches!(of(Attempt::default()), RowVerdict::Rejected(_)));
}

#[test]
fn a_broken_connection_never_delivers_and_never_refuses() {
    for verb in ["ok", "reject", "duplicate", "split", "bisect", "exists"] {
        let told = errors(&format!(
            "{HEAD}{REQUEST}[[response]]\nwhen = {{ transport = \"reset\" }}\nthen = \"{verb}\"\n"
        ));
        let wanted = "t.toml:8: nobody knows what a broken connection did to the rows; \
                      it may be retry, throttle, in_doubt, pause or abort";
        assert_eq!(told, wanted, "{verb}");
    }
    let told = errors(&format!(
        "{HEAD}{REQUEST}[[response]]\nwhen = {{ transport = [\"reset\", \"snapped\"], status = [200] }}\nthen = \"retry\"\n"
    ));
    assert_eq!(
        told,
        "t.toml:7: `snapped` is no fault; it is one of connect, timeout, send, reset, truncated, decode\n\
         t.toml:7: `transport` asks about an answer that did not come; take header, json, text and status out; \
         a cut answer has a status"
    );
}
