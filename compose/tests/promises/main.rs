//! What the crate promises, against real servers. A test that waits asks again until a deadline; none relies on a pause.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is a test's verdict, and the owner in the tests speaks to them by its output"
)]

mod crashes;
mod haproxy;
mod leaving;
mod owner;
mod pgbouncer;
mod redis;
mod replication;
mod starting;
mod support;
mod template;
mod tls;
