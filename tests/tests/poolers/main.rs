//! Behind PgBouncer, old and new, in both of its modes, and behind HAProxy.
//!
//! A PgBouncer or HAProxy that this machine does not have skips its tests, and says so.

mod reading;
mod refusals;
mod site;
