//! The `Body` of a method: its arguments as fields, and the impl that runs it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::GenericParam;

use super::spans::Ends;
use super::types::Types;
use crate::model::{Method, Plan};

/// The struct and its impl.
pub fn items(types: &Types, method: &Method) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let Types {
        repository,
        arguments,
        output,
        ..
    } = types;
    let (declared, names, clause) = (types.declared(), types.names(), types.clause(span));
    let (name, fields) = (name(span), fields(method));
    let generics = marker(method).map(|ty| quote_spanned!(span=> generics: #ty,));
    let body_trait = match &method.plan {
        Plan::Read { .. } => quote_spanned!(span=> #support::ReadBody),
        Plan::Write { .. } => quote_spanned!(span=> #support::WriteBody),
    };
    let (again, run) = (again(method), run(method));
    let cached = matches!(&method.plan, Plan::Read { cache: Some(_), .. }).then(|| {
        // rustc's error for an answer that cannot be kept goes under the return type.
        let ends = Ends::of(&method.output);
        let (open, ok) = (quote_spanned!(ends.first=> <), Ident::new("Ok", ends.last));
        quote_spanned! {span=>
            impl #declared #support::CachedBody for #name #names #clause {
                type Answer = #open #output as #support::Outcome>::#ok;
            }
        }
    });
    quote_spanned! {span=>
        struct #name #declared #clause {
            repository: #repository,
            #(#fields: #arguments,)*
            #generics
        }

        impl #declared #body_trait for #name #names #clause {
            type Output = #output;
            #again
            #run
        }

        #cached
    }
}

/// The expression that makes a `Body` of the public method's parameters.
pub fn value(types: &Types, method: &Method) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let (name, fields) = (name(span), fields(method));
    let generics = marker(method).map(|_| quote_spanned!(span=> generics: #support::PhantomData,));
    let arguments = method.arguments.iter().map(super::Argument::own_name);
    let this = &method.receiver.self_token;
    // What is only in the marker cannot be inferred.
    let passed = &types.passed;
    let passed = (!passed.is_empty()).then(|| quote_spanned!(span=> ::<#(#passed),*>));
    quote_spanned! {span=>
        #name #passed {
            repository: #this,
            #(#fields: #arguments,)*
            #generics
        }
    }
}

fn name(span: Span) -> Ident {
    Ident::new("__Body", span)
}

fn fields(method: &Method) -> impl Iterator<Item = Ident> {
    let span = method.span();
    (0..method.arguments.len()).map(move |at| format_ident!("argument_{}", at, span = span))
}

/// The type that mentions all parameters of the method, which need not be in its arguments; `None`
/// if it has no parameters.
fn marker(method: &Method) -> Option<TokenStream> {
    let span = method.span();
    let support = method.support();
    let mentioned = method
        .sig
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Lifetime(param) => {
                let lifetime = &param.lifetime;
                Some(quote_spanned!(span=> &#lifetime ()))
            }
            GenericParam::Type(param) => {
                let ident = &param.ident;
                Some(quote_spanned!(span=> #support::PhantomData<#ident>))
            }
            GenericParam::Const(_) => None,
        });
    // `fn() -> ..`: the marker is `Send` whatever the parameters are.
    let mentioned: Vec<_> = mentioned.collect();
    (!mentioned.is_empty())
        .then(|| quote_spanned!(span=> #support::PhantomData<fn() -> (#(#mentioned,)*)>))
}

/// `Body::again`: a copy of the arguments, if the body may run more than once.
fn again(method: &Method) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let this = quote_spanned!(span=> self);
    let again = if method.repeats() {
        let fields: Vec<_> = fields(method).collect();
        let generics = marker(method).map(|_| Ident::new("generics", span));
        let copied = generics
            .as_ref()
            .map(|name| quote_spanned!(span=> #name: *#name,));
        let repeated = method
            .arguments
            .iter()
            .zip(&fields)
            .map(|(argument, field)| {
                let ends = Ends::of(&argument.ty);
                // rustc's error for an argument that cannot be repeated goes under its type.
                let (place, repeatable) = (ends.reborrow(field), ends.support("Repeatable"));
                let repeat = Ident::new("repeat", ends.last);
                quote_spanned!(span=> #repeatable::#repeat(#place))
            });
        quote_spanned! {span=>
            let Self { repository, #(#fields,)* #generics } = #this;
            #support::Option::Some(Self {
                repository,
                #(#fields: #repeated,)*
                #copied
            })
        }
    } else {
        quote_spanned!(span=> #support::Option::None)
    };
    quote_spanned! {span=>
        fn again(&#this) -> #support::Option<Self> {
            #again
        }
    }
}

/// `Body::run`, with rustc's error for another type of connection under the user's.
fn run(method: &Method) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let conn = Ident::new("conn", span);
    let connection = Ident::new(super::kind(method).connection(), span);
    let pass = Ends::of(&method.conn.ty).reborrow_mut(&conn);
    let (on, turbofish) = (method.on(), method.turbofish());
    let fields = fields(method);
    quote_spanned! {span=>
        async fn run(self, #conn: &mut #support::#connection<'_>) -> Self::Output {
            self.repository.#on #turbofish (#pass, #(self.#fields),*).await
        }
    }
}
