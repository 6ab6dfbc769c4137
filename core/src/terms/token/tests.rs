//! What is not a token of ours never opens, and never panics; what is comes back as it was.

use proptest::prelude::*;

use super::key::TokenKey;
use super::*;
use crate::terms::floors::tests::floors;

/// With the highest bit, so that it is negative in SQL.
const SYSTEM: i64 = -2;
/// Written by another program than this one, from the description at the top of `token.rs`.
const PINNED: &str = "Af_________-AAAAAQAAAAADAkAAAAAAAQAAAAADAkCIAAAAAgAAAAADAkEAAAAAAQAAAAADAAAAAAAAAAAAAAcAAAAAAAAAKtIJtDudXpnnW1uixQjSzvfn4KqFlyLGZjvoaiuqbNvd";

fn key(first: u8) -> TokenKey {
    let secret: Vec<u8> = (first..first + 32).collect();
    TokenKey::from_bytes(secret).expect("32 bytes")
}

fn keys() -> TokenKeys {
    TokenKeys::from(key(0))
}

fn pinned() -> Floors {
    Floors {
        written: Some(Written {
            before: Position::new(1, 0x0302_4000),
            after: Position::new(1, 0x0302_4088),
        }),
        seen: Some(Position::new(2, 0x0302_4100)),
        sequence: Some(Sequence {
            epoch: 7,
            number: 42,
        }),
        cached: Some(Position::new(1, 0x0300_0000)),
    }
}

fn flaw(text: &str) -> Flaw {
    keys().read(SYSTEM, text).expect_err(text)
}

/// What the pinned token says, changed and signed by our own key.
fn signed(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut said = BASE64_URL_SAFE_NO_PAD.decode(PINNED).expect("base64url");
    said.truncate(SIZE - TAG);
    change(&mut said);
    sealed_by(&key(0), &said)
}

fn sealed_by(key: &TokenKey, said: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([said, &key.tag(said)].concat())
}

/// Where a field stands.
const WRITTEN_BEFORE: usize = 9;
const WRITTEN_AFTER: usize = WRITTEN_BEFORE + POSITION;
const SEEN: usize = WRITTEN_AFTER + POSITION;
const CACHED: usize = SEEN + POSITION;
const NUMBER: usize = CACHED + POSITION + 8;

#[test]
fn the_format_stays_as_it_is() {
    assert_eq!(keys().seal(SYSTEM, &pinned()), PINNED);
    assert_eq!(keys().open(SYSTEM, PINNED).expect("a token"), pinned());
    assert_eq!(PINNED.len(), 140);
}

#[test]
fn no_bit_of_a_token_may_change() {
    for at in 0..PINNED.len() {
        for bit in 0..8 {
            let mut bytes = PINNED.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            // The highest one makes it no UTF-8, of which no `&str` is made.
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(keys().open(SYSTEM, &text).unwrap_err().is_token(), "{text}");
            }
        }
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(PINNED).expect("base64url");
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(flaw(&BASE64_URL_SAFE_NO_PAD.encode(bytes)), Flaw::NotSigned);
    }
}

#[test]
fn no_part_of_a_token_is_one() {
    for at in 0..PINNED.len() {
        let (head, tail) = PINNED.split_at(at);
        for text in [head.to_owned(), format!("{head}{}", &tail[1..])] {
            assert!(keys().open(SYSTEM, &text).is_err(), "{text}");
        }
        assert!(at == 0 || keys().open(SYSTEM, tail).is_err(), "{tail}");
    }
}

#[test]
fn nothing_may_be_added_to_a_token() {
    for at in 0..=PINNED.len() {
        for added in (0..128u8).map(char::from).chain(['ÿ', '\u{200B}']) {
            let mut text = PINNED.to_owned();
            text.insert(at, added);
            assert!(keys().open(SYSTEM, &text).is_err(), "{text}");
        }
    }
    for text in [
        format!("{PINNED}===="),
        format!("{PINNED}{PINNED}"),
        format!(" {PINNED}"),
        PINNED.replace('_', "/").replace('-', "+"),
    ] {
        assert!(keys().open(SYSTEM, &text).is_err(), "{text}");
    }
}

