//! A read's *policy*: how fresh its answer must be, and how long it may wait for that.

use std::time::Duration;

/// What an answer must include.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// Everything that was acknowledged before the call: the primary answers.
    Strong,
    /// Everything that the session wrote and everything that it saw; without a session, everything
    /// that this process wrote through the manifold.
    #[default]
    Session,
    /// Whatever a healthy replica shows. Such a read neither heeds a session nor raises its floor.
    Eventual,
}

/// How fresh an answer must be, and how long a read waits for that.
///
/// ```
/// use diesel_manifold::{Consistency, Policy};
/// use std::time::Duration;
///
/// const REPORT: Policy = Policy::new()
///     .consistency(Consistency::Eventual)
///     .max_staleness(Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    pub(crate) consistency: Consistency,
    pub(crate) max_staleness: Option<Duration>,
    pub(crate) wait: Option<Duration>,
}

impl Policy {
    /// [`Consistency::Session`], without a bound on staleness.
    pub const fn new() -> Self {
        Self {
            consistency: Consistency::Session,
            max_staleness: None,
            wait: None,
        }
    }

    /// Whether the session counts.
    pub(crate) const fn heeds_session(&self) -> bool {
        !matches!(self.consistency, Consistency::Eventual)
    }

    /// What an answer must include. Default: [`Consistency::Session`].
    #[must_use]
    pub const fn consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }

    /// The answer shows everything that was acknowledged before the call less this. Default: no such
    /// bound. The positions that prove it are 100 ms apart, so below about 150 ms it always means the
    /// primary.
    #[must_use]
    pub const fn max_staleness(mut self, bound: Duration) -> Self {
        self.max_staleness = Some(bound);
        self
    }

    /// How long the read waits for a replica that is behind, before it asks the primary. Default:
    /// [`ReadSettings::wait`](crate::ReadSettings::wait). Zero: it asks the primary at once.
    #[must_use]
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }
}

impl From<Consistency> for Policy {
    fn from(consistency: Consistency) -> Self {
        Self::new().consistency(consistency)
    }
}
