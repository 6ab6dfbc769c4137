//! A method's types, said outside of the method: in the impl of its `Body`, which cannot see `Self`,
//! the generics around it or the names that elided lifetimes do not have.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{
    ExprPath, GenericParam, Generics, Lifetime, ParenthesizedGenericArguments, Path, QSelf, Token,
    Type, TypeBareFn, TypeParamBound, TypeReference, WherePredicate, parse_quote,
};

use super::spans::{Ends, hygienic};
use crate::model::{Argument, Method, Repository};

/// The types of one method.
///
/// Each lifetime has one name and is a parameter of the `Body` once. Written out like this, and not
/// as an impl for particular arguments, the `Body` is one for *any* lifetimes, which is what the
/// compiler asks for when it checks that a spawned future is `Send`.
pub struct Types {
    /// Names for elided lifetimes.
    lifetimes: Vec<Lifetime>,
    /// Lifetimes that have names, and their declarations.
    named: Vec<(Lifetime, TokenStream)>,
    /// Type and constant parameters: around the method, its own, and one for each `impl Trait`.
    parameters: Vec<TokenStream>,
    /// The names of these, as the method can say them: an `impl Trait` has none.
    pub passed: Vec<TokenStream>,
    names: Vec<Ident>,
    predicates: Vec<WherePredicate>,
    /// The repository, by reference.
    pub repository: TokenStream,
    pub arguments: Vec<Type>,
    pub output: Type,
}

