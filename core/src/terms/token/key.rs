//! The *keys* of tokens: an application's secrets.

use std::fmt;

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::terms::error::{Error, Result};

/// The length of a tag, in bytes: all of SHA-256.
pub const TAG: usize = 32;
/// The shortest secret, in bytes: a shorter one is easier to guess than a tag.
const SHORTEST: usize = 32;
/// The most keys. Each forged token is compared with all of them, and a rotation needs two.
const MOST: usize = 8;
/// What a tag is made over begins with this, so that nothing else that the application signs with the
/// same secret is a token. The version follows: it is a token's first byte.
const DOMAIN: &[u8] = b"diesel-manifold token\0";

/// An application's secret, which signs the tokens of its sessions; the same in every process.
///
/// A token is signed, not encrypted: who has one can read the positions in it, but not change them.
///
/// **To replace a key** without refusing a token, in three deployments: the new key is added as the
/// last, so that every process opens its tokens; it becomes the first, which signs; when the sessions
/// of the old one are over, that one goes.
///
/// ```
/// # fn example(secret: &str) -> diesel_manifold::Result<()> {
/// use diesel_manifold::{Manifold, TokenKey};
///
/// let builder = Manifold::builder().token_key(TokenKey::from_base64(secret)?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// The key made of a secret of at least 32 bytes, which nobody can guess.
    ///
    /// # Errors
    ///
    /// `is_configuration` if it is shorter.
    pub fn from_bytes(secret: impl AsRef<[u8]>) -> Result<Self> {
        Self::new(secret.as_ref(), "the token key")
    }

    /// The key made of a secret in base64, as `openssl rand -base64 32` prints one; in the standard
    /// alphabet or in that of URLs, padded or not.
    ///
    /// # Errors
    ///
    /// `is_configuration` if it is not base64, or of less than 32 bytes.
    pub fn from_base64(secret: &str) -> Result<Self> {
        Self::decode(secret, "the token key")
    }

    fn new(secret: &[u8], who: &str) -> Result<Self> {
        if secret.len() < SHORTEST {
            return Err(unfit(
                who,
                &format!("{} bytes instead of at least {SHORTEST}", secret.len()),
            ));
        }
        // HMAC takes any length.
        let mac = Hmac::new_from_slice(secret).map_err(|error| unfit(who, &error.to_string()))?;
        Ok(Self(mac))
    }

    fn decode(secret: &str, who: &str) -> Result<Self> {
        let secret = secret.trim();
        let secret = [STANDARD, URL_SAFE]
            .iter()
            .find_map(|alphabet| padded_or_not(alphabet).decode(secret).ok())
            .ok_or_else(|| unfit(who, "not base64"))?;
        Self::new(&secret, who)
    }

    pub(super) fn tag(&self, said: &[u8]) -> [u8; TAG] {
        self.over(said).finalize().into_bytes().into()
    }

    /// In a time that does not depend on where the tag is wrong.
    pub(super) fn has_signed(&self, said: &[u8], tag: &[u8; TAG]) -> bool {
        self.over(said).verify_slice(tag).is_ok()
    }

    fn over(&self, said: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(DOMAIN).chain_update(said)
    }
}

/// A secret, so that nothing of it is shown.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// The key that signs, and those that only open: at least one.
#[derive(Debug, Clone)]
pub struct TokenKeys {
    first: TokenKey,
    others: Vec<TokenKey>,
}

impl From<TokenKey> for TokenKeys {
    fn from(first: TokenKey) -> Self {
        let others = Vec::new();
        Self { first, others }
    }
}

impl TokenKeys {
    /// The keys in `text`, in base64, separated by commas; `setting` is where it was configured.
    ///
    /// An empty one is refused and not skipped: a variable that stayed empty in front of the old key
    /// would let the old key sign.
    pub fn parse(text: &str, setting: &str) -> Result<Self> {
        let key = |(at, text)| TokenKey::decode(text, &format!("key {} of {setting}", at + 1));
        let (first, others) = text
            .split_once(',')
            .map_or((text, None), |(first, others)| (first, Some(others)));
        let others = others.into_iter().flat_map(|others| others.split(','));
        let keys = Self {
            first: key((0, first))?,
            others: (1..).zip(others).map(key).collect::<Result<_>>()?,
        };
        keys.check(setting)?;
        Ok(keys)
    }

