//! Whether a node may be asked: what is learned about it, and how long it is left out.

use std::time::Duration;

use crate::terms::clock::Moment;

/// What is known of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fitness {
    /// It answers.
    Sound,
    /// A connection to it broke: it is asked last until a probe has answered.
    Suspect,
    /// It is left out until a probe answers, which is tried at `probe_at`.
    LeftOut {
        /// When to probe next.
        probe_at: Moment,
        /// How long it is left out this time, before jitter.
        spell: Duration,
    },
}

/// What was just learned about a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fact {
    /// An open connection broke. One terminated backend looks the same as a dead server.
    Broke,
    /// It refused a new connection.
    Refused,
    /// A background probe was answered.
    ProbeAnswered,
    /// A background probe was not.
    ProbeFailed,
}

/// What a fact has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// Calls ask the node no more.
    LeftOut,
    /// They ask it again.
    Back,
    /// Something that calls do not see.
    Other,
    Nothing,
}

impl Turn {
    /// The change from `before` to `after`.
    pub fn from(before: Fitness, after: Fitness) -> Self {
        match (before.may_answer(), after.may_answer()) {
            (true, false) => Self::LeftOut,
            (false, true) => Self::Back,
            _ if before == after => Self::Nothing,
            _ => Self::Other,
        }
    }
}

/// The bounds of being left out.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The first spell.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Fitness {
    /// What is known after `fact`. `dice`, from 0 to 1, moves the next probe by up to 20 %, so that
    /// many processes do not probe a returning node at once.
    #[must_use]
    pub fn learn(self, fact: Fact, now: Moment, bounds: Bounds, dice: f64) -> Self {
        match (self, fact) {
            // Only a probe readmits a node, never a user's call: one that was on its way when the
            // node failed says nothing about now.
            (_, Fact::ProbeAnswered) => Self::Sound,
            (Self::Sound, Fact::Broke) => Self::Suspect,
            (state @ Self::LeftOut { .. }, Fact::Broke | Fact::Refused)
            | (state @ Self::Suspect, Fact::Broke) => state,
            (Self::LeftOut { spell, .. }, Fact::ProbeFailed) => {
                Self::left_out((spell * 2).min(bounds.longest), now, dice)
            }
            (_, Fact::Refused | Fact::ProbeFailed) => Self::left_out(bounds.first, now, dice),
        }
    }

    fn left_out(spell: Duration, now: Moment, dice: f64) -> Self {
        Self::LeftOut {
            probe_at: now.after(spell.mul_f64(0.8 + 0.4 * dice.clamp(0.0, 1.0))),
            spell,
        }
    }

    /// Whether calls may ask the node.
    pub fn may_answer(&self) -> bool {
        !matches!(self, Self::LeftOut { .. })
    }

    /// Whether the background should probe it now.
    pub fn wants_probe(&self, now: Moment) -> bool {
        match self {
            Self::Sound => false,
            Self::Suspect => true,
            Self::LeftOut { probe_at, .. } => now >= *probe_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(30),
    };
    const HALF: f64 = 0.5;

    fn at(seconds: u64) -> Moment {
        Moment::default().after(Duration::from_secs(seconds))
    }

    fn learn(state: Fitness, fact: Fact) -> Fitness {
        state.learn(fact, at(100), BOUNDS, HALF)
    }

    fn left_out(spell: u64) -> Fitness {
        Fitness::LeftOut {
            probe_at: at(100 + spell),
            spell: Duration::from_secs(spell),
        }
    }

    #[test]
    fn each_fact_leads_where_the_table_says() {
        use Fact::{Broke, ProbeAnswered, ProbeFailed, Refused};
        use Fitness::{Sound, Suspect};
        let table = [
            (Sound, Broke, Suspect),
            (Sound, Refused, left_out(1)),
            (Suspect, ProbeAnswered, Sound),
            (Suspect, ProbeFailed, left_out(1)),
            (left_out(1), Refused, left_out(1)),
            (left_out(1), ProbeFailed, left_out(2)),
            (left_out(16), ProbeFailed, left_out(30)),
            (left_out(30), ProbeFailed, left_out(30)),
            (left_out(30), ProbeAnswered, Sound),
        ];
        for (state, fact, then) in table {
            assert_eq!(learn(state, fact), then, "{state:?} and {fact:?}");
        }
    }

    #[test]
    fn a_node_that_is_left_out_is_probed_when_its_spell_is_over_and_not_before() {
        let state = Fitness::Sound.learn(Fact::Refused, at(100), BOUNDS, HALF);
        assert!(!state.may_answer());
        assert!(!state.wants_probe(at(100)));
        assert!(state.wants_probe(at(101)));
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for dice in [0.0, 0.3, 1.0] {
            let state = Fitness::Sound.learn(Fact::Refused, at(0), BOUNDS, dice);
            assert!(!state.wants_probe(Moment::default().after(Duration::from_millis(799))));
            assert!(state.wants_probe(Moment::default().after(Duration::from_millis(1201))));
        }
    }

    #[test]
    fn a_turn_is_what_calls_notice() {
        let out = left_out(1);
        for (before, after, turn) in [
            (Fitness::Sound, out, Turn::LeftOut),
            (Fitness::Suspect, out, Turn::LeftOut),
            (out, Fitness::Sound, Turn::Back),
            (out, left_out(2), Turn::Other),
            (Fitness::Suspect, Fitness::Sound, Turn::Other),
            (out, out, Turn::Nothing),
        ] {
            assert_eq!(Turn::from(before, after), turn, "{before:?} {after:?}");
        }
    }
}
