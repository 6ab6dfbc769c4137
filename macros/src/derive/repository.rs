//! `#[derive(Repository)]`: the same repository around another handle of its manifold.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Attribute, Data, DeriveInput, Fields, Generics, Meta, Type, parse_quote_spanned};

use crate::diagnose::Diagnosis;
use crate::expand::spans::{Ends, hygienic};
use crate::expand::support;
use crate::model::rules::mention;
use crate::parse::{Options, Value};

/// The impl, even where a mistake is noted: its absence would be a second message.
pub fn expand(input: &DeriveInput, diagnosis: &mut Diagnosis) -> TokenStream {
    let name = &input.ident;
    let span = hygienic(name.span());
    let support = support(span);
    for attr in ours(&input.attrs) {
        diagnosis.mistake(
            attr,
            "`#[repository(db)]` goes on the field that holds the manifold, and `#[repository]` on the \
             `impl` with the methods",
        );
    }
    let (change, this) = (Ident::new("change", span), quote_spanned!(span=> self));
    let mut generics = input.generics.clone();
    let copied = match fields(input, diagnosis) {
        Some((fields, holder)) => {
            bound(&mut generics, fields, holder, &support);
            copied(fields, holder, &change, &this)
        }
        None => quote_spanned!(span=> let _ = #change; loop {}),
    };
    let (impl_generics, _, clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #support::Repository for #name #type_generics #clause {
            fn __with_manifold(&#this, #change: &#support::Change<'_>) -> Self {
                #copied
            }
        }
    }
}

/// The fields, and which of them holds the manifold.
fn fields<'a>(input: &'a DeriveInput, diagnosis: &mut Diagnosis) -> Option<(&'a Fields, usize)> {
    let no_struct = "`Repository` is for a struct with a field that holds the manifold: put this beside \
                     such a field";
    match &input.data {
        Data::Struct(data) => {
            let holder = holder(&input.ident, &data.fields, diagnosis)?;
            Some((&data.fields, holder))
        }
        Data::Enum(data) => {
            diagnosis.mistake(data.enum_token, no_struct);
            None
        }
        Data::Union(data) => {
            diagnosis.mistake(data.union_token, no_struct);
            None
        }
    }
}

/// The index of the field that is marked, else of the one that is a `Manifold`.
fn holder(of: &Ident, fields: &Fields, diagnosis: &mut Diagnosis) -> Option<usize> {
    let mut marked = None;
    for (at, field) in fields.iter().enumerate() {
        for attr in ours(&field.attrs) {
            check(attr, diagnosis);
            if marked.is_some() {
                diagnosis.mistake(
                    attr,
                    "a repository has one manifold: `#[repository(db)]` marks one field",
                );
            }
            marked = marked.or(Some(at));
        }
    }
    if marked.is_some() {
        return marked;
    }
    let before = diagnosis.count();
    let mut manifolds = (fields.iter().enumerate()).filter(|(_, field)| is_manifold(&field.ty));
    let Some((holder, _)) = manifolds.next() else {
        diagnosis.mistake(
            of,
            format!(
                "no field of `{of}` is a `Manifold`: if one holds it all the same, mark that one, \
                 `#[repository(db)] db: Arc<Manifold>`"
            ),
        );
        return None;
    };
    for (_, other) in manifolds {
        diagnosis.mistake(
            &other.ty,
            format!(
                "`{of}` holds more than one `Manifold`: mark the one that its calls go through, \
                 `#[repository(db)]`"
            ),
        );
    }
    (diagnosis.count() == before).then_some(holder)
}

fn ours(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    (attrs.iter()).filter(|attr| attr.path().is_ident("repository"))
}

/// Whether the attribute is `#[repository(db)]`.
fn check(attr: &Attribute, diagnosis: &mut Diagnosis) {
    let options = match &attr.meta {
        Meta::List(list) => Options::parse(list.tokens.clone()),
        Meta::Path(_) | Meta::NameValue(_) => Options::default(),
    };
    let is_db = match &options.list[..] {
        [option] => option.name == "db" && matches!(option.value, Value::Absent),
        _ => false,
    };
    if !is_db || !options.mistakes.is_empty() {
        diagnosis.mistake(
            attr,
            "on a field it is `#[repository(db)]`, which marks the one that holds the manifold",
        );
    }
}

fn is_manifold(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_manifold(&group.elem),
        Type::Paren(paren) => is_manifold(&paren.elem),
        Type::Path(path) => {
            (path.path.segments.last()).is_some_and(|last| last.ident == "Manifold")
        }
        _ => false,
    }
}

/// Asks of the fields whose types mention a type parameter what `copied` needs of them. Not of the
/// parameter, which a `PhantomData` mentions, too.
fn bound(generics: &mut Generics, fields: &Fields, holder: usize, support: &TokenStream) {
    let parameters: Vec<_> = (generics.type_params())
        .map(|parameter| parameter.ident.to_string())
        .collect();
    for (at, field) in fields.iter().enumerate() {
        let ty = &field.ty;
        let mentions = |name: &String| mention(ty.to_token_stream(), name).is_some();
        if !parameters.iter().any(mentions) {
            continue;
        }
        let span = hygienic(Ends::of(ty).first);
        let predicate = if at == holder {
            parse_quote_spanned!(span=> #ty: #support::Holder)
        } else {
            parse_quote_spanned!(span=> #ty: #support::Clone)
        };
        generics.make_where_clause().predicates.push(predicate);
    }
}

fn copied(fields: &Fields, holder: usize, change: &Ident, this: &TokenStream) -> TokenStream {
    let span = change.span();
    let members: Vec<_> = fields.members().collect();
    let names: Vec<_> = (0..members.len())
        .map(|at| format_ident!("field_{}", at, span = span))
        .collect();
    let values = (fields.iter().zip(&names).enumerate()).map(|(at, (field, name))| {
        // rustc's error for a type that can be neither held nor copied goes under that type.
        let ends = Ends::of(&field.ty);
        let place = ends.reborrow(name);
        if at == holder {
            let (holds, holding) = (ends.support("Holder"), Ident::new("holding", ends.last));
            quote_spanned!(span=> #holds::#holding(#place, #change))
        } else {
            let (keeps, kept) = (ends.support("Kept"), Ident::new("kept", ends.last));
            quote_spanned!(span=> #keeps::#kept(#place))
        }
    });
    quote_spanned! {span=>
        let Self { #(#members: #names),* } = #this;
        Self { #(#members: #values),* }
    }
}
