DROP TABLE comment;
DROP TABLE post;
DROP TABLE blog;
