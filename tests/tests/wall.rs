//! The type wall is open for everything that reads: every shape of a SELECT compiles on a
//! `ReadConn`, and runs on a standby. What must not compile is in `ui/wall/fail`.
//!
//! Behind the wall stands the server: the last part shows that it refuses what types cannot see.

use std::collections::BTreeSet;

use diesel::dsl::{
    OnlyDsl, TablesampleDsl, auto_type, case_when, count, count_star, exists, max, not, row_number,
    sql, sum,
};
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use diesel_async::methods::LoadQuery;
use diesel_manifold::prelude::*;
use diesel_manifold::{QueryConn, ReadOnlyQuery, RunsOn, Wire, kind};
use futures_util::{StreamExt, TryStreamExt};
use manifold_tests::World;
use manifold_tests::schema::{SQL, Status, albums, artists, songs};

type Done = QueryResult<()>;

// ---- The world --------------------------------------------------------------------------------

/// The tables and the data, on every node.
fn world() -> World {
    let world = World::new();
    let sql = format!("SET ROLE app; {SQL} {DATA}");
    world.sql(world.primary(), &sql);
    world.caught_up();
    world
}

/// Reads go to standbys.
async fn on_a_standby() -> Shapes {
    Shapes {
        db: world().manifold().await,
        on_a_standby: true,
    }
}

/// There is no standby, so reads go to the primary's own read-only pool.
async fn on_the_primary() -> Shapes {
    let db = world().primary_only().connect().await;
    Shapes {
        db: db.expect("a manifold"),
        on_a_standby: false,
    }
}

// ---- The data ---------------------------------------------------------------------------------

/// Three artists, four albums, three songs, and a function that writes.
const DATA: &str = "
INSERT INTO artists (id, name, tags, meta) VALUES
    (1, 'Nina', '{jazz,soul}', NULL),
    (2, 'Miles', '{jazz}', 'trumpet'),
    (3, 'Ella', '{}', NULL);
INSERT INTO albums (id, artist_id, title, year, status) VALUES
    (1, 1, 'Pastel Blues', 1965, 'live'),
    (2, 2, 'Kind of Blue', 1959, 'live'),
    (3, 2, 'Nefertiti', 1968, 'live'),
    (4, 1, 'Untitled', NULL, 'draft');
INSERT INTO songs (id, album_id, title, seconds) VALUES
    (1, 2, 'So What', 562),
    (2, 2, 'Blue in Green', 337),
    (3, 1, 'Sinnerman', 622);

CREATE TABLE visits (at timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION note_visit() RETURNS integer LANGUAGE sql VOLATILE
    AS 'INSERT INTO visits DEFAULT VALUES RETURNING 1';
";

#[derive(Debug, Clone, PartialEq, Identifiable, HasQuery)]
#[diesel(table_name = artists, check_for_backend(Pg))]
struct Artist {
    id: i32,
    name: String,
    tags: Vec<String>,
    meta: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = albums, belongs_to(Artist), check_for_backend(Pg))]
struct Album {
    id: i32,
    artist_id: i32,
    title: String,
    year: Option<i32>,
    status: Status,
}

#[derive(Debug, PartialEq, QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    n: i32,
}

diesel::alias!(const others: Alias<Others> = artists as others);

define_sql_function! { fn lower(text: Text) -> Text; }
define_sql_function! { fn nextval(sequence: Text) -> BigInt; }
define_sql_function! { fn note_visit() -> Integer; }
define_sql_function! { fn pg_is_in_recovery() -> Bool; }
define_sql_function! {
    #[aggregate]
    fn string_agg(text: Text, between: Text) -> Nullable<Text>;
}

fn ids<'a>(albums: impl IntoIterator<Item = &'a Album>) -> Vec<i32> {
    albums.into_iter().map(|album| album.id).collect()
}

fn ella() -> Artist {
    Artist {
        id: 3,
        name: "Ella".into(),
        tags: vec![],
        meta: None,
    }
}

fn nefertiti() -> Album {
    Album {
        id: 3,
        artist_id: 2,
        title: "Nefertiti".into(),
        year: Some(1968),
        status: Status::Live,
    }
}

// ---- The shapes -------------------------------------------------------------------------------

