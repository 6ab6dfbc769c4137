//! The *fingerprint* of a type: what its values look like at rest.
//!
//! A value in Redis outlives the program that wrote it. During a rolling deploy two versions of a
//! struct are live at once, and postcard would read one as the other without noticing. So values
//! are kept under the fingerprint of their type; a program looks only for its own.

/// A digest of a type's shape, computed at compile time by `#[derive(Cacheable)]`.
///
/// FNV-1a, 64 bit: it tells versions of one program apart, written by people who do not attack
/// themselves. It does not decide whose value is served; the [key](crate::Key) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of `text`, the beginning of every other.
    pub const fn of(text: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).text(text)
    }

    /// This fingerprint with `text` behind it. Lengths count, so `"ab", "c"` is not `"a", "bc"`.
    #[must_use]
    pub const fn text(self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut out = self.number(bytes.len() as u64);
        let mut at = 0;
        while at < bytes.len() {
            out = out.byte(bytes[at]);
            at += 1;
        }
        out
    }

    /// This fingerprint with `number` behind it.
    #[must_use]
    pub const fn number(self, number: u64) -> Self {
        let bytes = number.to_be_bytes();
        let mut out = self;
        let mut at = 0;
        while at < bytes.len() {
            out = out.byte(bytes[at]);
            at += 1;
        }
        out
    }

    /// This fingerprint with that of a part behind it.
    #[must_use]
    pub const fn part(self, part: Self) -> Self {
        self.number(part.0)
    }

    /// The digest itself.
    pub const fn get(self) -> u64 {
        self.0
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }
}
