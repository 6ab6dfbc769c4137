//! What a repository is once everything about it is known to be right.
//!
//! Only legal shapes exist here: a cached write, a retry without a transaction or an invalidation
//! that needs the answer before there is one cannot be written down.

pub mod attributes;
pub mod rules;

use proc_macro2::{Group, Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, Generics, Lifetime, Pat, PatIdent, Path, Signature, Token, Type, Visibility,
};

pub use attributes::Attributes;

/// A `#[repository]` impl block.
pub struct Repository {
    pub attrs: Vec<Attribute>,
    pub inner_attrs: Vec<Attribute>,
    pub generics: Generics,
    pub ty: Type,
    /// The last name of the type's path: what a call is named after.
    pub name: String,
    /// The type in the default names of caches, generic arguments included.
    pub path: String,
    /// The manifold, if not `self.db`.
    pub db: Option<Expr>,
    pub items: Vec<Item>,
}

/// An item of the impl block.
pub enum Item {
    Method(Box<Method>),
    AsWritten(TokenStream),
}

/// A marked method.
pub struct Method {
    pub attrs: Attributes,
    pub vis: Visibility,
    /// As written, `conn` included.
    pub sig: Signature,
    pub body: Group,
    pub receiver: Receiver,
    pub conn: Conn,
    /// The parameters behind `conn`.
    pub arguments: Vec<Argument>,
    pub output: Type,
    pub plan: Plan,
}

/// `&self` or `&'a self`.
pub struct Receiver {
    pub self_token: Token![self],
    pub lifetime: Option<Lifetime>,
}

/// The connection parameter.
pub struct Conn {
    pub name: Ident,
    pub ty: Type,
}

/// A parameter of the public method.
pub struct Argument {
    /// The name it has there: the user's own, or a made-up one for a pattern.
    pub name: Ident,
    pub pat: Pat,
    pub ty: Type,
}

/// How a method is called.
pub enum Plan {
    Read {
        attempts: u8,
        /// `None`: nothing was said.
        freshness: Option<Freshness>,
        /// Which nodes answer.
        tag: Option<syn::LitStr>,
        cache: Option<Caching>,
    },
    Write {
        running: Running,
        /// Whether later reads must include it.
        floor: bool,
        /// `None`: nothing was said; empty: nothing becomes stale.
        invalidates: Option<Vec<Invalidation>>,
    },
}

/// How fresh an answer must be. A strong read waits for nothing and needs no bound, and without a
/// bound there is nothing that an eventual one could wait for.
#[derive(Clone, Copy)]
pub enum Freshness {
    Strong,
    Session {
        max_staleness_ms: Option<u64>,
        wait_ms: Option<u64>,
    },
    Eventual,
    Bounded {
        max_staleness_ms: u64,
        wait_ms: Option<u64>,
    },
}

/// How answers are kept.
pub struct Caching {
    pub ttl_ms: u64,
    /// The name that keys begin with, if not the method's path.
    pub name: Option<syn::LitStr>,
    pub scope: Vec<Scope>,
}

/// A leading key parameter that the receiver provides: `tenant: TenantId = self.tenant`.
pub struct Scope {
    pub name: Ident,
    pub ty: Type,
    pub value: Expr,
}

/// How the body of a write runs.
pub enum Running {
    Transaction {
        isolation: Option<Isolation>,
        retry: u8,
    },
    /// Each statement commits by itself.
    Bare,
}

#[derive(Clone, Copy)]
pub enum Isolation {
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

/// An item of `invalidates(..)`.
pub struct Invalidation {
    pub keys: Keys,
    /// The first `ret` in it: it is evaluated behind the body then, else before.
    pub answer: Option<Ident>,
}

/// Where the keys come from.
pub enum Keys {
    /// `by_id(id)`, `Albums::by_id(id)`: the key function of that method.
    Method {
        method: Path,
        arguments: Vec<Expr>,
        parentheses: proc_macro2::Span,
    },
    /// Any other expression.
    Value(Box<Expr>),
}

impl Argument {
    /// All names that its pattern binds.
    pub fn names(&self) -> Vec<Ident> {
        struct Names(Vec<Ident>);
        impl<'ast> Visit<'ast> for Names {
            fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
                self.0.push(pat.ident.clone());
                visit::visit_pat_ident(self, pat);
            }
        }
        let mut names = Names(Vec::new());
        names.visit_pat(&self.pat);
        names.0
    }
}

impl ToTokens for Invalidation {
    /// As written.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match &self.keys {
            Keys::Method {
                method, arguments, ..
            } => tokens.extend(quote!(#method(#(#arguments),*))),
            Keys::Value(expr) => expr.to_tokens(tokens),
        }
    }
}

impl Method {
    /// Whether its body may run more than once.
    pub fn repeats(&self) -> bool {
        match &self.plan {
            Plan::Read { attempts, .. } => *attempts > 1,
            Plan::Write { running, .. } => {
                matches!(running, Running::Transaction { retry, .. } if *retry > 0)
            }
        }
    }

    /// The declared invalidations that are known before (`false`) or only after the body (`true`).
    pub fn invalidations(&self, after: bool) -> impl Iterator<Item = &Invalidation> {
        let all = match &self.plan {
            Plan::Read { .. } => &[][..],
            Plan::Write { invalidates, .. } => invalidates.as_deref().unwrap_or_default(),
        };
        all.iter().filter(move |one| one.answer.is_some() == after)
    }

    /// Whether `<name>_on` is a function of ours around the user's, and not the user's itself.
    pub fn records_invalidations(&self) -> bool {
        self.invalidations(false).next().is_some() || self.invalidations(true).next().is_some()
    }
}
