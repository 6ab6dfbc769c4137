//! The journey of a `#[read]`: choose a node, borrow a connection, run the body; on a node's failure
//! the next one, the primary's read pool last.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::calls::Calls;
use crate::calls::body::ReadBody;
use crate::pools::lease::Left;
use crate::query::conn::ReadConn;
use crate::terms::call::ReadCall;
use crate::terms::outcome::Outcome;
use crate::terms::route::{Route, Source};

/// What a load brought.
pub struct Loaded<T> {
    /// The body's outcome.
    pub output: T,
    /// The node that answered last, if one did.
    pub source: Option<Source>,
    /// Whether no query of it was cut short by its connection, by a conflict or by the body: an `Ok`
    /// made up from such a query's error is nothing to keep.
    pub whole: bool,
}

impl Calls {
    /// Answers a read from the database.
    pub async fn read<B: ReadBody>(&self, call: &ReadCall, body: B) -> B::Output {
        if self.has_running_write() {
            self.say_read_in_write(call.name);
        }
        self.load(call, body).await.output
    }

    /// The answer, and who gave it.
    pub async fn load<B: ReadBody>(&self, call: &ReadCall, body: B) -> Loaded<B::Output> {
        let span = tracing::debug_span!(
            "call",
            call = %call.name, layer = "database", node = Empty, reason = Empty, attempts = Empty
        );
        // Boxed, and its type with it: a user's handler around this future would otherwise nest
        // deeper than rustc computes layouts, and a round trip dwarfs the allocation.
        let journey: BoxFuture<'_, _> = Box::pin(self.load_from_node(call, body));
        journey.instrument(span).await
    }

    async fn load_from_node<B: ReadBody>(&self, call: &ReadCall, mut body: B) -> Loaded<B::Output> {
        let mut tour = self.pools.tour();
        let mut attempts = 0;
        loop {
            let mut lease = match tour.next().await {
                Ok(lease) => lease,
                Err(error) => {
                    return Loaded {
                        output: Outcome::failed(error),
                        source: None,
                        whole: false,
                    };
                }
            };
            attempts += 1;
            // The arguments once more, while there is somebody else to ask.
            let spare = if attempts < call.attempts && tour.goes_on() {
                body.again()
            } else {
                None
            };
            let notes = lease.notes();
            let output = notes
                .around(body.run(&mut ReadConn::new(lease.wire())))
                .await;
            let failed = output.answer().is_none();
            let left = lease.settle().await;
            // Only the connection's failure and another transaction's conflict run a body again,
            // never an error of the query's or the user's own.
            if let (true, Left::Broken | Left::Conflict, Some(again)) = (failed, left, spare) {
                tour.failed();
                body = again;
                continue;
            }
            let node = &lease.node().name;
            Span::current()
                .record("node", &**node)
                .record("reason", tour.reason().as_str())
                .record("attempts", attempts);
            let source = Source::Node(Arc::clone(node));
            Route::report(call.name, tour.reason(), attempts, || source.clone());
            return Loaded {
                output,
                source: Some(source),
                whole: left == Left::Sound,
            };
        }
    }
}
