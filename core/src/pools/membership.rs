//! Who belongs to a manifold: nodes join and leave while it runs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::pools::Pools;
use crate::pools::node::{Node, Plan};
use crate::pools::roles::Roles;
use crate::pools::watcher::Watcher;
use crate::terms::error::{Error, Result};

impl Pools {
    /// What the next node is called that has no name of its own: `node-4`. No two get the same, nor one that a node has.
    pub fn next_name(&self) -> String {
        let joined = self.next_node.load(Ordering::Relaxed);
        self.next_name.fetch_max(joined, Ordering::Relaxed);
        loop {
            let number = self.next_name.fetch_add(1, Ordering::Relaxed) + 1;
            let name = format!("node-{number}");
            if !self.is_called(&name) {
                return name;
            }
        }
    }

    /// Whether a node has this name.
    pub fn is_called(&self, name: &str) -> bool {
        self.nodes().iter().any(|node| &*node.name == name)
    }

    /// A node that may be asked who it is. Nobody reads on it before it is admitted.
    pub fn prepare(&self, plan: &Plan) -> Result<Arc<Node>> {
        if self.is_called(&plan.name) {
            return Err(taken(&plan.name));
        }
        let id = self.next_node.fetch_add(1, Ordering::Relaxed);
        let node = Node::new(id, plan, self.fallback, Arc::clone(&self.shared))?;
        self.shared.roles.join(id);
        Ok(Arc::new(node))
    }

    /// From now on calls may go there; unless another one came in by its name meanwhile, or nobody may any more.
    pub fn admit(&self, node: Arc<Node>) -> Result<()> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        if nodes.iter().any(|one| one.name == node.name) {
            return Err(taken(&node.name));
        }
        // Under the lock: who closes the nodes takes it after that was said.
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::shut_down());
        }
        *nodes = nodes.iter().cloned().chain([node]).collect();
        drop(nodes);
        self.assign();
        Ok(())
    }

    /// A node joins. One that does not answer is left out until it does; one that answers as it must not
    /// does not join.
    pub async fn join(&self, plan: &Plan) -> Result<Arc<Node>> {
        let node = self.prepare(plan)?;
        // Who does not come in must not be chosen for the writes.
        let mut guest = Guest(Some((&self.shared.roles, node.id)));
        if let Err(error) = node.identify().await {
            if error.is_configuration() {
                return Err(error);
            }
            node.refused(&error);
        }
        self.admit(Arc::clone(&node))?;
        guest.0 = None;
        self.watch(&node);
        Ok(node)
    }

    /// Has the node watched, as long as it belongs here.
    pub fn watch(&self, node: &Arc<Node>) {
        let watcher = Watcher::new(node, self.reading.clone(), self.period);
        // Spawned: one for each node, which it holds weakly and ends with.
        tokio::spawn(watcher.watch());
    }

    /// A node leaves: no call goes there any more, those that are there come to their end, and then its
    /// connections are closed; at the latest when `drain` is over.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the node has left, and its connections close with the last call that uses one.
    pub async fn leave(&self, name: &str) -> Result<()> {
        let node = self.take_out(name)?;
        let drain = self.shared.settings.drain;
        if tokio::time::timeout(drain, node.until_unused())
            .await
            .is_err()
        {
            tracing::warn!(node = %node.name, ?drain, "a node was removed while calls still used it");
        }
        node.close();
        Ok(())
    }

    fn take_out(&self, name: &str) -> Result<Arc<Node>> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let Some(node) = nodes.iter().find(|node| &*node.name == name).cloned() else {
            return Err(Error::configuration(
                format!("there is no node called `{name}`"),
                "`Manifold::nodes` tells their names",
            ));
        };
        if self.takes_writes(&node) {
            return Err(Error::configuration(
                format!("the node `{name}` takes the writes, so it cannot be removed"),
                "promote another one first",
            ));
        }
        self.shared.roles.leave(node.id);
        *nodes = nodes
            .iter()
            .filter(|one| one.id != node.id)
            .cloned()
            .collect();
        drop(nodes);
        self.assign();
        Ok(node)
    }
}

fn taken(name: &str) -> Error {
    Error::configuration(
        format!("there is a node called `{name}` already"),
        "give each node a name of its own, by `Endpoint::named`",
    )
}

/// A node that is asked who it is, and has said so, perhaps, before it is let in.
struct Guest<'r>(Option<(&'r Roles, usize)>);

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        if let Some((roles, node)) = self.0 {
            roles.leave(node);
        }
    }
}
