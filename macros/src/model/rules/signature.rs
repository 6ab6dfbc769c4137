//! What a marked method's signature must look like.

use quote::ToTokens;
use syn::visit::Visit;
use syn::{FnArg, Generics, Pat, PatType, ReturnType, Signature, Type};

use super::generics::{OpaqueTypes, no_type_parameters_around};
use crate::diagnose::Diagnosis;
use crate::model::{Argument, Conn, Receiver};
use crate::parse::{ImplBlock, Kind, Marked};

/// What the rules need to know of the impl around a method.
pub struct Context {
    generics: Generics,
}

impl Context {
    pub fn of(block: &ImplBlock) -> Self {
        Self {
            generics: block.generics.clone(),
        }
    }
}

/// A signature that passed.
pub struct Checked {
    pub receiver: Receiver,
    pub conn: Conn,
    pub arguments: Vec<Argument>,
    pub output: Type,
}

/// The parts of the signature; `None` if one of them is not as it must be.
pub fn check(
    marked: &Marked,
    kind: Kind,
    context: &Context,
    diagnosis: &mut Diagnosis,
) -> Option<Checked> {
    let before = diagnosis.count();
    let sig = &marked.sig;
    keywords(sig, kind, diagnosis);
    if kind == Kind::Cached {
        no_type_parameters_around(&context.generics, diagnosis, sig);
    }
    let mut inputs = sig.inputs.iter().peekable();
    // Without a receiver, the first parameter may still be the connection.
    let first = inputs.next_if(|input| matches!(input, FnArg::Receiver(_)));
    let receiver = receiver(first, sig, kind, diagnosis);
    let conn = connection(inputs.next(), sig, kind, diagnosis);
    let arguments = arguments(inputs, kind, diagnosis);
    let output = output(sig, kind, diagnosis);
    let checked = Checked {
        receiver: receiver?,
        conn: conn?,
        arguments,
        output: output?,
    };
    (diagnosis.count() == before).then_some(checked)
}

fn keywords(sig: &Signature, kind: Kind, diagnosis: &mut Diagnosis) {
    let marker = kind.marker();
    if sig.asyncness.is_none() {
        diagnosis.mistake(
            sig.fn_token,
            format!("a `{marker}` method waits for the database: make it an `async fn`"),
        );
    }
    if let Some(unsafety) = &sig.unsafety {
        diagnosis.mistake(
            unsafety,
            format!("a `{marker}` method cannot be `unsafe`: the library calls it, and cannot know what it requires"),
        );
    }
    if let Some(abi) = &sig.abi {
        diagnosis.mistake(abi, format!("a `{marker}` method has no `extern` ABI"));
    }
}

fn receiver(
    input: Option<&FnArg>,
    sig: &Signature,
    kind: Kind,
    diagnosis: &mut Diagnosis,
) -> Option<Receiver> {
    if let Some(FnArg::Receiver(receiver)) = input
        && let Some((_, lifetime)) = &receiver.reference
        && receiver.mutability.is_none()
        && receiver.colon_token.is_none()
    {
        return Some(Receiver {
            self_token: receiver.self_token,
            lifetime: lifetime.clone(),
        });
    }
    let place: &dyn ToTokens = match input {
        Some(input) => input,
        None => &sig.ident,
    };
    diagnosis.mistake(
        place,
        format!(
            "the first parameter of a `{}` method is `&self`: it holds the manifold, and calls share it",
            kind.marker()
        ),
    );
    None
}