impl Types {
    pub fn of(repository: &Repository, method: &Method) -> Self {
        let span = method.span();
        let mut lifetimes = Vec::new();
        let mut around = repository.ty.clone();
        Elided::fresh("repository", span, &mut lifetimes).visit_type_mut(&mut around);
        let receiver = method.receiver.lifetime.clone().unwrap_or_else(|| {
            let lifetime = Lifetime::new("'__self", span);
            lifetimes.push(lifetime.clone());
            lifetime
        });
        let mut output = method.output.clone();
        Elided::named(&receiver).visit_type_mut(&mut output);
        SelfType(&around).visit_type_mut(&mut output);
        let mut types = Self {
            named: Vec::new(),
            parameters: Vec::new(),
            passed: Vec::new(),
            names: Vec::new(),
            predicates: Vec::new(),
            repository: quote!(&#receiver #around),
            arguments: Vec::new(),
            output,
            lifetimes,
        };
        types.generics(&repository.generics, &around, span);
        types.generics(&method.sig.generics, &around, span);
        for argument in &method.arguments {
            types.argument(method, argument, &around);
        }
        types
    }

    fn generics(&mut self, generics: &Generics, around: &Type, span: Span) {
        for mut param in generics.params.iter().cloned() {
            SelfType(around).visit_generic_param_mut(&mut param);
            let declaration = declaration(&mut param, span);
            let name = match &param {
                GenericParam::Lifetime(param) => {
                    self.named.push((param.lifetime.clone(), declaration));
                    continue;
                }
                GenericParam::Type(param) => &param.ident,
                GenericParam::Const(param) => &param.ident,
            };
            self.parameters.push(declaration);
            self.passed.push(name.to_token_stream());
            self.names.push(name.clone());
        }
        if let Some(clause) = &generics.where_clause {
            let mut clause = clause.clone();
            SelfType(around).visit_where_clause_mut(&mut clause);
            self.predicates.extend(clause.predicates);
        }
    }

    fn argument(&mut self, method: &Method, argument: &Argument, around: &Type) {
        let span = method.span();
        let mut ty = argument.ty.clone();
        let mut opaque = Opaque {
            method,
            argument: &argument.name,
            found: Vec::new(),
        };
        opaque.visit_type_mut(&mut ty);
        for (name, mut bounds) in opaque.found {
            for bound in &mut bounds {
                Elided::fresh("bound", span, &mut self.lifetimes).visit_type_param_bound_mut(bound);
                SelfType(around).visit_type_param_bound_mut(bound);
            }
            self.parameters.push(quote_spanned!(span=> #name: #bounds));
            self.passed.push(quote_spanned!(span=> _));
            self.names.push(name);
        }
        Elided::fresh("argument", span, &mut self.lifetimes).visit_type_mut(&mut ty);
        SelfType(around).visit_type_mut(&mut ty);
        self.arguments.push(ty);
    }

    /// `<'a, T: Bound>`, for the struct and for its impl.
    pub fn declared(&self) -> TokenStream {
        let (elided, parameters) = (&self.lifetimes, &self.parameters);
        let named = self.named.iter().map(|(_, declaration)| declaration);
        quote!(<#(#elided,)* #(#named,)* #(#parameters),*>)
    }

    /// `<'a, T>`.
    pub fn names(&self) -> TokenStream {
        let (elided, parameters) = (&self.lifetimes, &self.names);
        let named = self.named.iter().map(|(lifetime, _)| lifetime);
        quote!(<#(#elided,)* #(#named,)* #(#parameters),*>)
    }

    pub fn clause(&self, span: Span) -> Option<TokenStream> {
        let predicates = &self.predicates;
        (!predicates.is_empty()).then(|| quote_spanned!(span=> where #(#predicates),*))
    }
}

/// A generic parameter as an impl declares it: without attributes, without a default.
fn declaration(param: &mut GenericParam, span: Span) -> TokenStream {
    match param {
        GenericParam::Type(param) => {
            param.attrs.clear();
            param.eq_token = None;
            param.default = None;
        }
        GenericParam::Const(param) => {
            param.attrs.clear();
            param.eq_token = None;
            param.default = None;
        }
        GenericParam::Lifetime(param) => {
            param.attrs.clear();
            // A declaration of ours: how often it is used is no matter for the user's lints.
            param.lifetime.set_span(span);
        }
    }
    param.to_token_stream()
}

/// Names elided lifetimes. Those of `fn(&T)` and `Fn(&T)` are bound there and stay.
struct Elided<F>(F);

impl<'a> Elided<Box<dyn FnMut(Span) -> Lifetime + 'a>> {
    fn named(lifetime: &'a Lifetime) -> Self {
        Self(Box::new(|_| lifetime.clone()))
    }

    /// Each gets a name of its own, which is declared in `lifetimes`.
    fn fresh(stem: &'a str, span: Span, lifetimes: &'a mut Vec<Lifetime>) -> Self {
        Self(Box::new(move |_| {
            let name = format!("'__{stem}_{}", lifetimes.len());
            let lifetime = Lifetime::new(&name, span);
            lifetimes.push(lifetime.clone());
            lifetime
        }))
    }
}

impl<F: FnMut(Span) -> Lifetime> VisitMut for Elided<F> {
    fn visit_type_reference_mut(&mut self, ty: &mut TypeReference) {
        if ty.lifetime.is_none() {
            ty.lifetime = Some((self.0)(ty.and_token.span));
        }
        visit_mut::visit_type_reference_mut(self, ty);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = (self.0)(lifetime.span());
        }
    }

    fn visit_type_bare_fn_mut(&mut self, _: &mut TypeBareFn) {}

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {
    }
}

/// Says `Self` in full.
struct SelfType<'a>(&'a Type);

impl SelfType<'_> {
    /// `Self::NAME` as `<Repository>::NAME`.
    fn qualify(&self, qself: &mut Option<QSelf>, path: &mut Path) {
        let begins = path.segments.len() > 1
            && path
                .segments
                .first()
                .is_some_and(|first| first.ident == "Self");
        if qself.is_some() || !begins {
            return;
        }
        let span = Ends::of(path).first;
        path.segments = std::mem::take(&mut path.segments)
            .into_iter()
            .skip(1)
            .collect();
        path.leading_colon = Some(Token![::](span));
        *qself = Some(QSelf {
            lt_token: Token![<](span),
            ty: Box::new(self.0.clone()),
            position: 0,
            as_token: None,
            gt_token: Token![>](span),
        });
    }
}

impl VisitMut for SelfType<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty {
            if path.qself.is_none() && path.path.is_ident("Self") {
                *ty = self.0.clone();
                return;
            }
            self.qualify(&mut path.qself, &mut path.path);
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        self.qualify(&mut path.qself, &mut path.path);
        visit_mut::visit_expr_path_mut(self, path);
    }
}

/// Puts a type parameter in the place of each `impl Trait`.
struct Opaque<'a> {
    method: &'a Method,
    argument: &'a Ident,
    found: Vec<(Ident, Punctuated<TypeParamBound, Token![+]>)>,
}

impl VisitMut for Opaque<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        // The innermost first: `impl Fn() -> impl Trait` is no argument type, but a bound may hold
        // an `impl` in its generics.
        visit_mut::visit_type_mut(self, ty);
        let Type::ImplTrait(opaque) = ty else { return };
        let span = Ends::of(opaque).first;
        let bounds = std::mem::take(&mut opaque.bounds);
        let name = self.name(span);
        *ty = parse_quote!(#name);
        self.found.push((name, bounds));
    }
}

impl Opaque<'_> {
    /// A name that rustc's messages can say: `ImplTitle` for `title: impl Into<String>`.
    fn name(&self, span: Span) -> Ident {
        let argument = self.argument.to_string();
        let camel: String = argument
            .trim_start_matches("r#")
            .split('_')
            .flat_map(|word| {
                let mut letters = word.chars();
                let first = letters.next().into_iter().flat_map(char::to_uppercase);
                first.chain(letters).collect::<Vec<_>>()
            })
            .collect();
        let mut name = format!("Impl{camel}");
        let signature = self.method.sig.to_token_stream();
        let taken = |name: &str| {
            self.found.iter().any(|(other, _)| other == name)
                || crate::model::rules::mention(signature.clone(), name).is_some()
        };
        while taken(&name) {
            name.push('_');
        }
        format_ident!("{}", name, span = hygienic(span))
    }
}
