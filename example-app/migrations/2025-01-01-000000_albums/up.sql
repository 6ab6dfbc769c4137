CREATE TABLE artist (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE album (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    -- An anthology may have nobody's name on it.
    artist_id integer REFERENCES artist
);

CREATE TABLE song (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    album_id integer NOT NULL REFERENCES album ON DELETE CASCADE,
    -- Where it stands on the album, counted from 1.
    position integer NOT NULL,
    title text NOT NULL,
    -- Unknown for a song that came over HTTP.
    milliseconds integer,
    UNIQUE (album_id, position)
);
