//! What a `#[read]` says, and a `#[cached]` too: how often its body may run, and how fresh its answer
//! must be.

use syn::LitStr;

use super::values::{duration, number, place, text, word};
use crate::diagnose::Diagnosis;
use crate::model::Freshness;
use crate::parse::Opt;

/// The options of a read.
pub const OPTIONS: &[&str] = &["attempts", "consistency", "max_staleness", "tag", "wait"];
/// The values of `consistency`.
pub const CONSISTENCIES: &[&str] = &["strong", "session", "eventual"];

/// How often the body may run in all, if nothing else is said.
const ATTEMPTS: u8 = 3;
/// The largest `max_staleness`, in milliseconds: 60 s, as far back as `ReadSettings::history` goes.
const STALEST: u64 = 60_000;
/// The longest `wait`, in milliseconds: 60 s. What takes a replica longer is a fault, not a lag.
const LONGEST_WAIT: u64 = 60_000;

/// What was given, by the markers of one method.
#[derive(Default)]
pub struct Reading<'a> {
    attempts: Option<Given<'a, u8>>,
    consistency: Option<Given<'a, Consistency>>,
    max_staleness: Option<Given<'a, u64>>,
    tag: Option<Given<'a, LitStr>>,
    wait: Option<Given<'a, u64>>,
}

/// An option; without a value if that one is wrong, which is noted already.
struct Given<'a, T> {
    option: &'a Opt,
    value: Option<T>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Consistency {
    Strong,
    Session,
    Eventual,
}

impl<'a> Reading<'a> {
    /// Takes in one of the [`OPTIONS`].
    pub fn take(&mut self, option: &'a Opt, diagnosis: &mut Diagnosis) {
        match option.name.to_string().as_str() {
            "attempts" => give(&mut self.attempts, option, number, diagnosis),
            "consistency" => give(&mut self.consistency, option, consistency, diagnosis),
            "max_staleness" => give(&mut self.max_staleness, option, max_staleness, diagnosis),
            "tag" => give(&mut self.tag, option, tag, diagnosis),
            _ => give(&mut self.wait, option, wait, diagnosis),
        }
    }

    /// How often the body may run in all.
    pub fn attempts(&self) -> u8 {
        value(self.attempts.as_ref()).unwrap_or(ATTEMPTS)
    }

    /// Which nodes answer; those without a tag, if nothing was said.
    pub fn tag(&self, diagnosis: &mut Diagnosis) -> Option<LitStr> {
        let given = self.tag.as_ref()?;
        if let Some(consistency) = &self.consistency
            && consistency.value == Some(Consistency::Strong)
        {
            diagnosis.mistake(
                &given.option.name,
                "with `consistency = strong` the primary answers, whatever its `tag`: remove one of them",
            );
        }
        given.value.clone()
    }

    /// How fresh the answer must be, unless nothing was said; contradictions are noted.
    pub fn freshness(&self, diagnosis: &mut Diagnosis) -> Option<Freshness> {
        let (bound, wait) = (self.max_staleness.as_ref(), self.wait.as_ref());
        let (max_staleness_ms, wait_ms) = (value(bound), value(wait));
        let consistency = match &self.consistency {
            // A wrong one contradicts nothing.
            Some(given) => given.value?,
            None if bound.is_none() && wait.is_none() => return None,
            None => Consistency::Session,
        };
        match (consistency, bound, wait) {
            (Consistency::Strong, ..) => {
                if let Some(bound) = bound {
                    diagnosis.mistake(
                        &bound.option.name,
                        "`consistency = strong` shows everything, which is stricter than any \
                         `max_staleness`: remove one of them",
                    );
                }
                if let Some(wait) = wait {
                    diagnosis.mistake(
                        &wait.option.name,
                        "with `consistency = strong` the primary answers at once, so there is nothing \
                         to `wait` for: remove one of them",
                    );
                }
                Some(Freshness::Strong)
            }
            (Consistency::Session, ..) => Some(Freshness::Session {
                max_staleness_ms,
                wait_ms,
            }),
            (Consistency::Eventual, None, None) => Some(Freshness::Eventual),
            (Consistency::Eventual, None, Some(wait)) => {
                diagnosis.mistake(
                    &wait.option.name,
                    "with `consistency = eventual` any replica will do, so there is nothing to `wait` \
                     for: remove it, or say how old the answer may be, `max_staleness = \"500ms\"`",
                );
                None
            }
            (Consistency::Eventual, Some(_), _) => Some(Freshness::Bounded {
                max_staleness_ms: max_staleness_ms?,
                wait_ms,
            }),
        }
    }

