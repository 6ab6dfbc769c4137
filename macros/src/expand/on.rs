//! `<name>_on`: the method on a connection of the caller's.
//!
//! Of a read, and of a write that declares no invalidations, it is the user's method as written. Of
//! a write that does, it is ours: it runs the user's body, a private function then, and records what
//! it makes stale, so that bodies compose in one transaction and no invalidation is lost.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, FieldPat, Pat, Path, Stmt, Token};

use super::spans::{self, Ends};
use super::{by_reference, public};
use crate::model::rules::mention;
use crate::model::{Argument, Invalidation, Keys, Method};

/// `<name>_on`, and the private function if there is one.
pub fn methods(method: &Method) -> TokenStream {
    let attrs = &method.attrs;
    let (cfgs, docs, others, vis) = (&attrs.cfgs, &attrs.docs, &attrs.body, &method.vis);
    let (lints, doc, body) = (&attrs.lints, doc(method), &method.body);
    let mut on = method.sig.clone();
    on.ident = method.on();
    if !method.records_invalidations() {
        return quote_spanned! {method.span()=>
            #(#cfgs)* #(#docs)* #doc #(#lints)* #(#others)*
            #vis #on #body
        };
    }
    let mut private = method.sig.clone();
    private.ident = method.private();
    let named = method
        .arguments
        .iter()
        .map(|one| public::parameter(one, one.name.clone()));
    on.inputs = on.inputs.into_iter().take(2).chain(named).collect();
    let generated = attrs.lints_on_generated();
    let recording = recording(method);
    quote_spanned! {method.span()=>
        #(#cfgs)* #(#docs)* #doc #(#generated)* #(#others)*
        #vis #on { #recording }

        #(#cfgs)* #[doc(hidden)] #(#lints)*
        #private #body
    }
}

