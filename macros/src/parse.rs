//! Tokens into attribute structs of ours. Nothing is judged here, and the user's tokens are kept:
//! the rules point at them.

mod conditional;
mod duration;
mod options;
mod repository;

pub use conditional::{conditional, conditional_marker, innermost_path};
pub use duration::{LONGEST, milliseconds};
pub use options::{Opt, Options, Value};
pub use repository::{ImplBlock, Item, Marked};

use syn::{Attribute, Meta, Path};

/// What an inner marker asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    Cached,
}

impl Kind {
    /// The marker as users write it.
    pub const fn marker(self) -> &'static str {
        match self {
            Self::Read => "#[read]",
            Self::Write => "#[write]",
            Self::Cached => "#[cached]",
        }
    }

    /// The connection type of a method with this marker.
    pub const fn connection(self) -> &'static str {
        match self {
            Self::Read | Self::Cached => "ReadConn",
            Self::Write => "WriteConn",
        }
    }

    /// The kind of marker that `path` names, by its last segment: `#[read]`, `#[manifold::read]`.
    pub fn of(path: &Path) -> Option<Self> {
        let last = &path.segments.last()?.ident;
        [Self::Read, Self::Write, Self::Cached]
            .into_iter()
            .find(|kind| last == kind.marker().trim_matches(['#', '[', ']']))
    }
}

/// One of our attributes on a method.
pub struct Marker {
    pub kind: Kind,
    pub options: Options,
    pub original: Attribute,
}

impl Marker {
    /// `attr` as a marker, if it is one.
    pub fn new(attr: &Attribute) -> Option<Self> {
        let kind = Kind::of(attr.path())?;
        let options = match &attr.meta {
            Meta::Path(_) => Options::default(),
            Meta::List(list) => Options::parse(list.tokens.clone()),
            Meta::NameValue(pair) => Options::refused(syn::Error::new_spanned(
                pair,
                format!(
                    "options stand in parentheses: `{}(..)]`",
                    kind.marker().trim_end_matches(']')
                ),
            )),
        };
        Some(Self {
            kind,
            options,
            original: attr.clone(),
        })
    }
}
