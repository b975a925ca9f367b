//! The doors: one file, one handle on the world. An edge decides nothing; it has plain functions, and what they
//! return is made into events by the corridor.

pub mod chance;
pub mod clock;
pub mod fingerprint;
pub mod globs;
pub mod interrupt;
pub mod ledger;
pub mod letter_file;
pub mod packing;
pub mod results;
pub mod sheet;
pub mod sorter;
pub mod source;
pub mod spool;
pub mod state_dir;
pub mod status_file;
pub mod watched;
pub mod wire;
