//! `verify` from the outside: the built binary, real servers, and one fault for each.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]

#[path = "support/app.rs"]
#[expect(dead_code, reason = "it serves only to prepare the servers")]
mod app;
#[path = "verify/faults.rs"]
mod faults;
#[path = "support/program.rs"]
#[expect(dead_code, reason = "what is verified is waited for, not watched")]
mod program;
#[path = "verify/report.rs"]
mod report;
#[path = "verify/starting.rs"]
mod starting;