mod basics {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        a_table(conn).await?;
        a_key(conn, 3).await?;
        columns(conn).await?;
        a_selectable_struct(conn).await?;
        an_enum_of_the_users(conn).await?;
        an_array(conn).await?;
        counts(conn).await?;
        no_table(conn).await?;
        distinct(conn).await?;
        groups(conn).await?;
        a_reference(conn).await
    }

    async fn a_table(conn: &mut ReadConn<'_>) -> Done {
        let all: Vec<Album> = albums::table.load(conn).await?;
        assert_eq!(all.len(), 4);
        let all: Vec<Album> = albums::table.get_results(conn).await?;
        assert_eq!(all.len(), 4);
        Ok(())
    }

    async fn a_key(conn: &mut ReadConn<'_>, id: i32) -> Done {
        assert_eq!(
            albums::table.find(id).first::<Album>(conn).await?,
            nefertiti()
        );
        assert_eq!(
            albums::table.find(id).get_result::<Album>(conn).await?,
            nefertiti()
        );
        let none = albums::table
            .find(-1)
            .first::<Album>(conn)
            .await
            .optional()?;
        assert_eq!(none, None);
        Ok(())
    }

    async fn columns(conn: &mut ReadConn<'_>) -> Done {
        let titles = albums::table
            .select(albums::title)
            .filter(albums::year.is_not_null())
            .or_filter(albums::title.eq("Untitled"))
            .order(albums::title.desc())
            .then_order_by(albums::id)
            .limit(2)
            .offset(1)
            .load::<String>(conn)
            .await?;
        assert_eq!(titles, ["Pastel Blues", "Nefertiti"]);
        let title_and_year = albums::table
            .find(3)
            .select((albums::title, albums::year.assume_not_null()))
            .first::<(String, i32)>(conn)
            .await?;
        assert_eq!(title_and_year, ("Nefertiti".into(), 1968));
        Ok(())
    }

    async fn a_selectable_struct(conn: &mut ReadConn<'_>) -> Done {
        let album = albums::table
            .select(Album::as_select())
            .find(3)
            .first(conn)
            .await?;
        assert_eq!(album, nefertiti());
        let artists = Artist::query().filter(artists::id.gt(2)).load(conn).await?;
        assert_eq!(artists, [ella()]);
        Ok(())
    }

    /// Its conversions know PostgreSQL alone.
    async fn an_enum_of_the_users(conn: &mut ReadConn<'_>) -> Done {
        let drafts = albums::table
            .filter(albums::status.eq(Status::Draft))
            .select((albums::id, albums::status))
            .load::<(i32, Status)>(conn)
            .await?;
        assert_eq!(drafts, [(4, Status::Draft)]);
        Ok(())
    }

    async fn an_array(conn: &mut ReadConn<'_>) -> Done {
        let jazz = artists::table
            .filter(artists::tags.contains(vec!["jazz"]))
            .order(artists::id)
            .select((artists::name, artists::tags))
            .load::<(String, Vec<String>)>(conn)
            .await?;
        let [nina, miles] = ["Nina", "Miles"].map(String::from);
        let [jazz_tag, soul] = ["jazz", "soul"].map(String::from);
        assert_eq!(
            jazz,
            [
                (nina, vec![jazz_tag.clone(), soul]),
                (miles, vec![jazz_tag])
            ]
        );
        Ok(())
    }

    async fn counts(conn: &mut ReadConn<'_>) -> Done {
        assert_eq!(albums::table.count().get_result::<i64>(conn).await?, 4);
        assert_eq!(
            albums::table
                .select(count_star())
                .first::<i64>(conn)
                .await?,
            4
        );
        let years = albums::table
            .select(count(albums::year))
            .first::<i64>(conn)
            .await?;
        assert_eq!(years, 3);
        Ok(())
    }

    async fn no_table(conn: &mut ReadConn<'_>) -> Done {
        let one = diesel::select(1.into_sql::<Integer>())
            .get_result::<i32>(conn)
            .await?;
        assert_eq!(one, 1);
        let drafts = albums::table.filter(albums::status.eq(Status::Draft));
        assert!(
            diesel::select(exists(drafts))
                .get_result::<bool>(conn)
                .await?
        );
        assert!(
            !diesel::select(not(exists(drafts)))
                .get_result::<bool>(conn)
                .await?
        );
        Ok(())
    }

    async fn distinct(conn: &mut ReadConn<'_>) -> Done {
        let by = albums::table
            .select(albums::artist_id)
            .distinct()
            .order(albums::artist_id)
            .load::<i32>(conn)
            .await?;
        assert_eq!(by, [1, 2]);
        let first_of_each = albums::table
            .distinct_on(albums::artist_id)
            .order((albums::artist_id, albums::id))
            .load::<Album>(conn)
            .await?;
        assert_eq!(ids(&first_of_each), [1, 2]);
        Ok(())
    }

    async fn groups(conn: &mut ReadConn<'_>) -> Done {
        let busy = albums::table
            .group_by(albums::artist_id)
            .select((albums::artist_id, count_star(), max(albums::year)))
            .having(count(albums::year).gt(1))
            .load::<(i32, i64, Option<i32>)>(conn)
            .await?;
        assert_eq!(busy, [(2, 2, Some(1968))]);
        let lengths = songs::table
            .group_by(songs::album_id)
            .select((songs::album_id, sum(songs::seconds)))
            .order(songs::album_id)
            .load::<(i32, Option<i64>)>(conn)
            .await?;
        assert_eq!(lengths, [(1, Some(622)), (2, Some(899))]);
        Ok(())
    }

    async fn a_reference(conn: &mut ReadConn<'_>) -> Done {
        let query = albums::table.filter(albums::id.gt(3));
        let twice: [Vec<Album>; 2] = [(&query).load(conn).await?, query.load(conn).await?];
        assert_eq!(ids(twice.iter().flatten()), [4, 4]);
        Ok(())
    }
}

