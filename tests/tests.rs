//! The tests, as one program.

#![allow(clippy::unwrap_used)]

mod commands;
mod corpus;
mod feeds;
mod products;
mod readme;
mod real;
mod recovery;
mod replay;
mod sandbox_server;
mod security;
mod send;
mod support;
mod targets;
mod tidy;