#[test]
fn a_text_that_is_too_long_is_not_even_decoded() {
    assert_eq!(flaw(&"A".repeat(LONGEST)), Flaw::NotSigned);
    assert_eq!(flaw(&"A".repeat(LONGEST + 1)), Flaw::TooLong);
    assert_eq!(flaw(&"ÿ".repeat(LONGEST)), Flaw::TooLong);
    assert_eq!(flaw(&"!".repeat(LONGEST + 1)), Flaw::TooLong);
}

#[test]
fn a_text_has_neither_padding_nor_bits_that_are_left_over() {
    // Of 106 bytes four bits of the last character are left over, so 4 of 64 characters fit.
    let longer = signed(|said| said.push(0));
    let but_last = &longer[..longer.len() - 1];
    let found: Vec<_> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|it| flaw(&format!("{but_last}{it}")) != Flaw::NotBase64)
        .collect();
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(flaw(&format!("{longer}==")), Flaw::NotBase64);
}

#[test]
fn what_a_key_of_ours_signed_is_told_apart_and_never_believed() {
    let put = |at: usize, bytes: &'static [u8]| {
        signed(move |said| said[at..at + bytes.len()].copy_from_slice(bytes))
    };
    let table = [
        (put(0, &[0]), Flaw::Version(0)),
        (put(0, &[2]), Flaw::Version(2)),
        (signed(|said| said[0] = 255), Flaw::Version(255)),
        // A later version may be longer.
        (
            signed(|said| {
                said[0] = 2;
                said.extend([1; 100]);
            }),
            Flaw::Version(2),
        ),
        (signed(|said| said.truncate(1)), Flaw::Impossible),
        (signed(Vec::clear), Flaw::Impossible),
        (put(8, &[0xFF]), Flaw::Cluster),
        // One byte too few, and one too many.
        (
            signed(|said| {
                said.pop();
            }),
            Flaw::Impossible,
        ),
        (signed(|said| said.push(0)), Flaw::Impossible),
        // A place in the log, on no timeline.
        (put(WRITTEN_BEFORE, &[0; 4]), Flaw::Impossible),
        (put(WRITTEN_AFTER, &[0; 4]), Flaw::Impossible),
        (put(SEEN, &[0; 4]), Flaw::Impossible),
        (put(CACHED, &[0; 4]), Flaw::Impossible),
        // Half a write.
        (put(WRITTEN_BEFORE, &[0; POSITION]), Flaw::Impossible),
        (put(WRITTEN_AFTER, &[0; POSITION]), Flaw::Impossible),
        // Acknowledged before it was asked for, on this timeline or on an earlier one.
        (put(WRITTEN_BEFORE + 11, &[0x89]), Flaw::Impossible),
        (put(WRITTEN_BEFORE, &[0, 0, 0, 2]), Flaw::Impossible),
        // An epoch without a number.
        (put(NUMBER, &[0; 8]), Flaw::Impossible),
    ];
    for (text, expected) in table {
        assert_eq!(flaw(&text), expected, "{text}");
    }
    let failed_over = put(WRITTEN_AFTER, &[0, 0, 0, 2]);
    assert!(keys().open(SYSTEM, &failed_over).is_ok());
}

#[test]
fn nothing_is_told_about_what_no_key_of_ours_signed() {
    let stranger = key(100);
    for (at, byte) in [(0, 2), (8, 0xFF), (WRITTEN_BEFORE + 3, 0), (NUMBER + 7, 0)] {
        let mut said = BASE64_URL_SAFE_NO_PAD.decode(PINNED).expect("base64url");
        said.truncate(SIZE - TAG);
        said[at] = byte;
        assert_eq!(flaw(&sealed_by(&stranger, &said)), Flaw::NotSigned, "{at}");
    }
}