mod joins {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        inner(conn).await?;
        left(conn).await?;
        of_three_tables(conn).await?;
        an_alias(conn).await?;
        with_an_alias(conn).await
    }

    async fn inner(conn: &mut ReadConn<'_>) -> Done {
        let both: Vec<(Album, Artist)> =
            albums::table.inner_join(artists::table).load(conn).await?;
        assert_eq!(both.len(), 4);
        let of_miles = albums::table
            .inner_join(artists::table)
            .select((Album::as_select(), artists::name))
            .filter(artists::name.like("M%"))
            .order(albums::id)
            .load::<(Album, String)>(conn)
            .await?;
        assert_eq!(of_miles[1], (nefertiti(), "Miles".into()));
        Ok(())
    }

    async fn left(conn: &mut ReadConn<'_>) -> Done {
        let ella_alone = artists::table
            .left_join(albums::table)
            .filter(albums::id.is_null())
            .load::<(Artist, Option<Album>)>(conn)
            .await?;
        assert_eq!(ella_alone, [(ella(), None)]);
        let titles = artists::table
            .left_join(albums::table)
            .filter(artists::id.eq(3))
            .select((artists::name, albums::title.nullable()))
            .load::<(String, Option<String>)>(conn)
            .await?;
        assert_eq!(titles, [("Ella".into(), None)]);
        Ok(())
    }

    async fn of_three_tables(conn: &mut ReadConn<'_>) -> Done {
        let sung = songs::table
            .inner_join(albums::table.inner_join(artists::table))
            .select((songs::title, artists::name))
            .order(songs::seconds.desc())
            .first::<(String, String)>(conn)
            .await?;
        assert_eq!(sung, ("Sinnerman".into(), "Nina".into()));
        Ok(())
    }

    async fn an_alias(conn: &mut ReadConn<'_>) -> Done {
        let all: Vec<Artist> = others.load(conn).await?;
        assert_eq!(all.len(), 3);
        let last = others
            .select(others.field(artists::name))
            .filter(others.field(artists::id).gt(2))
            .first::<String>(conn)
            .await?;
        assert_eq!(last, "Ella");
        Ok(())
    }

    async fn with_an_alias(conn: &mut ReadConn<'_>) -> Done {
        let pairs = artists::table
            .inner_join(others.on(others.field(artists::id).gt(artists::id)))
            .order((artists::id, others.field(artists::id)))
            .select((artists::name, others.field(artists::name)))
            .load::<(String, String)>(conn)
            .await?;
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(
            pairs,
            [("Nina", "Miles"), ("Nina", "Ella"), ("Miles", "Ella")]
        );
        Ok(())
    }
}

mod boxed {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        with_optional_filters(conn, Some("Nefertiti")).await?;
        a_table(conn).await?;
        a_join(conn).await?;
        groups(conn).await
    }

    async fn with_optional_filters(conn: &mut ReadConn<'_>, title: Option<&str>) -> Done {
        let mut query = albums::table.into_boxed();
        if let Some(title) = title {
            query = query.filter(albums::title.eq(title));
        }
        assert_eq!(
            query.order(albums::id.asc()).load::<Album>(conn).await?,
            [nefertiti()]
        );
        Ok(())
    }

    async fn a_table(conn: &mut ReadConn<'_>) -> Done {
        let two: Vec<Album> = albums::table
            .into_boxed::<Pg>()
            .order(albums::id)
            .limit(2)
            .load(conn)
            .await?;
        assert_eq!(ids(&two), [1, 2]);
        let first: Album = albums::table
            .into_boxed()
            .order(albums::id.desc())
            .first(conn)
            .await?;
        assert_eq!(first.id, 4);
        assert_eq!(
            albums::table
                .into_boxed()
                .count()
                .get_result::<i64>(conn)
                .await?,
            4
        );
        let distinct: Vec<Album> = albums::table.into_boxed().distinct().load(conn).await?;
        assert_eq!(distinct.len(), 4);
        Ok(())
    }

    async fn a_join(conn: &mut ReadConn<'_>) -> Done {
        let both: Vec<(Album, Artist)> = albums::table
            .inner_join(artists::table)
            .into_boxed()
            .load(conn)
            .await?;
        assert_eq!(both.len(), 4);
        Ok(())
    }

    async fn groups(conn: &mut ReadConn<'_>) -> Done {
        let counts = albums::table
            .group_by(albums::artist_id)
            .select((albums::artist_id, count_star()))
            .into_boxed()
            .load::<(i32, i64)>(conn)
            .await?;
        assert_eq!(
            BTreeSet::from_iter(counts),
            BTreeSet::from([(1, 2), (2, 2)])
        );
        Ok(())
    }
}

