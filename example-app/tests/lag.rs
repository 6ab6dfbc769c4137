//! `lag` from the outside: the built binary, real servers, and what happens to them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]

#[path = "support/app.rs"]
#[expect(
    dead_code,
    reason = "of a running example only its environment is needed"
)]
mod app;
#[path = "support/program.rs"]
mod program;
#[path = "lag/replicas.rs"]
mod replicas;
#[path = "lag/starting.rs"]
mod starting;
