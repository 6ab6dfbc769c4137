CREATE TABLE blog (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE post (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    blog_id integer NOT NULL REFERENCES blog ON DELETE CASCADE,
    title text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE comment (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id integer NOT NULL REFERENCES post ON DELETE CASCADE,
    author text NOT NULL,
    body text NOT NULL
);

-- A blog's posts page by page, and a post's comments, each in id order. Pages of all posts take the primary key.
CREATE INDEX ON post (blog_id, id);
CREATE INDEX ON comment (post_id, id);