mod combinations {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        unions(conn).await?;
        intersections(conn).await?;
        differences(conn).await?;
        ordered_and_cut(conn).await?;
        nested(conn).await?;
        boxed(conn).await
    }

    #[auto_type]
    fn early() -> _ {
        albums::table
            .select(albums::title)
            .filter(albums::id.lt(3_i32))
    }

    #[auto_type]
    fn names() -> _ {
        artists::table.select(artists::name)
    }

    #[auto_type]
    fn kind_of_blue() -> _ {
        albums::table
            .select(albums::title)
            .filter(albums::title.eq("Kind of Blue"))
    }

    async fn unions(conn: &mut ReadConn<'_>) -> Done {
        let distinct: Vec<String> = early().union(kind_of_blue()).load(conn).await?;
        assert_eq!(distinct.len(), 2);
        let every: Vec<String> = early().union_all(kind_of_blue()).load(conn).await?;
        assert_eq!(every.len(), 3);
        let five: Vec<String> = early().union(names()).load(conn).await?;
        assert_eq!(five.len(), 5);
        Ok(())
    }

    async fn intersections(conn: &mut ReadConn<'_>) -> Done {
        let both: Vec<String> = early().intersect(kind_of_blue()).load(conn).await?;
        assert_eq!(both, ["Kind of Blue"]);
        let every: Vec<String> = early().intersect_all(kind_of_blue()).load(conn).await?;
        assert_eq!(every, both);
        Ok(())
    }

    async fn differences(conn: &mut ReadConn<'_>) -> Done {
        let rest: Vec<String> = early().except(kind_of_blue()).load(conn).await?;
        assert_eq!(rest, ["Pastel Blues"]);
        let every: Vec<String> = early().except_all(kind_of_blue()).load(conn).await?;
        assert_eq!(every, rest);
        Ok(())
    }

    async fn ordered_and_cut(conn: &mut ReadConn<'_>) -> Done {
        let page: Vec<String> = early()
            .union(names())
            .positional_order_by(1)
            .limit(2)
            .offset(1)
            .load(conn)
            .await?;
        assert_eq!(page, ["Kind of Blue", "Miles"]);
        let first: String = early()
            .union(names())
            .positional_order_by(OrderColumn::from(1).desc())
            .first(conn)
            .await?;
        assert_eq!(first, "Pastel Blues");
        Ok(())
    }

    async fn nested(conn: &mut ReadConn<'_>) -> Done {
        let one: Vec<String> = early()
            .union_all(names())
            .intersect(kind_of_blue())
            .load(conn)
            .await?;
        assert_eq!(one, ["Kind of Blue"]);
        Ok(())
    }

    async fn boxed(conn: &mut ReadConn<'_>) -> Done {
        let five: Vec<String> = early().into_boxed().union(names()).load(conn).await?;
        assert_eq!(five.len(), 5);
        Ok(())
    }
}

mod associations {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        of_one(conn, &ella()).await?;
        of_many(conn).await?;
        of_many_joined(conn).await
    }

    async fn of_one(conn: &mut ReadConn<'_>, artist: &Artist) -> Done {
        let none: Vec<Album> = Album::belonging_to(artist).load(conn).await?;
        assert_eq!(none, []);
        Ok(())
    }

    async fn of_many(conn: &mut ReadConn<'_>) -> Done {
        let artists: Vec<Artist> = artists::table.order(artists::id).load(conn).await?;
        let albums: Vec<Album> = Album::belonging_to(&artists)
            .order(albums::id)
            .load(conn)
            .await?;
        let grouped: Vec<_> = albums.grouped_by(&artists).iter().map(ids).collect();
        assert_eq!(grouped, [vec![1, 4], vec![2, 3], vec![]]);
        Ok(())
    }

    async fn of_many_joined(conn: &mut ReadConn<'_>) -> Done {
        let artists: Vec<Artist> = artists::table.load(conn).await?;
        let titles = Album::belonging_to(&artists)
            .inner_join(songs::table)
            .select((albums::title, songs::title))
            .order(songs::id)
            .first::<(String, String)>(conn)
            .await?;
        assert_eq!(titles, ("Kind of Blue".into(), "So What".into()));
        Ok(())
    }
}

