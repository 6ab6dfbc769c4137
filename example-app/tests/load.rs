//! `example-app load` from the outside: the built binary, real servers, and what happens to them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]

#[path = "support/app.rs"]
#[expect(
    dead_code,
    reason = "a load is no server, and takes only what both need"
)]
mod app;
#[path = "load/faults.rs"]
mod faults;
#[path = "load/figures.rs"]
mod figures;
#[path = "load/running.rs"]
mod running;
