//! The real binary, broken at every point that matters: killed at each durable step, robbed of what was not synced,
//! told by the kernel that a write has failed. After each, the same command runs again, and a server that logged what
//! it applied says whether every row ended once.
//!
//! | layer | what it does | cases at `FACTOR=1` |
//! | --- | --- | --- |
//! | [`kills`] | `SIGKILL` at the N-th system call of each kind that writes, syncs or talks, for every N | ≥ 1,000 |
//! | [`power_loss`] | a recorded run, cut anywhere, with what was not synced dropped or torn | ≥ 2,000 |
//! | [`disk_errors`] | EIO, ENOSPC, EINTR, short writes, a full disk, broken sockets; once and for good | ≥ 600 |
//!
//! `FACTOR` scales the counts. The layers need `strace`, and one a root user; where there is none they say so. States
//! lie on a tmpfs where there is one: what is tried is the order of steps, not the disk.

#![allow(clippy::unwrap_used)]

#[path = "durability/disk.rs"]
mod disk;
#[path = "durability/disk_errors.rs"]
mod disk_errors;
#[path = "durability/kills.rs"]
mod kills;
#[path = "durability/oracle.rs"]
mod oracle;
#[path = "durability/power_loss.rs"]
mod power_loss;
#[path = "durability/scenario.rs"]
mod scenario;
#[path = "durability/stage.rs"]
mod stage;
#[path = "durability/tracer.rs"]
mod tracer;