mod subqueries {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        one_of_many(conn, vec![2, 3]).await?;
        correlated(conn).await?;
        as_a_value(conn).await?;
        of_a_combination(conn).await
    }

    async fn one_of_many(conn: &mut ReadConn<'_>, some: Vec<i32>) -> Done {
        let miles = artists::table
            .select(artists::id)
            .filter(artists::name.eq("Miles"));
        let by_subquery: Vec<Album> = albums::table
            .filter(albums::artist_id.eq_any(miles))
            .order(albums::id)
            .load(conn)
            .await?;
        assert_eq!(ids(&by_subquery), [2, 3]);
        let by_ids: Vec<Album> = albums::table
            .filter(albums::id.eq_any(some))
            .order(albums::id)
            .load(conn)
            .await?;
        assert_eq!(ids(&by_ids), [2, 3]);
        Ok(())
    }

    async fn correlated(conn: &mut ReadConn<'_>) -> Done {
        let recorded = artists::table
            .filter(exists(
                albums::table.filter(albums::artist_id.eq(artists::id)),
            ))
            .order(artists::id)
            .select(artists::name)
            .load::<String>(conn)
            .await?;
        assert_eq!(recorded, ["Nina", "Miles"]);
        Ok(())
    }

    async fn as_a_value(conn: &mut ReadConn<'_>) -> Done {
        let name = artists::table
            .select(artists::name)
            .filter(artists::id.eq(albums::artist_id))
            .single_value();
        let named = albums::table
            .order(albums::id)
            .select((albums::id, name))
            .first::<(i32, Option<String>)>(conn)
            .await?;
        assert_eq!(named, (1, Some("Nina".into())));
        Ok(())
    }

    /// In the place of a value or a set stands a combination as well.
    async fn of_a_combination(conn: &mut ReadConn<'_>) -> Done {
        let recent = albums::table
            .select(albums::artist_id)
            .filter(albums::year.gt(1967));
        let drafts = albums::table
            .select(albums::artist_id)
            .filter(albums::id.eq(4));
        let names = artists::table
            .filter(artists::id.eq_any(recent.union(drafts)))
            .order(artists::id)
            .select(artists::name)
            .load::<String>(conn)
            .await?;
        assert_eq!(names, ["Nina", "Miles"]);
        let ones = albums::table
            .select(albums::title)
            .filter(albums::id.eq(3))
            .union(
                albums::table
                    .select(albums::title)
                    .filter(albums::id.eq(-1)),
            )
            .single_value();
        let one = artists::table
            .select(ones)
            .first::<Option<String>>(conn)
            .await?;
        assert_eq!(one.as_deref(), Some("Nefertiti"));
        Ok(())
    }
}

mod functions {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        of_sql(conn).await?;
        aggregates(conn).await?;
        windows(conn).await?;
        case(conn).await?;
        only_and_tablesample(conn).await
    }

    async fn of_sql(conn: &mut ReadConn<'_>) -> Done {
        let lowered = artists::table
            .find(2)
            .select(lower(artists::name))
            .first::<String>(conn)
            .await?;
        assert_eq!(lowered, "miles");
        assert_eq!(
            diesel::select(lower("ABC"))
                .get_result::<String>(conn)
                .await?,
            "abc"
        );
        Ok(())
    }

    async fn aggregates(conn: &mut ReadConn<'_>) -> Done {
        let all = artists::table
            .filter(artists::id.lt(3))
            .select(string_agg(artists::name, " & "))
            .first::<Option<String>>(conn)
            .await?;
        assert!(matches!(
            all.as_deref(),
            Some("Nina & Miles" | "Miles & Nina")
        ));
        Ok(())
    }

    async fn windows(conn: &mut ReadConn<'_>) -> Done {
        let numbered = albums::table
            .order(albums::id)
            .select((
                albums::id,
                row_number()
                    .partition_by(albums::artist_id)
                    .window_order(albums::id),
                count(albums::id).over(),
            ))
            .load::<(i32, i64, i64)>(conn)
            .await?;
        assert_eq!(numbered, [(1, 1, 4), (2, 1, 4), (3, 2, 4), (4, 2, 4)]);
        Ok(())
    }

    async fn case(conn: &mut ReadConn<'_>) -> Done {
        let eras = albums::table
            .order(albums::id)
            .select(case_when::<_, _, Text>(albums::year.is_null(), "none").otherwise("some"))
            .load::<String>(conn)
            .await?;
        assert_eq!(eras, ["some", "some", "some", "none"]);
        Ok(())
    }

    async fn only_and_tablesample(conn: &mut ReadConn<'_>) -> Done {
        let only: Vec<Album> = albums::table.only().load(conn).await?;
        assert_eq!(only.len(), 4);
        let sampled: Vec<Album> = albums::table.tablesample_bernoulli(100).load(conn).await?;
        assert_eq!(sampled.len(), 4);
        let sampled: Vec<Album> = albums::table.tablesample_system(100).load(conn).await?;
        assert_eq!(sampled.len(), 4);
        Ok(())
    }
}

