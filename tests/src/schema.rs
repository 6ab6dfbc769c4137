//! The tables of the tests, and a PostgreSQL enum that only PostgreSQL can read.

use std::io::Write;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;

/// Creates the tables in a fresh database; run again, it does nothing.
pub const SQL: &str = "
DO $$ BEGIN
    CREATE TYPE album_status AS ENUM ('draft', 'live');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

CREATE TABLE IF NOT EXISTS artists (
    id   serial PRIMARY KEY,
    name text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    meta text
);

CREATE TABLE IF NOT EXISTS albums (
    id        serial PRIMARY KEY,
    artist_id integer NOT NULL REFERENCES artists,
    title     text NOT NULL,
    year      integer,
    status    album_status NOT NULL DEFAULT 'draft'
);

CREATE TABLE IF NOT EXISTS songs (
    id       serial PRIMARY KEY,
    album_id integer NOT NULL REFERENCES albums,
    title    text NOT NULL,
    seconds  integer NOT NULL
);
";

diesel::table! {
    artists (id) {
        id -> Integer,
        name -> Text,
        tags -> Array<Text>,
        meta -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use super::AlbumStatus;

    albums (id) {
        id -> Integer,
        artist_id -> Integer,
        title -> Text,
        year -> Nullable<Integer>,
        status -> AlbumStatus,
    }
}

diesel::table! {
    songs (id) {
        id -> Integer,
        album_id -> Integer,
        title -> Text,
        seconds -> Integer,
    }
}

diesel::joinable!(albums -> artists (artist_id));
diesel::joinable!(songs -> albums (album_id));
diesel::allow_tables_to_appear_in_same_query!(artists, albums, songs);

/// The SQL type of [`Status`].
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(name = "album_status"))]
pub struct AlbumStatus;

/// Is the album out?
///
/// Its conversions are for [`Pg`] alone, as most users' are: a connection with a backend of its own
/// could not load it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = AlbumStatus)]
pub enum Status {
    /// Not yet.
    Draft,
    /// It is.
    Live,
}

impl FromSql<AlbumStatus, Pg> for Status {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            b"draft" => Ok(Self::Draft),
            b"live" => Ok(Self::Live),
            other => Err(format!("no album status: {}", String::from_utf8_lossy(other)).into()),
        }
    }
}

impl ToSql<AlbumStatus, Pg> for Status {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let name: &[u8] = match self {
            Self::Draft => b"draft",
            Self::Live => b"live",
        };
        out.write_all(name)?;
        Ok(IsNull::No)
    }
}
