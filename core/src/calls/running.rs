//! The mark of a running write, so that a public call inside of it is noticed.

use std::future::Future;

use crate::calls::Calls;

tokio::task_local! {
    /// The manifolds with a write running in this task, by the address of their rooms. More than one
    /// when a body writes to another database: that is allowed, for it waits for nothing of its own.
    static RUNNING: Vec<usize>;
}

impl Calls {
    /// Whether a write of this manifold is running around the current call.
    pub fn has_running_write(&self) -> bool {
        RUNNING
            .try_with(|running| running.contains(&self.mark()))
            .unwrap_or(false)
    }

    /// Runs the body of a write with the mark set.
    pub async fn mark_running<F: Future>(&self, body: F) -> F::Output {
        let mut running = RUNNING.try_with(Vec::clone).unwrap_or_default();
        running.push(self.mark());
        RUNNING.scope(running, body).await
    }

    /// What tells this manifold from others in a task.
    pub fn mark(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}
