//! Which generated item a foreign attribute belongs to.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Path, parse_quote};

use crate::parse::{conditional, innermost_path};

/// The attributes of a method that are not ours, by destination.
#[derive(Default)]
pub struct Attributes {
    /// `cfg`: every generated item.
    pub cfgs: Vec<Attribute>,
    /// `doc`: the public method and `<name>_on`.
    pub docs: Vec<Attribute>,
    /// `must_use`, `deprecated`: the public method.
    pub public: Vec<Attribute>,
    /// `allow`, `expect`, `warn`, `deny`, `forbid`, and tools' attributes.
    pub lints: Vec<Attribute>,
    /// `instrument` and all others: `<name>_on`, which has all the parameters they may name.
    pub body: Vec<Attribute>,
}

impl Attributes {
    /// Sorts `attrs`; a `cfg_attr` is sorted by what it holds, one by one.
    pub fn sorted(attrs: Vec<Attribute>) -> Self {
        let mut sorted = Self::default();
        for attr in attrs {
            match conditional(&attr) {
                Some((condition, contents)) => {
                    for content in contents {
                        let path = innermost_path(&content);
                        let one = parse_quote!(#[cfg_attr(#condition, #content)]);
                        sorted.destination(&path).push(one);
                    }
                }
                None => sorted.destination(attr.path()).push(attr),
            }
        }
        sorted
    }

    /// The lint attributes for functions that hold none of the user's statements. A lint about the
    /// signature is silenced there too, but what is *expected* is expected of the body only.
    pub fn lints_on_generated(&self) -> impl Iterator<Item = TokenStream> {
        self.lints.iter().map(|attr| {
            if !attr.path().is_ident("expect") {
                return attr.to_token_stream();
            }
            let allow = format_ident!("allow", span = attr.bracket_token.span.join());
            match attr.meta.require_list() {
                Ok(list) => {
                    let lints = &list.tokens;
                    quote!(#[#allow(#lints)])
                }
                Err(_) => TokenStream::new(),
            }
        })
    }

    fn destination(&mut self, path: &Path) -> &mut Vec<Attribute> {
        const LINTS: [&str; 5] = ["allow", "expect", "warn", "deny", "forbid"];
        let is = |name: &&str| path.is_ident(*name);
        let tool = path.segments.len() > 1
            && path
                .segments
                .first()
                .is_some_and(|first| ["rustfmt", "clippy"].iter().any(|tool| first.ident == tool));
        if is(&"cfg") {
            &mut self.cfgs
        } else if is(&"doc") {
            &mut self.docs
        } else if ["must_use", "deprecated"].iter().any(is) {
            &mut self.public
        } else if tool || LINTS.iter().any(is) {
            &mut self.lints
        } else {
            &mut self.body
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_has_one_destination() {
        let sorted = Attributes::sorted(vec![
            parse_quote!(#[doc = "text"]),
            parse_quote!(#[cfg(unix)]),
            parse_quote!(#[must_use]),
            parse_quote!(#[expect(unused)]),
            parse_quote!(#[clippy::msrv = "1.88"]),
            parse_quote!(#[tracing::instrument(skip(self))]),
            parse_quote!(#[cfg_attr(unix, deprecated, inline, cfg_attr(test, doc = "x"))]),
        ]);
        let count = |list: &[Attribute]| list.len();
        assert_eq!(count(&sorted.docs), 2);
        assert_eq!(count(&sorted.cfgs), 1);
        assert_eq!(count(&sorted.public), 2);
        assert_eq!(count(&sorted.lints), 2);
        assert_eq!(count(&sorted.body), 2);
        let generated: Vec<_> = sorted.lints_on_generated().map(|t| t.to_string()).collect();
        assert!(generated[0].contains("allow"), "{generated:?}");
    }
}
