//! The cached methods whose values we can show: a value in Redis does not tell its type, and its key
//! does.

use std::sync::Arc;

use anyhow::Result;
use diesel_manifold::{Cacheable, Key, SharedCache};

use super::text;
use crate::store::{AlbumWithSongs, Albums, PostWithComments, Posts};

/// The value under a name as JSON, if it is the name of an album or a post, and cached.
pub async fn json(cache: &SharedCache<'_>, name: &str) -> Result<Option<String>> {
    if let Some(key) = key(name, Albums::by_id_key) {
        return shown::<AlbumWithSongs>(cache, &key).await;
    }
    if let Some(key) = key(name, Posts::by_id_key) {
        return shown::<PostWithComments>(cache, &key).await;
    }
    Ok(None)
}

/// `Option<Arc<T>>` is what both methods answer with, so it is what is cached.
async fn shown<T: Cacheable>(cache: &SharedCache<'_>, key: &Key) -> Result<Option<String>> {
    let answer = cache.peek::<Option<Arc<T>>>(key).await?;
    Ok(answer.flatten().as_ref().map(text::json).transpose()?)
}

/// The key that `of` writes as `name`.
fn key(name: &str, of: impl Fn(&i32) -> Key) -> Option<Key> {
    let arguments = name.strip_prefix(of(&0).cache())?;
    let id = arguments.strip_prefix('(')?.strip_suffix("i32)")?;
    let key = of(&id.parse().ok()?);
    // `(+7i32)` and `(07i32)` name no key.
    (key.to_string() == name).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_albums_only_if_the_library_would_write_it_so() {
        let cache = Albums::by_id_key(&0).cache();
        for (arguments, known) in [
            ("(7i32)", true),
            ("(-2147483648i32)", true),
            ("(2147483648i32)", false),
            ("(+7i32)", false),
            ("(07i32)", false),
            ("(7i64)", false),
            ("(i32)", false),
            ("(7i32", false),
            ("(7i32))", false),
            ("", false),
            ("#7i32", false),
        ] {
            let name = format!("{cache}{arguments}");
            assert_eq!(key(&name, Albums::by_id_key).is_some(), known, "{name}");
            assert!(key(&name, Posts::by_id_key).is_none(), "{name}");
        }
    }
}
