//! Random choices that come again: each reader and writer has dice of its own, all from one seed.

use fastrand::Rng;

/// Enough for texts that differ and compress like text.
const WORDS: [&str; 24] = [
    "tempo", "chord", "bass", "bridge", "chorus", "verse", "refrain", "rhythm", "melody", "key",
    "sharp", "flat", "minor", "major", "slow", "loud", "quiet", "again", "live", "studio", "blue",
    "late", "first", "last",
];

/// One worker's random numbers.
///
/// The crate may change its numbers with a new version; with the same build they are the same.
#[derive(Debug)]
pub struct Dice(Rng);

/// Where in a list of any length: 0 is its beginning, and 1, which is never reached, its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place(f64);

impl Dice {
    /// Dice for so many workers. One more or less changes nothing for the others.
    pub fn of(seed: u64, workers: u32) -> impl Iterator<Item = Self> {
        let mut source = Rng::with_seed(seed);
        (0..workers).map(move |_| Self(source.fork()))
    }

    /// True `times` out of 100.
    pub fn percent(&mut self, times: u32) -> bool {
        self.0.u32(0..100) < times
    }

    /// Anywhere, each place as likely as another.
    pub fn anywhere(&mut self) -> Place {
        Place(self.0.f64())
    }

    /// As people ask: half of all go to the first eighth.
    pub fn popular(&mut self) -> Place {
        Place(self.0.f64().powi(3))
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: u32, most: u32) -> u32 {
        self.0.u32(least..=most)
    }

    /// So many words.
    pub fn text(&mut self, words: u32) -> String {
        let words: Vec<_> = (0..words).filter_map(|_| self.0.choice(WORDS)).collect();
        words.join(" ")
    }
}

impl Place {
    /// The place in a list of `len`; 0 in an empty one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a list in memory is far shorter than what an f64 counts, and the place is not negative"
    )]
    pub fn within(self, len: usize) -> usize {
        ((self.0 * len as f64) as usize).min(len.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_within_its_list() {
        assert_eq!(Place(0.0).within(10), 0);
        assert_eq!(Place(0.999_999).within(10), 9);
        assert_eq!(Place(0.5).within(0), 0);
        assert_eq!(Place(1.0).within(3), 2);
    }

    #[test]
    fn half_of_the_popular_places_are_in_the_first_eighth() {
        let mut dice = Dice::of(1, 1).next().unwrap();
        let first = (0..10_000)
            .filter(|_| dice.popular().within(8) == 0)
            .count();
        assert!((4_500..5_500).contains(&first), "{first} of 10000");
    }
}
