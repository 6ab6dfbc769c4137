//! What a read must include: its policy and its session, as positions.

use std::time::Duration;

use crate::calls::Calls;
use crate::calls::caller::Caller;
use crate::calls::read::Wanted;
use crate::pools::tour::Need;
use crate::terms::bounds::Bounds;
use crate::terms::error::{Error, Result};
use crate::terms::history::Survival;
use crate::terms::memory::{HitFloor, Memory};
use crate::terms::policy::{Consistency, Policy};
use crate::terms::position::Position;
use crate::terms::route::Reason;
use crate::terms::trap::Trap;

/// What a cached answer must include to be a hit.
#[derive(Debug, Clone, Copy, Default)]
pub struct HitNeed {
    /// Writes of which nobody here knows which answers they made stale.
    undeclared: Option<Position>,
    /// What was acknowledged before the bound on staleness.
    recent: Option<Position>,
    /// Nobody knows how old an answer is.
    none: bool,
    /// An answer of an older timeline may show what is lost.
    timeline: Option<u32>,
}

impl HitNeed {
    /// Whether an answer with these bounds is a hit.
    pub fn is_met_by(&self, bounds: &Bounds) -> bool {
        let includes = |floor: Option<Position>| {
            floor.is_none_or(|floor| bounds.stamp.is_some_and(|stamp| floor.is_covered_by(stamp)))
        };
        let is_of = |stamp: Position| Some(stamp.timeline()) >= self.timeline;
        !self.none
            && bounds.stamp.is_none_or(is_of)
            && includes(self.undeclared)
            && includes(self.recent)
    }
}

impl Calls {
    /// Tells a session, once, that writes which were acknowledged to it are lost, or may be. Nobody is told of
    /// those without a session: who calls next is somebody else; an event says so.
    ///
    /// # Errors
    ///
    /// `is_write_lost`, `is_write_uncertain`.
    pub fn judge(&self, memory: Option<&Memory>) -> Result<()> {
        let survey = self.pools.survey();
        let survival = |written| survey.survival(written);
        let timeline = survey.latest().unwrap_or_default();
        let verdict = memory.unwrap_or(&self.process).judge(survival);
        match (verdict, memory) {
            (Survival::Current | Survival::Kept, _) => Ok(()),
            (Survival::Lost, Some(_)) => Err(Error::write_lost(timeline)),
            (Survival::Uncertain, Some(_)) => Err(Error::write_uncertain(timeline)),
            (Survival::Lost | Survival::Uncertain, None) => {
                tracing::error!(
                    ?verdict,
                    timeline,
                    "writes of this process that were acknowledged are lost with the old primary, or may be"
                );
                Ok(())
            }
        }
    }

    /// [`Calls::judge`]; before it, waits for `limit` until a node is seen on the timeline that the session has been
    /// on in another process. Until then this one takes an old primary for the primary.
    ///
    /// # Errors
    ///
    /// As [`Calls::judge`]; `is_unreachable`, if no node is on that timeline.
    pub async fn ready(&self, memory: Option<&Memory>, limit: Duration) -> Result<()> {
        let survey = self.pools.survey();
        let ignored = survey.trapped.is(Trap::OtherTimelineIgnored);
        let memory_of = memory.filter(|_| !ignored);
        let timeline = memory_of.and_then(|memory| memory.floors().timeline());
        if let Some(timeline) = timeline.filter(|it| Some(*it) > survey.latest())
            && !self.pools.has_reached(timeline, limit).await
        {
            let why = format!(
                "the session has been on timeline {timeline}, and no node that can be reached is on it"
            );
            return Err(Error::unreachable("the primary", &why, None));
        }
        self.judge(memory)
    }

    /// What a load must include.
    pub fn need(&self, policy: Policy, memory: Option<&Memory>, wanted: Wanted) -> Need {
        let mut need = Need {
            stamped: wanted.stamp,
            wait: policy.wait.unwrap_or(self.pools.reading().wait),
            ..Need::default()
        };
        match policy.consistency {
            Consistency::Strong => need.primary = Some(Reason::Strong),
            Consistency::Session => {
                need.remembered = memory.unwrap_or(&self.process).remembered();
                need.floors.extend(need.remembered.floor);
            }
            Consistency::Eventual => {}
        }
        need.floors.extend(wanted.floor);
        if let Some(bound) = policy.max_staleness {
            match self
                .pools
                .survey()
                .required(self.pools.now().earlier(bound))
            {
                Some(position) => need.floors.push(position),
                None if need.primary.is_none() => need.primary = Some(Reason::NoSample),
                None => {}
            }
        }
        need
    }

    /// The memory that `Self::need` asked: the session's, else the process's. What is found out about its
    /// nodes is noted there.
    pub fn heeded<'m>(&'m self, policy: Policy, memory: Option<&'m Memory>) -> Option<&'m Memory> {
        let heeds = policy.consistency == Consistency::Session;
        heeds.then(|| memory.unwrap_or(&self.process))
    }

    /// What a hit must include.
    ///
    /// # Errors
    ///
    /// As [`Calls::judge`].
    pub fn hit_need(&self, caller: &Caller, policy: Policy) -> Result<HitNeed> {
        let mut none = false;
        let undeclared = match policy.consistency {
            Consistency::Session => match self.memory_of(caller) {
                Some(memory) => {
                    self.judge(Some(&*memory))?;
                    let HitFloor { cached, lost } = memory.hit_floor();
                    none = lost;
                    cached
                }
                None => self.process_cached(),
            },
            Consistency::Strong | Consistency::Eventual => None,
        };
        let mut need = HitNeed {
            undeclared,
            none,
            timeline: self.pools.survey().latest(),
            ..HitNeed::default()
        };
        if let Some(bound) = policy.max_staleness {
            need.recent = self
                .pools
                .survey()
                .required(self.pools.now().earlier(bound));
            need.none |= need.recent.is_none();
        }
        Ok(need)
    }
}
