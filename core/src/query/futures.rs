//! Named futures for the verbs of [`RunQueryDsl`](super::dsl::RunQueryDsl): no boxing beyond
//! diesel-async's own, and each notes its query's beginning, end and errors.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use diesel::result::{Error, QueryResult};
use futures_util::future::{AndThen, TryFuture, TryFutureExt};
use futures_util::stream::{Stream, TryCollect};
use pin_project_lite::pin_project;

use crate::terms::notes::Query;

/// The future of `load` and `get_results`.
pub type Load<F, S, U> = Rows<F, TryCollect<S, Vec<U>>>;
/// The future of `get_result` and `first`.
pub type Get<F, S> = Rows<F, First<S>>;

pin_project! {
    /// Opens the rows, then takes what it wants of them.
    ///
    /// It is a type of its own around the combinator because hiding the `fn(_) -> _` behind a
    /// hand-written `Future` keeps `Send` provable when the future is held across an await
    /// (diesel-async met the same in its issue 249).
    #[must_use = "a query does nothing unless it is awaited"]
    pub struct Rows<F: TryFutureExt, G: TryFuture> {
        #[pin]
        inner: AndThen<F, G, fn(F::Ok) -> G>,
        query: Option<Query>,
        // Held back until the gate is decided.
        result: Option<QueryResult<G::Ok>>,
    }
}

impl<F, G> Rows<F, G>
where
    F: TryFuture<Error = Error>,
    G: TryFuture<Error = Error>,
{
    pub(super) fn new(open: F, take: fn(F::Ok) -> G) -> Self {
        Self {
            inner: open.and_then(take),
            query: None,
            result: None,
        }
    }
}

impl<F, G> Future for Rows<F, G>
where
    F: TryFuture<Error = Error>,
    G: TryFuture<Error = Error>,
    AndThen<F, G, fn(F::Ok) -> G>: Future<Output = QueryResult<G::Ok>>,
{
    type Output = QueryResult<G::Ok>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let query = this.query.get_or_insert_with(Query::begin);
        if this.result.is_none() {
            let result = ready!(this.inner.poll(cx));
            ended(query, &result);
            *this.result = Some(result);
        }
        let passes = ready!(query.poll_gate(cx));
        let result = this.result.take().filter(|_| passes);
        Poll::Ready(result.unwrap_or_else(|| Err(behind())))
    }
}

pin_project! {
    /// The future of `execute`.
    #[must_use = "a query does nothing unless it is awaited"]
    pub struct Execute<F> {
        #[pin]
        inner: F,
        query: Option<Query>,
    }
}

impl<F> Execute<F> {
    pub(super) fn new(inner: F) -> Self {
        Self { inner, query: None }
    }
}

impl<F: Future<Output = QueryResult<usize>>> Future for Execute<F> {
    type Output = QueryResult<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let query = this.query.get_or_insert_with(Query::begin);
        let result = ready!(this.inner.poll(cx));
        ended(query, &result);
        Poll::Ready(result)
    }
}

pin_project! {
    /// The future of `load_stream`: opens the rows and hands them out one by one.
    #[must_use = "a query does nothing unless it is awaited"]
    pub struct Open<F: TryFuture> {
        #[pin]
        inner: F,
        query: Option<Query>,
        // Held back until the gate is decided.
        rows: Option<F::Ok>,
    }
}

impl<F: TryFuture> Open<F> {
    pub(super) fn new(inner: F) -> Self {
        Self {
            inner,
            query: None,
            rows: None,
        }
    }
}

impl<F, S> Future for Open<F>
where
    F: TryFuture<Ok = S, Error = Error> + Future<Output = QueryResult<S>>,
{
    type Output = QueryResult<RowStream<S>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let query = this.query.get_or_insert_with(Query::begin);
        if this.rows.is_none() {
            match ready!(this.inner.poll(cx)) {
                Ok(rows) => {
                    query.answered();
                    *this.rows = Some(rows);
                }
                Err(error) => {
                    query.note(&error);
                    query.end();
                    return Poll::Ready(Err(error));
                }
            }
        }
        let passes = ready!(query.poll_gate(cx));
        // The query goes on until the last row; dropped before, it stays noted as in flight.
        let rows = this.rows.take().filter(|_| passes);
        let query = this.query.take();
        Poll::Ready(match rows {
            Some(rows) => Ok(RowStream { rows, query }),
            None => Err(behind()),
        })
    }
}

pin_project! {
    /// The rows of a `load_stream`, as they arrive.
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct RowStream<S> {
        #[pin]
        rows: S,
        query: Option<Query>,
    }
}

impl<S, U> Stream for RowStream<S>
where
    S: Stream<Item = QueryResult<U>>,
{
    type Item = QueryResult<U>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let row = ready!(this.rows.poll_next(cx));
        if let Some(query) = this.query {
            match &row {
                None => query.end(),
                Some(Err(error)) => query.note(error),
                Some(Ok(_)) => {}
            }
        }
        Poll::Ready(row)
    }
}

/// The first row of a stream, or `NotFound`. It reads on to the end: rows that still come would keep
/// the connection busy, and an error behind the first row is the query's, too.
#[must_use = "a query does nothing unless it is awaited"]
#[expect(
    missing_debug_implementations,
    reason = "it holds a stream, which prints nothing"
)]
pub struct First<S: Stream> {
    rows: Pin<Box<S>>,
    first: Option<S::Item>,
}

impl<S: Stream> First<S> {
    pub(super) fn new(rows: S) -> Self {
        Self {
            rows: Box::pin(rows),
            first: None,
        }
    }
}

// The first row is moved in and out, never pinned.
impl<S: Stream> Unpin for First<S> {}

impl<S, U> Future for First<S>
where
    S: Stream<Item = QueryResult<U>>,
{
    type Output = QueryResult<U>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match ready!(self.rows.as_mut().poll_next(cx)) {
                None => return Poll::Ready(self.first.take().unwrap_or(Err(Error::NotFound))),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(row) if self.first.is_none() => self.first = Some(row),
                Some(Ok(_)) => {}
            }
        }
    }
}

/// What a query is told whose node is behind: its rows are older than what the call must include.
fn behind() -> Error {
    crate::terms::error::Error::behind().into()
}

fn ended<T>(query: &mut Query, result: &QueryResult<T>) {
    match result {
        Ok(_) => query.answered(),
        Err(error) => query.note(error),
    }
    query.end();
}
