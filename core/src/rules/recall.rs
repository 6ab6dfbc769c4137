//! What a session includes that comes from the token store, whatever that has forgotten.

use std::time::Duration;

use crate::terms::floors::Floors;
use crate::terms::marker::Marker;
use crate::terms::position::Position;

/// What is stored under a user's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Nothing: nothing was saved, or its time is over, or it is forgotten.
    Absent,
    /// A token.
    Present(Floors),
    /// Something that is no token of ours, so it may have been any.
    Foreign,
}

/// What was found in the store, at one moment.
#[derive(Debug, Clone)]
pub struct Look {
    /// The user's.
    pub token: Token,
    /// The store's.
    pub marker: Marker,
    /// Whether the store may have dropped a token before its time.
    pub evicts: bool,
}

/// What a session must include.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recall {
    /// What its token says.
    pub floors: Floors,
    /// What the store may have forgotten as a whole.
    pub forgotten: Option<Position>,
    /// Everything that was acknowledged longer ago than this; zero is everything up to now.
    pub ago: Duration,
}

/// What a session must include. Tokens are kept for `ttl`, as this process is configured.
///
/// A token that is there does not lift the bound by time: it may have been saved by a request that knew
/// nothing of what an earlier one said whose time was over.
pub fn recall(look: &Look, ttl: Duration) -> Recall {
    // Another process may keep its tokens for less; the marker knows the least.
    let kept = ttl.min(look.marker.ttl);
    let (floors, ago) = match look.token {
        Token::Present(floors) => (floors, kept),
        Token::Absent if !look.evicts => (Floors::default(), kept),
        Token::Absent | Token::Foreign => (Floors::default(), Duration::ZERO),
    };
    let forgotten = look.marker.position;
    let ago = if forgotten.is_some() {
        ago
    } else {
        Duration::ZERO
    };
    Recall {
        floors,
        forgotten,
        ago,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_secs(10);

    fn marker(ttl: Duration, position: Option<Position>) -> Marker {
        Marker {
            text: String::new(),
            ttl,
            position,
        }
    }

    #[test]
    fn what_cannot_be_known_is_everything_up_to_now() {
        let at = Position::new(1, 100);
        let saved = Floors {
            seen: Some(at),
            ..Floors::default()
        };
        let (there, none) = (Token::Present(saved), Token::Absent);
        let now = Duration::ZERO;
        let table = [
            // Token, may it be evicted, the marker's position and time; floors and how long ago.
            (there, false, Some(at), TTL, saved, TTL),
            (none, false, Some(at), TTL, Floors::default(), TTL),
            // An evicted token is absent; one that is there was not.
            (none, true, Some(at), TTL, Floors::default(), now),
            (there, true, Some(at), TTL, saved, TTL),
            (Token::Foreign, false, Some(at), TTL, Floors::default(), now),
            // It has forgotten, and nobody knows when.
            (none, false, None, TTL, Floors::default(), now),
            (there, false, None, TTL, saved, now),
            // Some process keeps for less than this one, or for more.
            (none, false, Some(at), SHORT, Floors::default(), SHORT),
            (there, false, Some(at), TTL * 2, saved, TTL),
        ];
        for (row, (token, evicts, position, ttl, floors, ago)) in table.into_iter().enumerate() {
            let marker = marker(ttl, position);
            let found = recall(
                &Look {
                    token,
                    marker,
                    evicts,
                },
                TTL,
            );
            let expected = Recall {
                floors,
                forgotten: position,
                ago,
            };
            assert_eq!(found, expected, "row {row}");
        }
    }
}
