//! Who calls: the session and the policy that a handle carries, or the session around the task.

use std::sync::Arc;

use crate::calls::Calls;
use crate::terms::memory::Memory;
use crate::terms::policy::Policy;

tokio::task_local! {
    /// The sessions around this task, each with the mark of its manifold; the innermost last.
    static AROUND: Vec<(usize, Arc<Memory>)>;
}

/// What a handle of a manifold says about its caller.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The session that it is bound to.
    pub memory: Option<Arc<Memory>>,
    /// The policy that takes the place of what a method was annotated with.
    pub policy: Option<Policy>,
}

impl Calls {
    /// The caller's session: its handle's, else the one around the task.
    pub fn memory_of(&self, caller: &Caller) -> Option<Arc<Memory>> {
        caller.memory.clone().or_else(|| self.memory_around())
    }

    fn memory_around(&self) -> Option<Arc<Memory>> {
        let own = |around: &Vec<(usize, Arc<Memory>)>| {
            let mut own = around.iter().rev().filter(|(mark, _)| *mark == self.mark());
            own.next().map(|(_, memory)| Arc::clone(memory))
        };
        AROUND.try_with(own).ok().flatten()
    }

    /// Runs `future` with a session around it.
    pub async fn with_memory<F: Future>(&self, memory: Arc<Memory>, future: F) -> F::Output {
        let mut around = AROUND.try_with(Vec::clone).unwrap_or_default();
        around.push((self.mark(), memory));
        AROUND.scope(around, future).await
    }
}
