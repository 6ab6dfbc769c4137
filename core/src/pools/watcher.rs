//! The watcher of a node: asks it where it is, in the background and on a connection of its own.

use std::sync::{Arc, Weak};
use std::time::Duration;

use diesel_async::AsyncPgConnection;

use crate::pools::connect::Line;
use crate::pools::node::Node;
use crate::rules::duty::Duty;
use crate::terms::clock::Moment;
use crate::terms::settings::ReadSettings;

/// Between two questions while a call waits for the node. It is shared by all who wait.
const HURRIED: Duration = Duration::from_millis(3);

/// A node that nobody may use is connected to anew once in so many questions.
const SECOND_LOOKS: u32 = 10;

/// Watches one node until nobody holds it any more.
#[derive(Debug)]
pub struct Watcher {
    node: Weak<Node>,
    settings: ReadSettings,
    period: Duration,
}

/// The watcher's connection.
type Watching = Option<(AsyncPgConnection, Line)>;

impl Watcher {
    /// A watcher of `node`, which asks once in each `period`.
    pub fn new(node: &Arc<Node>, settings: ReadSettings, period: Duration) -> Self {
        Self {
            node: Arc::downgrade(node),
            settings,
            period,
        }
    }

    /// Watches; ends with the node, or when its pools are closed and no call is there any more: one that waits for a
    /// server that froze ends only because somebody notices.
    pub async fn watch(self) {
        let (mut watching, mut outside) = (None, 0);
        while let Some(node) = self.node.upgrade().filter(|node| node.is_needed()) {
            if node.duty() == Duty::Outside {
                if outside % SECOND_LOOKS == 0 {
                    // Its name may mean another server by now, and this connection still the old one.
                    watching = None;
                }
                outside += 1;
            } else {
                outside = 0;
            }
            self.look(&node, &mut watching).await;
            let usual = self.until_next(node.shared.clock.now());
            let track = Arc::clone(&node.track);
            // The pause bounds how long this task outlives its manifold; the node is let go meanwhile.
            drop(node);
            track.pause(usual, HURRIED).await;
        }
    }

    /// Until the next question is due. All watchers of a manifold ask at the same moments: to wake for
    /// each node by itself costs more than the questions do.
    fn until_next(&self, now: Moment) -> Duration {
        let period = self.period.as_nanos();
        let into = now.since(Moment::default()).as_nanos() % period;
        // Both are below a period, which is an hour at most and so fits.
        let left = u64::try_from(period - into).unwrap_or(u64::MAX);
        Duration::from_nanos(left)
    }

    /// Asks once; connects first if that is needed.
    async fn look(&self, node: &Arc<Node>, watching: &mut Watching) {
        if node.is_left_out() {
            // Left out: the probe brings it back.
            *watching = None;
            return;
        }
        if node.is_opaque() && node.shared.roles.now().primary().is_none() {
            // It may lead to the new primary by now, and an old connection still to the old one.
            *watching = None;
        }
        if watching
            .as_ref()
            .is_some_and(|(_, line)| node.track.is_superseded(&line.door))
        {
            *watching = None;
        }
        if watching.is_none() {
            *watching = node.open_apart().await;
        }
        let Some((conn, line)) = watching else { return };
        let question = node.ask(conn, line);
        match tokio::time::timeout(self.settings.poll_timeout, question).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(node = %node.name, %error, "the node's position is not known");
                *watching = None;
                node.broke();
            }
            Err(_) => {
                tracing::debug!(node = %node.name, "the node does not tell its position in time");
                *watching = None;
                node.broke();
            }
        }
    }
}
