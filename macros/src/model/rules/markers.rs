//! Which markers a method has, and whether they agree.

use syn::Attribute;

use super::names::Neighbours;
use super::{generics, invalidates, options};
use crate::diagnose::Diagnosis;
use crate::model::Plan;
use crate::parse::{Kind, Marked, Marker, conditional_marker};

/// The markers of one method: the combinations that mean something.
pub enum Agreed<'a> {
    Read(&'a Marker),
    /// `#[cached]`, perhaps with a `#[read(..)]` beside it.
    Cached(&'a Marker, Option<&'a Marker>),
    Write(&'a Marker),
}

/// The markers as one of the legal combinations.
pub fn agreed<'a>(markers: &'a [Marker], diagnosis: &mut Diagnosis) -> Option<Agreed<'a>> {
    for (at, marker) in markers.iter().enumerate() {
        if markers[..at].iter().any(|other| other.kind == marker.kind) {
            let name = marker.kind.marker();
            diagnosis.mistake(
                &marker.original,
                format!("`{name}` stands twice on this method: put all options into one"),
            );
            return None;
        }
    }
    let of = |kind| markers.iter().find(|marker| marker.kind == kind);
    match (of(Kind::Read), of(Kind::Cached), of(Kind::Write)) {
        (_, Some(cached), Some(_)) => {
            diagnosis.mistake(
                &cached.original,
                "a write is not cached: remove `#[cached]`, and name the answers it makes stale in \
                 `#[write(invalidates(..))]`",
            );
            None
        }
        (Some(read), None, Some(_)) => {
            diagnosis.mistake(
                &read.original,
                "a method is either a read or a write: a write that also reads is `#[write]` alone",
            );
            None
        }
        (read, Some(cached), None) => Some(Agreed::Cached(cached, read)),
        (None, None, Some(write)) => Some(Agreed::Write(write)),
        (Some(read), None, None) => Some(Agreed::Read(read)),
        // The parser makes a `Marked` of methods with markers only.
        (None, None, None) => None,
    }
}

impl Agreed<'_> {
    /// What the method is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Read(_) => Kind::Read,
            Self::Cached(..) => Kind::Cached,
            Self::Write(_) => Kind::Write,
        }
    }

    /// How the method is called; `None` if an option of it is wrong.
    pub fn plan(
        &self,
        marked: &Marked,
        neighbours: &Neighbours,
        diagnosis: &mut Diagnosis,
    ) -> Option<Plan> {
        let before = diagnosis.count();
        let plan = match self {
            Self::Read(read) => {
                let reading = options::read(&read.options, diagnosis);
                Plan::Read {
                    attempts: reading.attempts(),
                    freshness: reading.freshness(diagnosis),
                    tag: reading.tag(diagnosis),
                    cache: None,
                }
            }
            Self::Cached(cached, read) => {
                generics::no_type_parameters(marked, diagnosis);
                let beside = read.map(|read| options::read(&read.options, diagnosis));
                let (caching, reading) =
                    options::cached(&cached.options, beside.unwrap_or_default(), diagnosis);
                reading.not_strong(diagnosis);
                Plan::Read {
                    attempts: reading.attempts(),
                    freshness: reading.freshness(diagnosis),
                    tag: reading.tag(diagnosis),
                    cache: Some(caching),
                }
            }
            Self::Write(write) => {
                let writing = options::write(&write.options, diagnosis);
                Plan::Write {
                    running: writing.running,
                    floor: writing.floor,
                    invalidates: (writing.invalidates)
                        .map(|list| invalidates::parse(&list, neighbours, diagnosis)),
                }
            }
        };
        (diagnosis.count() == before).then_some(plan)
    }
}

/// Refuses our markers inside a `cfg_attr`: an attribute macro sees it unexpanded, so the method
/// would silently be a plain one.
pub fn conditional(attrs: &[Attribute], diagnosis: &mut Diagnosis) {
    for attr in attrs {
        let Some(kind) = conditional_marker(attr) else {
            continue;
        };
        let name = kind.marker();
        diagnosis.mistake(
            attr,
            format!(
                "`{name}` cannot stand in a `cfg_attr`, which is resolved after `#[repository]`: \
                 write the method twice, under `#[cfg(..)]` and `#[cfg(not(..))]`"
            ),
        );
    }
}
