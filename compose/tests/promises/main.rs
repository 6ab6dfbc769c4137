//! What the crate promises, against real servers. A test that waits asks again until a deadline; none relies on a pause.

mod crashes;
mod leaving;
mod owner;
mod redis;
mod replication;
mod starting;
mod support;
mod template;
