//! Different calls never share a key, and a key reads like its call.

use super::*;
use crate::terms::call::{Name, ReadCall};
use std::collections::HashSet;

const CALL: CachedCall = CachedCall::new(
    ReadCall::new(Name::new("Albums", "by_id")),
    "shop::Albums::by_id",
);

fn key<T: CacheKey>(argument: T) -> Key {
    KeyWriter::new(&CALL).argument(&argument).finish()
}

#[test]
fn a_key_reads_like_the_call() {
    assert_eq!(key(7).to_string(), "shop::Albums::by_id(7i32)");
    let two = KeyWriter::new(&CALL)
        .argument("a\"b\\")
        .argument(&Some(3u8));
    assert_eq!(
        two.finish().to_string(),
        r#"shop::Albums::by_id("a\"b\\",Some(3u8))"#
    );
}

#[test]
fn different_arguments_never_share_a_key() {
    let keys = [
        key(1i32),
        key(1i64),
        key(1u32),
        key("1i32"),
        key(""),
        key("\""),
        key("\\"),
        key("a\",\"b"),
        key(("a", "b")),
        key(("a\",\"b",)),
        key(None::<i32>),
        key(Some(1)),
        key(Some(None::<i32>)),
        key(vec![1, 2]),
        key(vec![vec![1], vec![2]]),
        key(vec![vec![1, 2], vec![]]),
        key(vec![""]),
        key(Vec::<String>::new()),
        key(vec!["", ""]),
        key(()),
        key(true),
        key("true"),
        key('"'),
    ];
    let distinct: HashSet<_> = keys.iter().map(Key::arguments).collect();
    assert_eq!(distinct.len(), keys.len(), "{keys:?}");
}

#[test]
fn a_long_key_is_whole_where_it_leaves_the_inline_buffer() {
    for len in 0..200 {
        let text = "x".repeat(len);
        assert_eq!(key(&text).arguments(), format!("(\"{text}\")").as_bytes());
    }
}

#[cfg(feature = "serde_json")]
#[test]
fn equal_json_is_one_key_whatever_the_order_of_its_fields() {
    let parse = |text: &str| -> serde_json::Value { serde_json::from_str(text).expect("json") };
    assert_eq!(
        key(parse(r#"{"a":1,"b":[2]}"#)),
        key(parse(r#"{"b":[2],"a":1}"#))
    );
    assert_ne!(key(parse("1")), key(parse("1.0")));
}
