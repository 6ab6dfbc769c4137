//! Whether a mistake shows, and nothing without it.

use std::fmt;

use crate::history::mutants::{Mutant, Sign};
use crate::history::report::Report;

/// A directed plan, run with a mistake and without it.
#[derive(Debug, Clone)]
pub struct Trial {
    mutant: Mutant,
    honest: Report,
    mistaken: Report,
}

impl Trial {
    /// The runs of a mutant's plan.
    pub const fn new(mutant: Mutant, honest: Report, mistaken: Report) -> Self {
        Self {
            mutant,
            honest,
            mistaken,
        }
    }

    /// Whether the mistake shows, and nothing shows without it.
    pub fn is_caught(&self) -> bool {
        self.mutant.signs(&self.mistaken) > 0 && self.false_alarms() == 0
    }

    fn false_alarms(&self) -> usize {
        self.honest
            .verdict
            .violations
            .len()
            .max(self.mutant.signs(&self.honest))
    }
}

/// One line; and if something shows without the mistake, what it is.
impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mutant,
            honest,
            mistaken,
        } = self;
        let (name, seed) = (mutant.name, mistaken.seed);
        if self.false_alarms() > 0 {
            return write!(f, "false alarm {name}: without it, seed {seed}:\n{honest}");
        }
        let signs = mutant.signs(mistaken);
        let verdict = if signs > 0 { "caught" } else { "MISSED" };
        let what = match mutant.shown_by {
            Sign::Violations if signs > 0 => format!("violations ({})", mistaken.broken()),
            Sign::Violations => "violations".to_owned(),
            Sign::GapPairs => "pairs in the gap".to_owned(),
        };
        let (seconds, operations) = (mistaken.time.as_secs_f64(), mistaken.operations());
        write!(
            f,
            "{verdict} {name}: {signs} {what} in {operations} operations and {seconds:.1} s, seed {seed}; \
             without it 0 in {}",
            honest.operations()
        )
    }
}
