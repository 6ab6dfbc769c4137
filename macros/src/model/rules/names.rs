//! Names within one impl: what is generated must not meet what is written.

use std::collections::{HashMap, HashSet};

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Attribute, Path};

use super::values;
use crate::diagnose::Diagnosis;
use crate::model::{Argument, Plan};
use crate::parse::{ImplBlock, Item, Kind, Marked};

/// The verbs of a query. `RunQueryDsl` gives them to every type, by value, so wherever the prelude is
/// imported they win over a method that takes `&self`.
const VERBS: [&str; 6] = [
    "execute",
    "first",
    "get_result",
    "get_results",
    "load",
    "load_stream",
];

/// The other methods of the impl, as far as `invalidates(..)` asks about them.
pub struct Neighbours {
    /// Marked methods that have no key.
    uncached: Vec<String>,
    /// The key functions of the others.
    keys: Vec<String>,
}

impl Neighbours {
    pub fn of(block: &ImplBlock) -> Self {
        let written: Vec<_> = block.items.iter().filter_map(name).map(text).collect();
        let uncached = (block.items.iter())
            .filter_map(marked)
            .filter(|method| !method.markers.iter().any(|m| m.kind == Kind::Cached))
            .map(|method| text(&method.sig.ident))
            // A key function written by hand serves as well as a generated one.
            .filter(|name| !written.contains(&format!("{name}_key")))
            .collect();
        let cached = (block.items.iter())
            .filter_map(marked)
            .filter(|method| method.markers.iter().any(|m| m.kind == Kind::Cached));
        let keys = cached.map(|method| format!("{}_key", text(&method.sig.ident)));
        let keys = keys.collect();
        Self { uncached, keys }
    }

    /// Whether `name` is a key function that this impl gets.
    pub fn is_key_function(&self, name: &Ident) -> bool {
        self.keys.contains(&text(name))
    }

    pub fn is_uncached(&self, name: &Ident) -> bool {
        self.uncached.contains(&text(name))
    }
}

/// The method of this impl that a path in `invalidates(..)` names: `by_id` or `Self::by_id`.
pub fn in_this_impl(path: &Path) -> Option<&Ident> {
    let mut segments = path.segments.iter();
    let first = segments.next()?;
    match segments.next() {
        None => Some(&first.ident),
        Some(second) if first.ident == "Self" && segments.next().is_none() => Some(&second.ident),
        Some(_) => None,
    }
}

/// Notes every name that would be defined twice, and every cache name that is used twice. The
/// methods that must not expand because of that are returned.
pub fn check(block: &ImplBlock, diagnosis: &mut Diagnosis) -> HashSet<String> {
    let mut clashing = HashSet::new();
    // rustc sees whether two `cfg`s exclude each other; this does not, and leaves those to it.
    let mut written = HashMap::new();
    for item in block.items.iter().filter(|item| !has_cfg(attrs(item))) {
        if let Some(name) = name(item) {
            written.insert(text(name), name);
        }
    }
    let mut caches = HashMap::new();
    for method in block.items.iter().filter_map(marked) {
        let own = &method.sig.ident;
        if VERBS.contains(&text(own).as_str()) {
            diagnosis.mistake(
                own,
                format!(
                    "`{own}` is a verb of every query: wherever the prelude is imported, calling \
                     this method would run that instead; name it for what it answers"
                ),
            );
        }
        if has_cfg(&method.attrs) {
            continue;
        }
        for generated in generated(method) {
            if let Some(clash) = written.get(&generated) {
                let (of, marker) = (&method.sig.ident, method.markers[0].kind.marker());
                clashing.insert(text(of));
                diagnosis.mistake(
                    clash,
                    format!(
                        "`{marker}` on `{of}` generates `{generated}` itself: rename one of the two"
                    ),
                );
            }
        }
        if let Some(name) = cache_name(method)
            && let Some(other) = caches.insert(name.value(), &method.sig.ident)
        {
            diagnosis.mistake(
                name,
                format!(
                    "`{other}` keeps its answers under this name already: each method has its own"
                ),
            );
        }
    }
    clashing
}

/// Notes scope parameters that are named like arguments: the key function has both.
pub fn scope(plan: &Plan, arguments: &[Argument], diagnosis: &mut Diagnosis) {
    let Plan::Read {
        cache: Some(caching),
        ..
    } = plan
    else {
        return;
    };
    for (at, scope) in caching.scope.iter().enumerate() {
        let earlier = caching.scope[..at].iter().map(|other| &other.name);
        let mut taken = arguments
            .iter()
            .map(|argument| &argument.name)
            .chain(earlier);
        if taken.any(|name| *name == scope.name) {
            let name = &scope.name;
            diagnosis.mistake(
                name,
                format!("the key has a parameter `{name}` already: give this one another name"),
            );
        }
    }
}

fn generated(method: &Marked) -> Vec<String> {
    let name = text(&method.sig.ident);
    let has = |kind| method.markers.iter().any(|marker| marker.kind == kind);
    let mut names = vec![format!("{name}_on")];
    if has(Kind::Cached) {
        names.push(format!("{name}_key"));
        names.push(format!("{}_CALL", name.to_uppercase()));
    }
    names
}

fn cache_name(method: &Marked) -> Option<syn::LitStr> {
    let cached = method.markers.iter().find(|m| m.kind == Kind::Cached)?;
    let option = cached.options.list.iter().find(|o| o.name == "name")?;
    values::text(&option.value).cloned()
}

fn marked(item: &Item) -> Option<&Marked> {
    match item {
        Item::Marked(method) => Some(method),
        Item::Broken(_) | Item::Plain(_) => None,
    }
}

fn name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Marked(method) => Some(&method.sig.ident),
        Item::Plain(plain) => plain.name.as_ref(),
        Item::Broken(_) => None,
    }
}

fn attrs(item: &Item) -> &[Attribute] {
    match item {
        Item::Marked(method) => &method.attrs,
        Item::Plain(plain) => &plain.attrs,
        Item::Broken(_) => &[],
    }
}

fn has_cfg(attrs: &[Attribute]) -> bool {
    let conditional =
        |attr: &Attribute| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr");
    attrs.iter().any(conditional)
}

pub fn text(ident: &Ident) -> String {
    ident.unraw().to_string()
}
