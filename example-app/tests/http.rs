//! The example from the outside: the built binary, real HTTP, real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]

#[path = "support/app.rs"]
mod app;
#[path = "http/blogs.rs"]
mod blogs;
#[path = "http/docs.rs"]
mod docs;
#[path = "http/document.rs"]
mod document;
#[path = "http/failures.rs"]
mod failures;
#[path = "http/https.rs"]
mod https;
#[path = "http/instances.rs"]
mod instances;
#[path = "http/probes.rs"]
mod probes;
#[path = "http/reading.rs"]
mod reading;
#[path = "http/writing.rs"]
mod writing;