fn connection(
    input: Option<&FnArg>,
    sig: &Signature,
    kind: Kind,
    diagnosis: &mut Diagnosis,
) -> Option<Conn> {
    let (marker, wanted) = (kind.marker(), kind.connection());
    let Some(FnArg::Typed(PatType { pat, ty, .. })) = input else {
        diagnosis.mistake(
            &sig.ident,
            format!(
                "the second parameter of a `{marker}` method is `conn: &mut {wanted}<'_>`; callers of \
                 the public method do not pass it"
            ),
        );
        return None;
    };
    let name = match &**pat {
        Pat::Ident(pat) if pat.ident == "conn" || pat.ident == "_conn" => Some(pat.ident.clone()),
        _ => None,
    };
    let Some(name) = name else {
        diagnosis.mistake(
            pat,
            format!(
                "the second parameter of a `{marker}` method is the connection, and is named so: \
                 `conn: &mut {wanted}<'_>` (or `_conn`)"
            ),
        );
        return None;
    };
    if connection_type(ty).is_some_and(|found| found != wanted) {
        diagnosis.mistake(
            ty,
            format!("the connection of a `{marker}` method is `&mut {wanted}<'_>`"),
        );
        return None;
    }
    Some(Conn {
        name,
        ty: (**ty).clone(),
    })
}

/// The name of a type that cannot be the connection unless it is the wanted one: ours and diesel's
/// own. `None` for names we do not know, which may be aliases; rustc compares those.
fn connection_type(ty: &Type) -> Option<String> {
    const KNOWN: [&str; 5] = [
        "ReadConn",
        "WriteConn",
        "ReadPipe",
        "AsyncPgConnection",
        "PgConnection",
    ];
    match ty {
        Type::Reference(reference) if reference.mutability.is_some() => match &*reference.elem {
            Type::Path(path) => {
                let last = path.path.segments.last()?.ident.to_string();
                KNOWN.contains(&last.as_str()).then_some(last)
            }
            Type::Group(_) => None,
            _ => Some(String::new()),
        },
        Type::Group(group) => connection_type(&group.elem),
        // A path may be an alias of the whole `&mut ReadConn<'a>`; nothing else can be.
        Type::Path(_) => None,
        _ => Some(String::new()),
    }
}

fn arguments<'a>(
    inputs: impl Iterator<Item = &'a FnArg>,
    kind: Kind,
    diagnosis: &mut Diagnosis,
) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for (at, input) in inputs.enumerate() {
        // The first parameter is the only one that can be a receiver; rustc says so.
        let FnArg::Typed(PatType { attrs, pat, ty, .. }) = input else {
            continue;
        };
        if let Some(cfg) = attrs.iter().find(|attr| attr.path().is_ident("cfg")) {
            diagnosis.mistake(
                cfg,
                "a parameter of a repository method cannot have a `cfg`: write the method twice, \
                 under `#[cfg(..)]` and `#[cfg(not(..))]`",
            );
        }
        if let (Type::Reference(reference), Kind::Read | Kind::Cached) = (&**ty, kind)
            && reference.mutability.is_some()
        {
            diagnosis.mistake(
                ty,
                format!(
                    "a `{}` method cannot take `&mut`: its body may run again on another node, or not \
                     at all; return the value instead",
                    kind.marker()
                ),
            );
        }
        let name = match &**pat {
            Pat::Ident(pat) if pat.subpat.is_none() => pat.ident.clone(),
            _ => quote::format_ident!("argument_{at}"),
        };
        arguments.push(Argument {
            name,
            pat: (**pat).clone(),
            ty: (**ty).clone(),
        });
    }
    arguments
}

fn output(sig: &Signature, kind: Kind, diagnosis: &mut Diagnosis) -> Option<Type> {
    let marker = kind.marker();
    let ReturnType::Type(_, ty) = &sig.output else {
        diagnosis.mistake(
            &sig.ident,
            format!(
                "a `{marker}` method returns a `Result`: the call itself can fail; write \
                 `-> diesel_manifold::Result<()>`"
            ),
        );
        return None;
    };
    let mut opaque = OpaqueTypes::default();
    opaque.visit_type(ty);
    if let Some(found) = opaque.0.first() {
        diagnosis.mistake(
            found,
            format!(
                "the return type of a `{marker}` method must have a name: box it, `Box<dyn ..>`"
            ),
        );
        return None;
    }
    Some((**ty).clone())
}
