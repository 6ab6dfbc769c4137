//! What the tests share: a real cluster, a repository that can be watched, and ways to wait for a
//! condition.
//!
//! Nothing sleeps to let something happen. A test waits until a condition holds, with a deadline
//! that only a failure reaches.

pub mod history;
pub mod log;
pub mod outage;
pub mod pooled;
mod readme;
pub mod schema;
pub mod shop;
pub mod slow_commit;
pub mod until;
pub mod wiretap;
pub mod world;

pub use shop::{Album, Shop};
pub use until::until;
pub use world::World;