mod raw {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        a_fragment(conn).await?;
        a_statement(conn).await?;
        a_statement_with_parameters(conn, 7).await
    }

    async fn a_fragment(conn: &mut ReadConn<'_>) -> Done {
        let next = albums::table
            .filter(sql::<Bool>("year > 1966"))
            .select(sql::<Integer>("id + 1"))
            .load::<i32>(conn)
            .await?;
        assert_eq!(next, [4]);
        Ok(())
    }

    async fn a_statement(conn: &mut ReadConn<'_>) -> Done {
        let rows: Vec<Row> = diesel::sql_query("SELECT 1 AS n")
            .assert_read_only()
            .load(conn)
            .await?;
        assert_eq!(rows, [Row { n: 1 }]);
        let one: i32 = sql::<Integer>("SELECT 1")
            .assert_read_only()
            .get_result(conn)
            .await?;
        assert_eq!(one, 1);
        Ok(())
    }

    async fn a_statement_with_parameters(conn: &mut ReadConn<'_>, n: i32) -> Done {
        let row: Row = diesel::sql_query("SELECT $1 AS n")
            .into_boxed::<Pg>()
            .bind::<Integer, _>(n)
            .assert_read_only()
            .get_result(conn)
            .await?;
        assert_eq!(row, Row { n });
        Ok(())
    }
}

mod pipelines {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        two_queries(conn).await?;
        every_verb(conn).await?;
        a_failure_beside_a_success(conn).await
    }

    async fn two_queries(conn: &mut ReadConn<'_>) -> Done {
        let (mut first, mut second) = (conn.pipeline(), conn.pipeline());
        let album = albums::table.find(3).first::<Album>(&mut first);
        let count = albums::table.count().get_result::<i64>(&mut second);
        assert_eq!(tokio::try_join!(album, count)?, (nefertiti(), 4));
        Ok(())
    }

    async fn every_verb(conn: &mut ReadConn<'_>) -> Done {
        let pipe = conn.pipeline();
        let (mut a, mut b, mut c) = (pipe, pipe, pipe);
        let boxed = albums::table
            .into_boxed()
            .order(albums::id)
            .load::<Album>(&mut a);
        let united = albums::table
            .select(albums::title)
            .union(artists::table.select(artists::name))
            .get_results::<String>(&mut b);
        let raw = sql::<Integer>("SELECT 7").assert_read_only();
        let raw = async move {
            raw.load_stream::<i32>(&mut c)
                .await?
                .try_collect::<Vec<_>>()
                .await
        };
        let (boxed, united, raw) = tokio::try_join!(boxed, united, raw)?;
        assert_eq!((boxed.len(), united.len(), raw), (4, 7, vec![7]));
        Ok(())
    }

    async fn a_failure_beside_a_success(conn: &mut ReadConn<'_>) -> Done {
        let (mut first, mut second) = (conn.pipeline(), conn.pipeline());
        let wrong = sql::<Integer>("SELECT 1 / 0").assert_read_only();
        let (wrong, count) = tokio::join!(
            wrong.get_result::<i32>(&mut first),
            albums::table.count().get_result::<i64>(&mut second),
        );
        assert!(matches!(wrong, Err(Error::DatabaseError(..))), "{wrong:?}");
        assert_eq!(count?, 4);
        Ok(())
    }
}

mod streams {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        to_the_end(conn).await?;
        left_early(conn).await
    }

    async fn to_the_end(conn: &mut ReadConn<'_>) -> Done {
        let stream = albums::table
            .order(albums::id)
            .load_stream::<Album>(conn)
            .await?;
        let albums: Vec<Album> = stream.try_collect().await?;
        assert_eq!(ids(&albums), [1, 2, 3, 4]);
        Ok(())
    }

    async fn left_early(conn: &mut ReadConn<'_>) -> Done {
        let mut stream = albums::table
            .order(albums::id)
            .load_stream::<Album>(conn)
            .await?;
        assert_eq!(
            stream.next().await.transpose()?.map(|album| album.id),
            Some(1)
        );
        drop(stream);
        assert_eq!(albums::table.count().get_result::<i64>(conn).await?, 4);
        Ok(())
    }
}

mod helpers {
    use super::*;

    pub async fn all(conn: &mut ReadConn<'_>) -> Done {
        generic_in_the_query(conn).await?;
        generic_in_the_connection(conn).await?;
        an_auto_type(conn).await?;
        a_node_of_the_users(conn).await
    }

