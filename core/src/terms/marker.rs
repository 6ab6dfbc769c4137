//! The *marker* of a token store: what tells a store that forgot from one in which nobody saved anything.
//!
//! ```text
//! {id} {run} {ttl in ms} {timeline}/{lsn}      `-` in the place of the position: not placed yet
//! ```
//!
//! Text without a time to live beside the tokens, so whatever takes these away as a whole (FLUSHALL, a
//! restart) takes it away, too. Whoever misses it, or finds one of another run of the server, begins a new
//! one, *then* asks the primary where it is, and places the marker there if it is still the same: so
//! everything that may be forgotten was acknowledged before that position.

use std::time::Duration;

use crate::terms::position::Position;

/// A marker as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The text that was found; it is only replaced by who has seen it.
    pub text: String,
    /// For how long the process keeps its tokens that has begun it, and so every process at least. Zero:
    /// nobody knows.
    pub ttl: Duration,
    /// Where the primary was after the store had forgotten. `None`: nobody has said it yet.
    pub position: Option<Position>,
}

impl Marker {
    /// What a text says that begins with id and run. If the rest is no marker's, it is not placed.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split(' ').skip(2);
        let ttl = parts.next().and_then(|ttl| ttl.parse().ok()).unwrap_or(0);
        let position = parts.next().and_then(|at| {
            let (timeline, lsn) = at.split_once('/')?;
            let timeline = timeline.parse().ok().filter(|&timeline| timeline > 0)?;
            Some(Position::new(timeline, lsn.parse().ok()?))
        });
        Self {
            text: text.to_owned(),
            ttl: Duration::from_millis(ttl),
            position: position.filter(|_| ttl > 0 && parts.next().is_none()),
        }
    }

    /// The text of a marker that nobody has placed yet.
    pub fn unplaced(id: &str, run: &str, ttl: Duration) -> String {
        format!("{id} {run} {} -", milliseconds(ttl))
    }

    /// The text of this marker at `position`; `ttl` is for one that does not know its own.
    pub fn placed(&self, position: Position, ttl: Duration) -> String {
        let mut parts = self.text.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or("-");
        let (id, run) = (part(), part());
        let ttl = if self.ttl.is_zero() { ttl } else { self.ttl };
        let (timeline, lsn) = (position.timeline(), position.lsn());
        format!("{id} {run} {} {timeline}/{lsn}", milliseconds(ttl))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn a_marker_is_begun_then_placed_and_comes_back_as_it_was() {
        let begun = Marker::parse(&Marker::unplaced("7f", "run/replid", TTL));
        assert_eq!(begun.text, "7f run/replid 60000 -");
        assert_eq!((begun.ttl, begun.position), (TTL, None));
        let at = Position::new(2, 0x0302_4088);
        let placed = Marker::parse(&begun.placed(at, TTL));
        assert_eq!(placed.text, "7f run/replid 60000 2/50479240");
        assert_eq!((placed.ttl, placed.position), (TTL, Some(at)));
    }

    #[test]
    fn what_is_no_marker_is_not_placed_and_can_be() {
        for rest in [
            "",
            "x",
            "60000",
            "60000 ",
            "60000 1",
            "60000 0/7",
            "60000 1/x",
            "60000 1/7 8",
            "-1 1/7",
            "x 1/7",
            "0 1/7",
        ] {
            let found = Marker::parse(&format!("id run {rest}"));
            assert_eq!(found.position, None, "{rest}");
            let at = Position::new(1, 7);
            let placed = Marker::parse(&found.placed(at, TTL));
            let expected = (TTL, Some(at));
            assert_eq!((placed.ttl, placed.position), expected, "{rest}");
        }
    }
}
