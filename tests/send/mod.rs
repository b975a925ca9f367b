//! `bulkhaul send` over the real binary: words, exit codes, files, and what the target really got.

mod bad_input;
mod broken_pipes;
mod bytes;
mod copied_pipes;
mod doubt;
mod earlier;
mod endings;
mod faults;
mod files;
mod formats;
mod keys;
mod memory;
mod outages;
mod partly_read;
mod pipes;
mod results;
mod several;
mod standing;
mod states;
mod targets;
mod unbegun;
mod unread;
