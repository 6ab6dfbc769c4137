//! What Redis did not acknowledge is tried again, for a while.

use std::time::Duration;

use crate::calls::Calls;

/// Between two tries, doubled up to the second value.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Calls {
    /// Tries until it succeeds, `within` this time or until the manifold is shut down; then once more, for
    /// there will be no other try. False if it never did.
    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for Redis, which no clock of ours steps"
    )]
    pub async fn try_again<F: Future<Output = bool>>(
        &self,
        within: Duration,
        attempt: impl Fn() -> F,
    ) -> bool {
        let trying = async {
            let mut pause = PAUSE;
            loop {
                tokio::time::sleep(pause).await;
                if attempt().await {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        let closed = self.closed.notified();
        tokio::pin!(closed);
        // Registers before the flag is read: a shutdown in between is not missed.
        closed.as_mut().enable();
        let trying = tokio::time::timeout(within, trying);
        if self.is_closing() {
            return attempt().await;
        }
        tokio::select! {
            done = trying => done.is_ok(),
            () = closed => attempt().await,
        }
    }
}
