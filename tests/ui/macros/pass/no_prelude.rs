//! Generated code leans on no import and on no name of the user's.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types)]

use ::diesel_manifold::{Manifold, ReadConn, WriteConn, repository};

/// Shadows of everything that generated code could have meant.
mod shadows {
    pub struct Option;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Result;
    pub struct Box;
    pub struct String;
    pub struct Vec;
    pub struct Body;
    pub struct Key;
    pub trait Send {}
    pub trait Clone {}
    pub trait Sized {}
    pub trait Future {}
    pub trait From {}
    pub trait Into {}
    pub trait Iterator {}
    pub trait Fn {}
    pub trait Repository {}
    pub mod std {}
    pub mod core {}
    pub mod diesel_manifold {}
}
use shadows::*;

#[derive(
    ::std::clone::Clone,
    ::serde::Serialize,
    ::serde::Deserialize,
    ::diesel_manifold::Cacheable,
    ::diesel_manifold::CacheKey,
)]
pub struct Album<T> {
    id: T,
    #[cacheable(version = 1)]
    kind: Kind,
}

#[derive(
    ::std::clone::Clone, ::serde::Serialize, ::serde::Deserialize, ::diesel_manifold::CacheKey,
)]
pub enum Kind {
    Live,
    Some(i32),
    None { key: i32 },
}

#[derive(::diesel_manifold::Repository)]
pub struct Albums {
    db: Manifold,
}

#[derive(::diesel_manifold::Repository)]
pub struct Songs<T>(::std::option::Option<T>, #[repository(db)] ::std::sync::Arc<Manifold>);

#[repository]
impl Albums {
    #[read]
    pub async fn all<T: ::std::clone::Clone + ::std::marker::Send>(
        &self,
        _conn: &mut ReadConn<'_>,
        body: &Body,
        _t: T,
    ) -> ::diesel_manifold::Result<()> {
        let _ = body;
        ::std::result::Result::Ok(())
    }

    #[cached(scope(key: i32 = 1))]
    pub async fn by_id(
        &self,
        _conn: &mut ReadConn<'_>,
        id: i32,
    ) -> ::diesel_manifold::Result<Album<i32>> {
        let _ = id;
        ::std::unimplemented!()
    }

    // `keys`, `out`, `copies`, `answer` are what generated code calls its own variables.
    #[write(invalidates(by_id(keys, out), by_id(ret.id, copies), by_id(answer, ret.id)), retry = 1)]
    pub async fn rename(
        &self,
        _conn: &mut WriteConn<'_>,
        keys: i32,
        out: i32,
        copies: i32,
        answer: i32,
    ) -> ::diesel_manifold::Result<Album<i32>> {
        let _ = (keys, out, copies, answer);
        ::std::unimplemented!()
    }
}

fn main() {}
