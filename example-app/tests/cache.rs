//! `cache` from the outside: the built binary, a real Redis, and what a running instance put there.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]

#[path = "support/app.rs"]
#[expect(dead_code, reason = "it is for all that HTTP can do")]
mod app;
#[path = "cache/command.rs"]
mod command;
#[path = "cache/looking.rs"]
mod looking;
#[path = "cache/refusing.rs"]
mod refusing;