#[test]
fn a_tag_that_the_application_made_elsewhere_with_the_same_secret_makes_no_token() {
    use hmac::{Hmac, KeyInit, Mac};
    let secret: Vec<u8> = (0..32).collect();
    let mut said = BASE64_URL_SAFE_NO_PAD.decode(PINNED).expect("base64url");
    said.truncate(SIZE - TAG);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).expect("any length");
    mac.update(&said);
    said.extend_from_slice(&mac.finalize().into_bytes());
    assert_eq!(flaw(&BASE64_URL_SAFE_NO_PAD.encode(said)), Flaw::NotSigned);
}

#[test]
fn a_key_is_replaced_without_refusing_a_token() {
    let floors = pinned();
    let (old, new) = (key(0), key(100));
    let steps = [
        TokenKeys::from(old.clone()),
        TokenKeys::from(old.clone()).and(new.clone()),
        TokenKeys::from(new.clone()).and(old),
    ];
    for pair in steps.windows(2) {
        // Both are at work while the next is being deployed.
        for (writer, reader) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            let token = writer.seal(SYSTEM, &floors);
            assert_eq!(reader.open(SYSTEM, &token).expect("a token"), floors);
        }
    }
    let last = TokenKeys::from(new);
    assert_eq!(steps[1].seal(SYSTEM, &floors), PINNED, "the old one signs");
    assert!(last.open(SYSTEM, &steps[2].seal(SYSTEM, &floors)).is_ok());
    assert!(last.open(SYSTEM, PINNED).is_err(), "the old one is gone");
}

#[test]
fn a_token_of_another_cluster_says_so() {
    let error = keys().open(SYSTEM + 1, PINNED).unwrap_err();
    assert!(error.is_token() && !error.is_misuse() && !error.is_configuration());
    assert_eq!(
        error.to_string(),
        "the token is of another PostgreSQL cluster; begin a new session"
    );
}

#[test]
fn each_flaw_has_a_text_of_its_own_and_survives_a_query_result() {
    let flaws = [
        Flaw::TooLong,
        Flaw::NotBase64,
        Flaw::NotSigned,
        Flaw::Version(9),
        Flaw::Cluster,
        Flaw::Impossible,
    ];
    let texts: std::collections::BTreeSet<_> = flaws
        .into_iter()
        .map(|flaw| {
            let through: diesel::result::Error = Error::token(flaw).into();
            let back = Error::from(through);
            assert!(back.is_token(), "{back}");
            back.to_string()
        })
        .collect();
    assert_eq!(texts.len(), flaws.len(), "{texts:#?}");
}

proptest! {
    #[test]
    fn floors_come_back_as_they_were_sealed(system: i64, floors in floors()) {
        let text = keys().seal(system, &floors);
        prop_assert_eq!(text.len(), 140);
        prop_assert!(text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it)));
        prop_assert_eq!(keys().open(system, &text).expect("our own"), floors);
    }

    #[test]
    fn no_text_that_nobody_signed_opens(
        text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,600}", "[A-Za-z0-9_-]{140}"],
    ) {
        prop_assert!(keys().open(SYSTEM, &text).unwrap_err().is_token());
    }

    #[test]
    fn whatever_a_key_of_ours_signed_is_refused_or_the_only_text_of_its_floors(
        floors in floors(),
        at in 0..SIZE - TAG,
        with in prop_oneof![Just(0u8), any::<u8>()],
        tail in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut said = BASE64_URL_SAFE_NO_PAD
            .decode(keys().seal(SYSTEM, &floors))
            .expect("base64url");
        said.truncate(SIZE - TAG);
        said[at] = with;
        said.extend(tail);
        let text = sealed_by(&key(0), &said);
        if let Ok(found) = keys().open(SYSTEM, &text) {
            prop_assert_eq!(keys().seal(SYSTEM, &found), text);
        }
    }

    #[test]
    fn any_bytes_that_a_key_of_ours_signed_open_or_are_refused(
        said in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = keys().open(SYSTEM, &sealed_by(&key(0), &said));
    }
}
