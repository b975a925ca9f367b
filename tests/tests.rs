//! The tests, as one program.

#![allow(clippy::unwrap_used)]

mod sandbox_server;
