//! The tables, as diesel knows them; `migrations/` creates them.

diesel::table! {
    artist (id) {
        id -> Integer,
        name -> Text,
    }
}

diesel::table! {
    album (id) {
        id -> Integer,
        title -> Text,
        artist_id -> Nullable<Integer>,
    }
}

diesel::table! {
    song (id) {
        id -> Integer,
        album_id -> Integer,
        position -> Integer,
        title -> Text,
        milliseconds -> Nullable<Integer>,
    }
}

diesel::joinable!(album -> artist (artist_id));
diesel::joinable!(song -> album (album_id));
diesel::allow_tables_to_appear_in_same_query!(artist, album, song);

diesel::table! {
    blog (id) {
        id -> Integer,
        name -> Text,
    }
}

diesel::table! {
    post (id) {
        id -> Integer,
        blog_id -> Integer,
        title -> Text,
        body -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    comment (id) {
        id -> Integer,
        post_id -> Integer,
        author -> Text,
        body -> Text,
    }
}
