//! What the macro makes of a method's body: a value that holds the arguments and can run.
//!
//! Not an async closure: one that borrows its connection is not provably `Send` under
//! `tokio::spawn`. A struct that implements one of these traits is.

use crate::query::conn::{ReadConn, WriteConn};
use crate::terms::cacheable::Cacheable;
use crate::terms::outcome::Outcome;

/// The body of a `#[read]` or `#[cached]` method with its arguments.
pub trait ReadBody: Sized + Send {
    /// The user's return type, as written.
    type Output: Outcome + Send;

    /// The same call once more, for another node; `None` if its arguments cannot be repeated.
    fn again(&self) -> Option<Self>;

    /// Runs the user's code.
    fn run(self, conn: &mut ReadConn<'_>) -> impl Future<Output = Self::Output> + Send;
}

/// The body of a `#[write]` method with its arguments.
pub trait WriteBody: Sized + Send {
    /// The user's return type, as written.
    type Output: Outcome<Ok: Send, Error: Send> + Send;

    /// The same call once more, after a serialization failure; `None` if it cannot be repeated.
    fn again(&self) -> Option<Self>;

    /// Runs the user's code and records the declared invalidations on `conn`.
    fn run(self, conn: &mut WriteConn<'_>) -> impl Future<Output = Self::Output> + Send;
}

/// The body of a `#[cached]` method: its answer can be kept.
///
/// It says `Cacheable` of a type of its own, so that the error for an answer that is not stands once,
/// and under the user's return type.
pub trait CachedBody: ReadBody<Output: Outcome<Ok = Self::Answer>> {
    /// What the method answers with.
    type Answer: Cacheable;
}

/// An argument of a body that may run more than once.
#[diagnostic::on_unimplemented(
    message = "the argument type `{Self}` is not `Clone`, but the body of this method may run again",
    label = "this argument cannot be repeated",
    note = "add `+ Clone` to its bounds (or derive `Clone`)",
    note = "or let the body run once only: `#[read(attempts = 1)]`, or a `#[write]` without `retry`"
)]
pub trait Repeatable: Sized {
    /// The argument once more.
    #[must_use]
    fn repeat(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Repeatable for T {
    fn repeat(&self) -> Self {
        self.clone()
    }
}