    /// With one more key that opens.
    #[must_use]
    pub fn and(mut self, other: TokenKey) -> Self {
        self.others.push(other);
        self
    }

    /// Too many keys are a mistake of `setting`.
    pub fn check(&self, setting: &str) -> Result<()> {
        let count = 1 + self.others.len();
        if count > MOST {
            return Err(Error::configuration(
                format!("{setting} has {count} token keys"),
                format!(
                    "keep at most {MOST}: the one that signs, and those of sessions not yet over"
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn first(&self) -> &TokenKey {
        &self.first
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &TokenKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

const fn padded_or_not(alphabet: &Alphabet) -> GeneralPurpose {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

/// The text shows nothing of the secret.
fn unfit(who: &str, why: &str) -> Error {
    Error::configuration(
        format!("{who} is {why}"),
        "make one with `openssl rand -base64 32`, and give the same to every process",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 32 bytes, of which the alphabets differ: `-_-_..` and `+/+/..`.
    const URL: &str = "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8";
    const OTHER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_key_is_taken_in_either_alphabet_padded_or_not() {
        let standard = URL.replace('-', "+").replace('_', "/");
        let padded = format!("{standard}=");
        let tag = |text: &str| TokenKey::from_base64(text).expect(text).tag(b"said");
        for text in [&standard, &padded, &format!("{URL}="), &format!(" {URL}\n")] {
            assert_eq!(tag(text), tag(URL), "{text}");
        }
        let bytes = [0xFB, 0xFF, 0xBF].repeat(11);
        let key = TokenKey::from_bytes(&bytes[..32]).expect("32 bytes");
        assert_eq!(key.tag(b"said"), tag(URL));
    }

    #[test]
    fn a_key_that_is_none_is_the_configurations_fault_and_says_how_to_make_one() {
        let short = "c2hvcnQ=";
        let mixed = URL.replacen('-', "+", 1);
        for text in [
            "",
            " ",
            "no key",
            short,
            &mixed,
            &OTHER[..40],
            "9".repeat(43).as_str(),
        ] {
            let error = TokenKeys::parse(text, "THE_SETTING").unwrap_err();
            assert!(error.is_configuration(), "{text}: {error}");
            let text_shown = error.to_string();
            assert!(text_shown.contains("key 1 of THE_SETTING"), "{text_shown}");
            assert!(
                text_shown.contains("openssl rand -base64 32"),
                "{text_shown}"
            );
            let secret = text.trim();
            assert!(
                secret.is_empty() || !text_shown.contains(secret),
                "{text_shown}"
            );
        }
        assert!(TokenKey::from_bytes([7; 31]).is_err());
        assert!(TokenKey::from_bytes([7; 32]).is_ok());
    }

    #[test]
    fn an_empty_key_among_others_is_refused_not_skipped() {
        for text in [
            format!(",{OTHER}"),
            format!("{URL},,{OTHER}"),
            format!("{URL},"),
        ] {
            let error = TokenKeys::parse(&text, "THE_SETTING").unwrap_err();
            assert!(error.is_configuration(), "{text}: {error}");
        }
    }

    #[test]
    fn more_keys_than_a_rotation_can_need_are_refused() {
        let keys = |count: usize| TokenKeys::parse(&[URL].repeat(count).join(","), "THE_SETTING");
        assert!(keys(MOST).is_ok());
        assert!(keys(MOST + 1).unwrap_err().is_configuration());
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let key = TokenKey::from_bytes([b'x'; 40]).expect("40 bytes");
        assert_eq!(format!("{key:?}"), "..");
        let keys = TokenKeys::from(key.clone()).and(key);
        assert_eq!(format!("{keys:?}"), "TokenKeys { first: .., others: [..] }");
    }
}
