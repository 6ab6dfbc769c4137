//! The journey of `manifold.transaction(..)`: several repositories, one commit.

use std::future::Future;
use std::sync::Arc;

use crate::calls::Calls;
use crate::calls::body::WriteBody;
use crate::calls::caller::Caller;
use crate::query::conn::WriteConn;
use crate::terms::call::{Name, WriteCall};
use crate::terms::error::Error;

/// Every transaction that is no annotated method goes by this name.
const CALL: WriteCall = WriteCall::new(Name::new("Manifold", "transaction"));

/// An async closure whose future is known to be `Send`. Implemented for every such closure.
///
/// The language cannot yet say that of an `AsyncFnOnce`; naming the future of the `FnOnce` behind it
/// can.
pub trait SendClosure<A, R>:
    AsyncFnOnce(A) -> R + FnOnce(A) -> <Self as SendClosure<A, R>>::Running
{
    /// The closure's future.
    type Running: Future<Output = R>;
}

impl<F, A, R, Running> SendClosure<A, R> for F
where
    F: AsyncFnOnce(A) -> R + FnOnce(A) -> Running,
    Running: Future<Output = R>,
{
    type Running = Running;
}

impl Calls {
    /// Runs `body` as one write: the same journey as an annotated method's.
    pub async fn transaction<R, E, F>(self: &Arc<Self>, caller: &Caller, body: F) -> Result<R, E>
    where
        for<'r, 'c> F: AsyncFnOnce(&'r mut WriteConn<'c>) -> Result<R, E>
            + SendClosure<&'r mut WriteConn<'c>, Result<R, E>, Running: Send>
            + Send,
        E: From<Error> + Send,
        R: Send,
    {
        let body = Closure(body, std::marker::PhantomData);
        self.write(caller, &CALL, body).await
    }
}

/// A closure as the body of a write. It cannot run again, for it is called once.
struct Closure<F, R, E>(F, std::marker::PhantomData<fn() -> (R, E)>);

impl<R, E, F> WriteBody for Closure<F, R, E>
where
    for<'r, 'c> F: AsyncFnOnce(&'r mut WriteConn<'c>) -> Result<R, E>
        + SendClosure<&'r mut WriteConn<'c>, Result<R, E>, Running: Send>
        + Send,
    E: From<Error> + Send,
    R: Send,
{
    type Output = Result<R, E>;

    fn again(&self) -> Option<Self> {
        None
    }

    fn run(self, conn: &mut WriteConn<'_>) -> impl Future<Output = Result<R, E>> + Send {
        (self.0)(conn)
    }
}
