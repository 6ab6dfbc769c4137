DROP TABLE song;
DROP TABLE album;
DROP TABLE artist;
