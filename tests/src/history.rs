//! The history harness: sessions that read and write while their cluster breaks, and a checker that knows
//! what each of their answers had to show.
//!
//! One table, one row for each session: `register(key, value)`. A session writes only its own row, the
//! numbers 1, 2, 3, ..; whoever reads loads all rows, a vector of counts. So one look at a vector tells
//! which writes of whom it shows, and the checker needs no search: it goes once through each session.
//!
//! * **operation**: what a session does next, drawn by dice: a write, a read, a hop to the other process.
//! * **process**: one of two manifolds on the same cluster; they share the servers and nothing else.
//! * **record**: what became of an operation, with its beginning and end on one monotonic clock.
//! * **fault**: what happens to a node meanwhile. A **hand** brings about one at a time on its node, and
//!   always undoes it.
//! * **failover**: a replica is promoted, while the primary dies or stays. A hand of its own, which no other disturbs
//!   while roles change; the others find their nodes by role.
//! * **aftermath**: what is left when all is over. Each write also adds a line to a log, so an acknowledged write that
//!   is not there was **lost**. When, nobody can say from outside: while a failover was under way.
//! * **plan**: what a run consists of. **Directed**: a plan in which one certain mistake shows soon.
//! * **gap pair**: a load on a replica, and behind it one on the primary that does not show yet what the
//!   first one showed. A commit is in the log before the primary shows it, so this is no violation; it is
//!   counted apart.
//!
//! The seed fixes what every session does, in which order, and what every hand does, in which order and
//! for how long. It does not fix what happens between: how the operating system schedules threads and
//! servers, when a connection notices its end, and so which operations a fault meets. The same seed
//! repeats the same pressure, not the same history.
//!
//! To extend it: a new [`operation::Kind`] is drawn in `operation`, done in `client`, and judged by those
//! checks that the compiler then asks about; a [`faults::Fault`] is a constant with two functions; a
//! [`checker::Check`] is a line in [`checker::checks`].

pub mod aftermath;
pub mod checker;
pub mod client;
pub mod failover;
pub mod faults;
pub mod mutants;
pub mod nemesis;
pub mod operation;
pub mod plan;
pub mod record;
pub mod register;
pub mod report;
pub mod runner;
pub mod trial;

pub use plan::Plan;
pub use report::Report;
pub use runner::run;
