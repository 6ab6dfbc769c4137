//! Waiting for a condition.

use std::time::Duration;

/// Only a failing test waits this long.
const DEADLINE: Duration = Duration::from_secs(15);

/// Waits until `condition` holds; panics with `what` if it does not come to hold.
#[expect(
    clippy::disallowed_methods,
    reason = "yields between two looks at a server; nothing depends on how long it takes"
)]
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
        panic!("waited in vain until {what}");
    }
}
