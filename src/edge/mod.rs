//! The doors: files, wire, ledger, dead letters, clock, signals. One handle on the world a file; they touch it
//! and decide nothing.

pub mod source;