    async fn rows<'q, Q, K, U>(query: Q, conn: &mut ReadConn<'_>) -> QueryResult<Vec<U>>
    where
        Q: LoadQuery<'q, Wire, U> + for<'a> RunsOn<ReadConn<'a>, kind::Read<K>> + 'q,
        K: kind::Kind,
        U: Send,
    {
        query.load(conn).await
    }

    async fn generic_in_the_query(conn: &mut ReadConn<'_>) -> Done {
        let found: Vec<Album> = rows(albums::table.find(3), conn).await?;
        assert_eq!(found, [nefertiti()]);
        let titles = albums::table.select(albums::title);
        assert_eq!(
            rows::<_, _, String>(titles.union(titles), conn)
                .await?
                .len(),
            4
        );
        let raw = sql::<Integer>("SELECT 7").assert_read_only();
        assert_eq!(rows::<_, _, i32>(raw, conn).await?, [7]);
        Ok(())
    }

    async fn count<C, K>(conn: &mut C) -> QueryResult<usize>
    where
        C: QueryConn,
        K: kind::Kind,
        albums::table: RunsOn<C, K> + for<'q> LoadQuery<'q, C::Raw, Album>,
    {
        let all: Vec<Album> = RunQueryDsl::<C, K>::load(albums::table, conn).await?;
        Ok(all.len())
    }

    async fn generic_in_the_connection(conn: &mut ReadConn<'_>) -> Done {
        assert_eq!(count(conn).await?, 4);
        Ok(())
    }

    #[auto_type]
    fn titled(title: &'static str) -> _ {
        albums::table.filter(albums::title.eq(title))
    }

    async fn an_auto_type(conn: &mut ReadConn<'_>) -> Done {
        assert_eq!(titled("Nefertiti").first::<Album>(conn).await?, nefertiti());
        Ok(())
    }

    /// The page of diesel's guide: rows with the number of all rows.
    #[derive(QueryId)]
    struct Paginated<T> {
        of: T,
        limit: i64,
    }

    impl<T: Query> Query for Paginated<T> {
        type SqlType = (T::SqlType, BigInt);
    }

    impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Paginated<T> {
        fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
            out.push_sql("SELECT *, count(*) OVER () FROM (");
            self.of.walk_ast(out.reborrow())?;
            out.push_sql(") AS page LIMIT ");
            out.push_bind_param::<BigInt, _>(&self.limit)
        }
    }

    impl<T: ReadOnlyQuery<K>, K: kind::Kind> ReadOnlyQuery<kind::Wrapped<K>> for Paginated<T> {}

    async fn a_node_of_the_users(conn: &mut ReadConn<'_>) -> Done {
        let of = albums::table.order(albums::id).as_query();
        let page: Vec<(Album, i64)> = Paginated { of, limit: 3 }.load(conn).await?;
        assert_eq!(ids(page.iter().map(|(album, _)| album)), [1, 2, 3]);
        assert!(page.iter().all(|(_, all)| *all == 4));
        Ok(())
    }
}

// ---- What types cannot see --------------------------------------------------------------------

/// Compiles on a `ReadConn`, and changes data or locks rows all the same.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {
    AFunctionThatWrites,
    ASequence,
    ALockInASubquery,
    AnAssertedDelete,
    AnAssertedLock,
    AnAssertedTable,
}

impl Attempt {
    const ALL: [Self; 6] = [
        Self::AFunctionThatWrites,
        Self::ASequence,
        Self::ALockInASubquery,
        Self::AnAssertedDelete,
        Self::AnAssertedLock,
        Self::AnAssertedTable,
    ];

    async fn run(self, conn: &mut ReadConn<'_>) -> Done {
        match self {
            Self::AFunctionThatWrites => {
                diesel::select(note_visit()).load::<i32>(conn).await?;
            }
            Self::ASequence => {
                diesel::select(nextval("songs_id_seq"))
                    .load::<i64>(conn)
                    .await?;
            }
            Self::ALockInASubquery => {
                let locked = artists::table.select(artists::id).for_update();
                let albums = albums::table.filter(albums::artist_id.eq_any(locked));
                albums.load::<Album>(conn).await?;
            }
            Self::AnAssertedDelete => {
                asserted("DELETE FROM songs RETURNING id AS n", conn).await?;
            }
            Self::AnAssertedLock => {
                asserted("SELECT id AS n FROM songs FOR UPDATE", conn).await?;
            }
            Self::AnAssertedTable => {
                asserted("CREATE TEMPORARY TABLE scratch (n integer)", conn).await?;
            }
        }
        Ok(())
    }
}

async fn asserted(sql: &str, conn: &mut ReadConn<'_>) -> QueryResult<Vec<Row>> {
    diesel::sql_query(sql).assert_read_only().load(conn).await
}

// ---- Through the manifold ---------------------------------------------------------------------