    /// Refuses `consistency = strong`, for an answer that is kept.
    pub fn not_strong(&self, diagnosis: &mut Diagnosis) {
        if let Some(given) = &self.consistency
            && given.value == Some(Consistency::Strong)
        {
            diagnosis.mistake(
                place(given.option),
                "a strong read is never answered from the cache: say `#[read(consistency = strong)]` \
                 without `#[cached]`",
            );
        }
    }
}

fn value<T: Copy>(given: Option<&Given<'_, T>>) -> Option<T> {
    given.and_then(|given| given.value)
}

/// Reads the value of `option` into `place`. What is there already is from the marker beside this
/// one, for within one marker each option comes once.
fn give<'a, T>(
    place: &mut Option<Given<'a, T>>,
    option: &'a Opt,
    read: fn(&Opt, &mut Diagnosis) -> Option<T>,
    diagnosis: &mut Diagnosis,
) {
    if place.is_some() {
        let name = &option.name;
        diagnosis.mistake(
            name,
            format!("`{name}` is given twice: here and in `#[read]`, which `#[cached]` implies"),
        );
        return;
    }
    let value = read(option, diagnosis);
    *place = Some(Given { option, value });
}

fn tag(option: &Opt, diagnosis: &mut Diagnosis) -> Option<LitStr> {
    let tag = text(&option.value).filter(|tag| !tag.value().is_empty());
    if tag.is_none() {
        diagnosis.mistake(
            place(option),
            "`tag` is a string, as in `Endpoint::tag`: `tag = \"analytics\"`",
        );
    }
    tag.cloned()
}

fn consistency(option: &Opt, diagnosis: &mut Diagnosis) -> Option<Consistency> {
    match word(&option.value).as_deref() {
        Some("strong") => Some(Consistency::Strong),
        Some("session") => Some(Consistency::Session),
        Some("eventual") => Some(Consistency::Eventual),
        _ => {
            diagnosis.mistake(
                place(option),
                "`consistency` is `strong`, `session` or `eventual`",
            );
            None
        }
    }
}

fn max_staleness(option: &Opt, diagnosis: &mut Diagnosis) -> Option<u64> {
    let ms = duration(&option.value);
    let wrong = match ms {
        None => {
            "`max_staleness` is a duration: `\"500ms\"`, `\"2s\"`, `\"1m\"`, or a number of seconds"
        }
        Some(0) => "an answer that may not be stale at all is `consistency = strong`",
        Some(ms) if ms > STALEST => {
            "a `max_staleness` is at most 60 s, as far back as positions are remembered: a larger one would \
             count as that"
        }
        Some(_) => return ms,
    };
    diagnosis.mistake(place(option), wrong);
    None
}

fn wait(option: &Opt, diagnosis: &mut Diagnosis) -> Option<u64> {
    let ms = duration(&option.value);
    let wrong = match ms {
        None => {
            "`wait` is a duration: `\"25ms\"`, `\"1s\"`, or a number of seconds; `wait = 0` asks the \
             primary at once"
        }
        Some(ms) if ms > LONGEST_WAIT => "a `wait` is at most 60 s",
        Some(_) => return ms,
    };
    diagnosis.mistake(place(option), wrong);
    None
}
