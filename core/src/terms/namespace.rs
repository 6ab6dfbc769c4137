//! Which database the keys of a manifold belong to.

use std::fmt;
use std::sync::Arc;

/// Keeps the keys of different databases apart in one Redis, and joins the processes that use the
/// same one: the cluster's system identifier, the database, the schemas that its `search_path` finds
/// and the configured name.
///
/// URLs do not decide it: two processes reach the same database by different names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The namespace of `database`, seen through `schemas`, in the cluster with `system_identifier`,
    /// under the name that `MANIFOLD_NAMESPACE` or the builder gave.
    pub fn new(system_identifier: i64, database: &str, schemas: &str, name: &str) -> Self {
        // The identifier is unsigned on the server; SQL shows it signed.
        let identifier = system_identifier.cast_unsigned();
        let [database, schemas, name] = [database, schemas, name].map(plain);
        Self(format!("{identifier}.{database}.{schemas}.{name}").into())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes what would let two different namespaces read the same.
fn plain(text: &str) -> String {
    use fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_databases_never_share_a_namespace() {
        let of = |database, name| Namespace::new(7, database, "public", name).to_string();
        assert_eq!(of("shop", "prod"), "7.shop.public.prod");
        assert_ne!(of("a.b", "c"), of("a", "b.c"));
        assert_ne!(of("a:b", ""), of("a", "b"));
    }
}