/// A reader's connection is lent to the body of a read, and to nobody else; so each group is one.
pub struct Shapes {
    db: Manifold,
    on_a_standby: bool,
}

#[repository]
impl Shapes {
    #[read]
    pub async fn basics(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        basics::all(conn).await
    }

    #[read]
    pub async fn joins(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        joins::all(conn).await
    }

    #[read]
    pub async fn boxed(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        boxed::all(conn).await
    }

    #[read]
    pub async fn combinations(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        combinations::all(conn).await
    }

    #[read]
    pub async fn associations(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        associations::all(conn).await
    }

    #[read]
    pub async fn subqueries(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        subqueries::all(conn).await
    }

    #[read]
    pub async fn functions(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        functions::all(conn).await
    }

    #[read]
    pub async fn raw(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        raw::all(conn).await
    }

    #[read]
    pub async fn pipelines(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        pipelines::all(conn).await
    }

    #[read]
    pub async fn streams(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        streams::all(conn).await
    }

    #[read]
    pub async fn helpers(&self, conn: &mut ReadConn<'_>) -> Done {
        self.is_at_home(conn).await?;
        helpers::all(conn).await
    }

    /// One call each, because a failed statement ends the transaction that it may run in.
    #[read(attempts = 1)]
    pub async fn attempt(&self, conn: &mut ReadConn<'_>, attempt: Attempt) -> Done {
        self.is_at_home(conn).await?;
        attempt.run(conn).await
    }

    /// What the attempts would have changed: songs, visits, and the state of a sequence.
    #[read]
    pub async fn traces(&self, conn: &mut ReadConn<'_>) -> QueryResult<(i64, i64, bool)> {
        diesel::select((
            sql::<BigInt>("(SELECT count(*) FROM songs)"),
            sql::<BigInt>("(SELECT count(*) FROM visits)"),
            sql::<Bool>("(SELECT is_called FROM songs_id_seq)"),
        ))
        .get_result(conn)
        .await
    }

    async fn is_at_home(&self, conn: &mut ReadConn<'_>) -> Done {
        let standby = diesel::select(pg_is_in_recovery())
            .get_result::<bool>(conn)
            .await?;
        assert_eq!(
            standby, self.on_a_standby,
            "this read ran on another kind of node"
        );
        Ok(())
    }
}

async fn every_shape(shapes: &Shapes) -> Done {
    shapes.basics().await?;
    shapes.joins().await?;
    shapes.boxed().await?;
    shapes.combinations().await?;
    shapes.associations().await?;
    shapes.subqueries().await?;
    shapes.functions().await?;
    shapes.raw().await?;
    shapes.pipelines().await?;
    shapes.streams().await?;
    shapes.helpers().await
}

async fn every_attempt_is_refused(shapes: &Shapes) -> Done {
    let before = shapes.traces().await?;
    for attempt in Attempt::ALL {
        let refused = shapes.attempt(attempt).await;
        assert!(
            matches!(
                refused,
                Err(Error::DatabaseError(
                    DatabaseErrorKind::ReadOnlyTransaction,
                    _
                ))
            ),
            "{attempt:?}: {refused:?}"
        );
    }
    assert_eq!(shapes.traces().await?, before);
    Ok(())
}

#[tokio::test]
async fn every_shape_of_a_select_runs_on_a_standby() -> Done {
    let shapes = on_a_standby().await;
    every_shape(&shapes).await
}

#[tokio::test]
async fn every_shape_of_a_select_runs_on_the_primarys_read_pool() -> Done {
    let shapes = on_the_primary().await;
    every_shape(&shapes).await
}

#[tokio::test]
async fn a_write_lends_its_transaction_to_every_shape() -> Done {
    let shapes = on_the_primary().await;
    let lend = async |conn: &mut WriteConn<'_>| -> Done {
        let conn = &mut conn.as_read();
        shapes.basics_on(conn).await?;
        shapes.joins_on(conn).await?;
        shapes.boxed_on(conn).await?;
        shapes.combinations_on(conn).await?;
        shapes.associations_on(conn).await?;
        shapes.subqueries_on(conn).await?;
        shapes.functions_on(conn).await?;
        shapes.raw_on(conn).await?;
        // Not the pipelines: one of them fails on purpose, which would end the transaction.
        shapes.streams_on(conn).await?;
        shapes.helpers_on(conn).await
    };
    shapes.db.transaction(lend).await
}

#[tokio::test]
async fn a_standby_refuses_what_types_cannot_see() -> Done {
    let shapes = on_a_standby().await;
    every_attempt_is_refused(&shapes).await
}

#[tokio::test]
async fn the_primarys_read_pool_refuses_what_types_cannot_see() -> Done {
    let shapes = on_the_primary().await;
    every_attempt_is_refused(&shapes).await
}
