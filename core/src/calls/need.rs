//! What a read must include: its policy and its session, as positions.

use crate::calls::Calls;
use crate::calls::caller::Caller;
use crate::calls::read::Wanted;
use crate::pools::tour::Need;
use crate::terms::bounds::Bounds;
use crate::terms::memory::Memory;
use crate::terms::policy::{Consistency, Policy};
use crate::terms::position::Position;
use crate::terms::route::Reason;

/// What a cached answer must include to be a hit.
#[derive(Debug, Clone, Copy, Default)]
pub struct HitNeed {
    /// Writes of which nobody here knows which answers they made stale.
    undeclared: Option<Position>,
    /// What was acknowledged before the bound on staleness.
    recent: Option<Position>,
    /// Nobody knows how old an answer is.
    none: bool,
}

impl HitNeed {
    /// Whether an answer with these bounds is a hit.
    pub fn is_met_by(&self, bounds: &Bounds) -> bool {
        let includes = |floor: Option<Position>| {
            floor.is_none_or(|floor| bounds.stamp.is_some_and(|stamp| floor.is_covered_by(stamp)))
        };
        !self.none && includes(self.undeclared) && includes(self.recent)
    }
}

impl Calls {
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
    pub fn hit_need(&self, caller: &Caller, policy: Policy) -> HitNeed {
        let mut none = false;
        let undeclared = match policy.consistency {
            Consistency::Session => match self.memory_of(caller) {
                Some(memory) => {
                    none = memory.has_lost();
                    memory.cached()
                }
                None => self.process_cached(),
            },
            Consistency::Strong | Consistency::Eventual => None,
        };
        let mut need = HitNeed {
            undeclared,
            none,
            ..HitNeed::default()
        };
        if let Some(bound) = policy.max_staleness {
            need.recent = self
                .pools
                .survey()
                .required(self.pools.now().earlier(bound));
            need.none |= need.recent.is_none();
        }
        need
    }
}