fn doc(method: &Method) -> TokenStream {
    let of = public::text(&method.sig.ident);
    let doc = match super::kind(method) {
        crate::parse::Kind::Read | crate::parse::Kind::Cached => format!(
            "The body of [`{of}`](Self::{of}) on a connection of the caller's, for use inside another \
             body or a transaction: no routing, no cache."
        ),
        crate::parse::Kind::Write => format!(
            "[`{of}`](Self::{of}) on a connection of the caller's: part of the write or transaction \
             that lent it, with which it commits, its invalidations included."
        ),
    };
    let gap = (!method.attrs.docs.is_empty()).then(|| quote!(#[doc = ""]));
    quote!(#gap #[doc = #doc])
}

/// The keys that are known are declared stale before the body runs: whether it answers, fails or is
/// dropped half way, without a transaction its statements may have changed rows already, and an
/// invalidation too many costs one miss.
fn recording(method: &Method) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let (this, conn) = (&method.receiver.self_token, &method.conn.name);
    let before: Vec<_> = method.invalidations(false).collect();
    let after: Vec<_> = method.invalidations(true).collect();
    let bindings = by_pattern(method, &before);
    let known = before.iter().map(|one| {
        let (keys, invalidate) = (one.keys(), one.invalidate());
        quote_spanned!(span=> #conn.#invalidate(#keys);)
    });
    let (private, turbofish) = (method.private(), method.turbofish());
    let arguments = method.arguments.iter().map(|argument| &argument.name);
    let call = quote_spanned! {span=>
        #this.#private #turbofish (&mut *#conn, #(#arguments),*).await
    };
    let known = quote_spanned!(span=> { #bindings #(#known)* });
    if after.is_empty() {
        return quote_spanned!(span=> #known #call);
    }
    let out = Ident::new("out", span);
    let (copies, restored, learnt) = with_answer(method, &after);
    let place = Ends::of(&method.output).reborrow_from(&out);
    quote_spanned! {span=>
        #known
        #copies
        let #out = #call;
        if let #support::Option::Some(answer) = #support::Outcome::answer(#place) {
            #restored
            #(#learnt)*
        }
        #out
    }
}

/// The items that need the answer: copies of the parameters in them, made before the body moves
/// those; the statement that gives the copies their names back; the invalidations.
fn with_answer(
    method: &Method,
    after: &[&Invalidation],
) -> (TokenStream, TokenStream, Vec<TokenStream>) {
    let span = method.span();
    let used: Vec<_> = (method.arguments.iter())
        .filter(|argument| {
            argument
                .names()
                .iter()
                .any(|name| mentioned(after, name).is_some())
        })
        .collect();
    let names: Vec<_> = used.iter().map(|argument| &argument.name).collect();
    let clones = used.iter().map(|argument| copy(method, argument, after));
    let copies = Ident::new("copies", span);
    let made = (!used.is_empty()).then(|| quote_spanned!(span=> let #copies = (#(#clones,)*);));
    let bindings = by_pattern(method, after);
    let restored = (!used.is_empty()).then(|| {
        // The second use keeps a field of a struct literal that is called like a parameter from
        // making the copy unused.
        quote_spanned!(span=> let (#(#names,)*) = #copies; let _ = (#(&#names,)*);)
    });
    let learnt = after.iter().map(|one| {
        let (ret, keys, conn) = (&one.answer, one.keys(), &method.conn.name);
        let invalidate = one.invalidate();
        quote_spanned! {span=>
            {
                let #ret = answer;
                let _ = #ret;
                #conn.#invalidate(#keys);
            }
        }
    });
    let learnt = learnt.collect();
    (quote!(#made), quote!(#restored #bindings), learnt)
}

/// Binds what the given items use of parameters that are patterns, with the types that they have in
/// the body: the body gets the parameter, these get a copy.
fn by_pattern(method: &Method, items: &[&Invalidation]) -> TokenStream {
    let patterns = method
        .arguments
        .iter()
        .filter(|argument| argument.is_pattern());
    let bound = patterns.filter_map(|argument| {
        let mut used = Used { items, any: false };
        let mut pat = argument.pat.clone();
        used.visit_pat_mut(&mut pat);
        let copy = copy(method, argument, items);
        used.any
            .then(|| quote_spanned!(method.span()=> let #pat = #copy;))
    });
    bound.collect()
}

/// A copy of a parameter, with rustc's error for one that cannot be copied under its first use.
fn copy(method: &Method, argument: &Argument, items: &[&Invalidation]) -> TokenStream {
    let name = &argument.name;
    let uses = (argument.names().iter()).find_map(|name| mentioned(items, name));
    let place = uses.map_or_else(|| method.span(), |found| found.span());
    let mut this = name.clone();
    this.set_span(name.span().located_at(place));
    let (clone, support) = (
        Ident::new("clone", place),
        spans::Ends::at(place).support("Clone"),
    );
    quote_spanned!(place=> #support::#clone(&#this))
}

/// Leaves in a pattern what is used of it.
struct Used<'a> {
    items: &'a [&'a Invalidation],
    any: bool,
}

impl VisitMut for Used<'_> {
    fn visit_pat_mut(&mut self, pat: &mut Pat) {
        if let Pat::Ident(ident) = pat {
            if mentioned(self.items, &ident.ident).is_none() && ident.subpat.is_none() {
                *pat = Pat::Wild(syn::PatWild {
                    attrs: Vec::new(),
                    underscore_token: Token![_](ident.ident.span()),
                });
                return;
            }
            self.any = true;
            ident.mutability = None;
        }
        visit_mut::visit_pat_mut(self, pat);
    }

    fn visit_field_pat_mut(&mut self, field: &mut FieldPat) {
        visit_mut::visit_field_pat_mut(self, field);
        if matches!(*field.pat, Pat::Wild(_)) {
            // `Page { after }` becomes `Page { after: _ }`.
            field.colon_token.get_or_insert_with(Default::default);
        }
    }
}

fn mentioned(items: &[&Invalidation], name: &Ident) -> Option<Ident> {
    items
        .iter()
        .find_map(|one| mention(one.to_token_stream(), &name.to_string()))
}

impl Argument {
    fn is_pattern(&self) -> bool {
        !matches!(&self.pat, Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none())
    }
}

impl Invalidation {
    /// The name of the function that takes the keys, at the item that it is called for.
    fn invalidate(&self) -> Ident {
        Ident::new("invalidate", Ends::of(&self.keys()).first)
    }

    /// The expression of the keys, all its tokens at the user's.
    fn keys(&self) -> TokenStream {
        match &self.keys {
            Keys::Value(expr) => without_braces(expr).to_token_stream(),
            Keys::Method {
                method,
                arguments,
                parentheses,
            } => {
                let function = key_function(method);
                let arguments = arguments.iter().map(by_reference);
                let arguments = quote_spanned!(*parentheses=> (#(#arguments),*));
                quote!(#function #arguments)
            }
        }
    }
}

/// `{ keys(id) }` as `keys(id)`: the braces only told us not to look for a method in it.
fn without_braces(expr: &Expr) -> &Expr {
    match expr {
        Expr::Block(block) if block.label.is_none() && block.attrs.is_empty() => {
            match &block.block.stmts[..] {
                [Stmt::Expr(inner, None)] => inner,
                _ => expr,
            }
        }
        _ => expr,
    }
}

/// `by_id` as `Self::by_id_key`, `Albums::by_id` as `Albums::by_id_key`.
fn key_function(method: &Path) -> TokenStream {
    let mut function = method.clone();
    let Some(last) = function.segments.last_mut() else {
        return TokenStream::new();
    };
    let span = last.ident.span();
    if !last.ident.to_string().ends_with("_key") {
        last.ident = format_ident!("{}_key", last.ident);
    }
    if function.segments.len() == 1 {
        quote_spanned!(span=> Self::#function)
    } else {
        function.into_token_stream()
    }
}
