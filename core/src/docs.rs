//! Pages that belong to no single item.
//!
//! * [`imports`]: the one import, and what the errors of the type wall mean.
//! * [`poolers`]: PgBouncer, HAProxy and services of a cluster: how to declare them, and what is sent through them.
//! * [`tls`]: what a URL may say about TLS, and what happens when it fails.

#[doc = include_str!("docs/imports.md")]
pub mod imports {}

#[doc = include_str!("docs/poolers.md")]
pub mod poolers {}

#[doc = include_str!("docs/tls.md")]
pub mod tls {}
