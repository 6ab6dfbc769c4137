//! Our failures on their way through diesel's error type, and back.

use std::sync::Arc;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind};

use super::{Error, Kind};

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        match error {
            // One of ours that travelled through a `QueryResult` comes back as itself.
            diesel::result::Error::QueryBuilderError(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(inner) => {
                    Self::new(Kind::Query(diesel::result::Error::QueryBuilderError(inner)))
                }
            },
            error => Self::new(Kind::Query(error)),
        }
    }
}

/// So that a method which returns `QueryResult` keeps its signature.
impl From<Error> for diesel::result::Error {
    fn from(error: Error) -> Self {
        if error.is_unreachable() || error.is_busy() || error.is_lagging() || error.is_overloaded()
        {
            return Self::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand,
                Box::new(Information(error.to_string())),
            );
        }
        match Arc::try_unwrap(error.0) {
            Ok(Kind::Query(query)) => query,
            Ok(kind) => Self::QueryBuilderError(Box::new(Error::new(kind))),
            Err(shared) => Self::QueryBuilderError(Box::new(Error(shared))),
        }
    }
}

/// diesel's shape for what a server says about an error.
struct Information(String);

impl DatabaseErrorInformation for Information {
    fn message(&self) -> &str {
        &self.0
    }
    fn details(&self) -> Option<&str> {
        None
    }
    fn hint(&self) -> Option<&str> {
        None
    }
    fn table_name(&self) -> Option<&str> {
        None
    }
    fn column_name(&self) -> Option<&str> {
        None
    }
    fn constraint_name(&self) -> Option<&str> {
        None
    }
    fn statement_position(&self) -> Option<i32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::call::Name;

    const NAME: Name = Name::new("Albums", "rename");

    #[test]
    fn our_failure_survives_a_query_result() {
        let through: diesel::result::Error = Error::aborted_by_body(NAME).into();
        assert!(Error::from(through).is_aborted_by_body());
    }

    #[test]
    fn a_query_failure_comes_through_unchanged() {
        let through: diesel::result::Error = Error::from(diesel::result::Error::NotFound).into();
        assert_eq!(through, diesel::result::Error::NotFound);
    }

    #[test]
    fn a_nested_write_names_the_method_to_call_instead() {
        let text = Error::nested_write(NAME).to_string();
        assert!(text.contains("`Albums::rename_on(conn, ..)`"), "{text}");
    }
}
