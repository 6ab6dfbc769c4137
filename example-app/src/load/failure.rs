//! Failures by kind: few enough to count, telling enough to know whose fault it is.

use diesel::result::Error as QueryError;
use diesel_manifold::Error;

/// Characters of a failure's text that are kept; a server may say anything.
const LONGEST: usize = 300;

/// What an error is to those who count. There are as many kinds as words in here and in diesel's
/// `DatabaseErrorKind`.
pub fn kind(error: &Error) -> String {
    if let Some(query) = error.query() {
        return match query {
            QueryError::DatabaseError(kind, _) => format!("query: {kind:?}"),
            QueryError::NotFound => "query: NotFound".to_owned(),
            _ => "query".to_owned(),
        };
    }
    let predicates: [(&str, bool); 6] = [
        ("unreachable", error.is_unreachable()),
        ("busy", error.is_busy()),
        ("outcome unknown", error.is_outcome_unknown()),
        ("configuration", error.is_configuration()),
        ("shut down", error.is_shut_down()),
        ("misuse", error.is_misuse()),
    ];
    let holds = predicates.iter().find(|(_, holds)| *holds);
    holds.map_or("other", |(name, _)| name).to_owned()
}

/// What it says, in one line.
pub fn text(error: &Error) -> String {
    let text = error.to_string();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use diesel::result::DatabaseErrorKind;

    use super::*;

    #[test]
    fn a_query_s_failure_is_counted_by_what_the_server_says_it_is() {
        let said = "no such post\n  in this blog".to_owned() + &"!".repeat(1_000);
        let violation =
            QueryError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, Box::new(said));
        let violation = Error::from(violation);
        assert_eq!(kind(&violation), "query: ForeignKeyViolation");
        assert_eq!(kind(&QueryError::NotFound.into()), "query: NotFound");
        assert_eq!(kind(&QueryError::AlreadyInTransaction.into()), "query");
        let text = text(&violation);
        assert!(text.starts_with("no such post in this blog!"), "{text}");
        assert_eq!(text.chars().count(), LONGEST);
    }
}
