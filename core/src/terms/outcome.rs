//! What a body answers: the user's own `Result`, seen through a trait so that aliases work.

use crate::terms::error::Error;

/// A `Result` whose error can carry this library's own failures.
///
/// `diesel_manifold::Result<T>` and `diesel::QueryResult<T>` are outcomes. An error type of your own
/// is one as soon as it has `From<diesel_manifold::Error>`.
#[diagnostic::on_unimplemented(
    message = "a repository method must return a `Result` whose error is `From<diesel_manifold::Error>`, not `{Self}`",
    label = "the call itself can fail (no connection, a lost COMMIT), and this type has no place for that",
    note = "return `diesel_manifold::Result<T>` or `diesel::QueryResult<T>`",
    note = "or give your own error type `impl From<diesel_manifold::Error>`"
)]
pub trait Outcome: Sized {
    /// The answer.
    type Ok;
    /// The failure.
    type Error: From<Error>;

    /// The outcome as the `Result` it is.
    fn into_result(self) -> Result<Self::Ok, Self::Error>;

    /// A `Result` as the outcome that the method promised.
    fn from_result(result: Result<Self::Ok, Self::Error>) -> Self;

    /// The answer, if there is one.
    fn answer(&self) -> Option<&Self::Ok>;

    /// The outcome of a call whose body did not get to answer.
    fn failed(error: Error) -> Self {
        Self::from_result(Err(error.into()))
    }
}

impl<T, E: From<Error>> Outcome for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }

    fn from_result(result: Self) -> Self {
        result
    }

    fn answer(&self) -> Option<&T> {
        self.as_ref().ok()
    }
}
