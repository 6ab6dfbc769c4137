//! Behind PgBouncer, old and new, in both of its modes, and behind HAProxy.
//!
//! A PgBouncer or HAProxy that this machine does not have skips its tests, and says so.

mod pressure;
mod reading;
mod refusals;
mod site;
mod switch;
mod writing;
