//! `#[derive(CacheKey)]` writes values as Rust literals, and no two alike.
use diesel_manifold::CacheKey;
use diesel_manifold::prelude::*;

#[derive(Clone, CacheKey)]
struct Unit;

#[derive(Clone, CacheKey)]
struct Empty {}

#[derive(Clone, CacheKey)]
struct Pair<'a, B>(B, &'a str);

#[derive(Clone, CacheKey)]
struct Filter<T>
where
    T: Clone,
{
    r#type: Option<T>,
    words: Vec<String>,
}

#[derive(Clone, CacheKey)]
enum Kind {
    Live,
    Studio(i32, bool),
    Box { set: char },
}

#[derive(Clone, CacheKey)]
enum Never {}

#[derive(Clone, CacheKey)]
struct Tail<T: ?Sized> {
    id: i32,
    tail: Box<T>,
}

struct Things {
    db: Manifold,
}

#[repository]
impl Things {
    #[cached(name = "t")]
    async fn get(
        &self,
        _conn: &mut ReadConn<'_>,
        unit: (Unit, Empty),
        pair: Pair<'_, u8>,
        filter: &Filter<i32>,
        kinds: &[Kind],
        never: Option<Never>,
        tail: &Tail<[i32]>,
    ) -> Result<i32> {
        let _ = (unit, pair, filter, kinds, never, tail, &self.db);
        Ok(1)
    }
}

struct Live;
struct Studio;

struct Tenant<'a, T> {
    db: &'a Manifold,
    of: T,
}

#[repository]
impl Tenant<'_, Live> {
    #[cached]
    async fn name(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        let _ = (&self.db, &self.of);
        Ok(1)
    }
}

#[repository]
impl Tenant<'_, (Studio, u8)> {
    #[cached]
    async fn name(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(2)
    }
}

struct Plain<'a> {
    db: &'a Manifold,
}

#[repository]
impl Plain<'_> {
    #[cached]
    async fn name(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(3)
    }
}

/// The default name is the path of the method, with what tells its type from others.
fn names() {
    let live = Tenant::<Live>::name_key();
    let studio = Tenant::<(Studio, u8)>::name_key();
    assert_ne!(live, studio);
    let (module, own) = (module_path!(), [live, studio, Plain::name_key()]);
    let expected = ["Tenant<Live>", "Tenant<(Studio,u8)>", "Plain"];
    for (key, ty) in own.iter().zip(expected) {
        assert_eq!(key.cache(), format!("{module}::{ty}::name"));
    }
}

fn main() {
    names();
    let key = Things::get_key(
        &(Unit, Empty {}),
        &Pair(1, "a\"b"),
        &Filter {
            r#type: Some(-1),
            words: vec!["x".into(), String::new()],
        },
        &[Kind::Live, Kind::Studio(1, true), Kind::Box { set: '\'' }],
        &None,
        &Tail {
            id: 1,
            tail: Box::new([2]),
        },
    );
    assert_eq!(
        key.to_string(),
        r#"t((Unit,Empty{},),Pair(1u8,"a\"b"),Filter{type:Some(-1i32),words:["x","",]},"#
            .to_owned()
            + r#"[Kind::Live,Kind::Studio(1i32,true),Kind::Box{set:'\''},],None,Tail{id:1i32,tail:[2i32,]})"#
    );
}
