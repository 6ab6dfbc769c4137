//! Waiting for a condition.

use std::time::Duration;

/// Only a failing test waits this long.
const DEADLINE: Duration = Duration::from_secs(15);

/// Waits until `condition` holds; panics with `what` if it does not come to hold.
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waiting = async {
        while !condition().await {
            // Yields between two looks; nothing depends on how long it takes.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
        panic!("waited in vain until {what}");
    }
}
