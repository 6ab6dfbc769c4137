//! Pages that belong to no single item.
//!
//! * [`imports`]: the one import, and what the errors of the type wall mean.

#[doc = include_str!("docs/imports.md")]
pub mod imports {}
