//! What is taken out, and what is left to the driver.

use super::*;

fn said(sslmode: &str, sslrootcert: &str, sslcert: &str, sslkey: &str) -> Parameters {
    let one = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Parameters {
        sslmode: one(sslmode),
        sslrootcert: one(sslrootcert),
        sslcert: one(sslcert),
        sslkey: one(sslkey),
    }
}

#[test]
fn ours_leave_a_postgresql_url_and_the_others_stay_as_they_were_written() {
    let nothing = said("", "", "", "");
    let table = [
        ("postgres://h/db", "postgres://h/db", nothing.clone()),
        ("postgres://h/db?", "postgres://h/db", nothing.clone()),
        (
            "postgres://u:p@h:1/db?sslmode=verify-full&sslrootcert=/ca.pem",
            "postgres://u:p@h:1/db",
            said("verify-full", "/ca.pem", "", ""),
        ),
        (
            "postgresql://h/db?a=1&sslcert=%2Fc%20c.pem&b=%31&sslkey=k%2Cey+.pem&c=",
            "postgresql://h/db?a=1&b=%31&c=",
            said("", "", "/c c.pem", "k,ey+.pem"),
        ),
        // A name may be percent-encoded, too.
        (
            "postgres://h?ssl%6dode=require",
            "postgres://h",
            said("require", "", "", ""),
        ),
        // The last one counts; an empty path is none, an empty mode is a mistake.
        (
            "postgres://h?sslmode=disable&sslrootcert=/a&sslmode=require&sslrootcert=",
            "postgres://h",
            said("require", "", "", ""),
        ),
        // What stands before the first `@` is user and password, as the driver reads it.
        (
            "postgres://u:a?sslmode=disable@h/db?sslmode=require",
            "postgres://u:a?sslmode=disable@h/db",
            said("require", "", "", ""),
        ),
        // The driver's to refuse.
        (
            "postgres://h?sslcrl=/x&sslmode&nonsense",
            "postgres://h?sslcrl=/x&sslmode&nonsense",
            nothing.clone(),
        ),
        ("postgres://h?SSLMODE=x", "postgres://h?SSLMODE=x", nothing),
    ];
    for (url, left, parameters) in table {
        assert_eq!(of_postgres(url), (left.to_owned(), parameters), "{url}");
    }
    let (_, empty) = of_postgres("postgres://h?sslmode=");
    assert_eq!(empty.sslmode.as_deref(), Some(""));
}

#[test]
fn ours_leave_a_string_of_pairs_with_its_quotes() {
    let table = [
        (
            "host=h sslmode=verify-ca user=app",
            "host=h user=app",
            said("verify-ca", "", "", ""),
        ),
        (
            r"sslrootcert = '/a path/it\'s ca.pem' host=h",
            " host=h",
            said("", r"/a path/it's ca.pem", "", ""),
        ),
        (
            r"host=h sslcert=/a\ b.pem sslkey=''",
            "host=h",
            said("", "", "/a b.pem", ""),
        ),
        (
            "password='sslmode=disable' host=h",
            "password='sslmode=disable' host=h",
            said("", "", "", ""),
        ),
        (
            "sslmode=disable host=h sslmode=require",
            " host=h",
            said("require", "", "", ""),
        ),
        // The driver's to refuse: nothing behind a mistake is touched.
        (
            "host=h oops sslmode=require",
            "host=h oops sslmode=require",
            said("", "", "", ""),
        ),
        (
            "host=h sslmode='require",
            "host=h sslmode='require",
            said("", "", "", ""),
        ),
        ("host=h sslmode=", "host=h sslmode=", said("", "", "", "")),
        ("", "", said("", "", "", "")),
    ];
    for (text, left, parameters) in table {
        assert_eq!(of_postgres(text), (left.to_owned(), parameters), "{text}");
    }
}

#[test]
fn the_driver_reads_what_is_left_as_it_would_have() {
    for (with, without) in [
        (
            "postgres://u:p%40@h:1,i:2/d?sslmode=verify-full&application_name=a%26b&sslkey=x",
            "postgres://u:p%40@h:1,i:2/d?application_name=a%26b",
        ),
        (
            r"user=u sslmode = verify-full password='it\'s' sslcert='a b' host=h",
            r"user=u password='it\'s' host=h",
        ),
    ] {
        let config = |text: &str| text.parse::<tokio_postgres::Config>().unwrap();
        assert_eq!(config(&of_postgres(with).0), config(without), "{with}");
    }
}

#[test]
fn ours_leave_a_redis_url_and_its_fragment_stays() {
    let table = [
        ("rediss://h", "rediss://h", said("", "", "", "")),
        (
            "rediss://:p@h:1/0?protocol=resp3&sslrootcert=/ca%23.pem#insecure",
            "rediss://:p@h:1/0?protocol=resp3#insecure",
            said("", "/ca#.pem", "", ""),
        ),
        (
            "redis://h?sslmode=require#?sslkey=x",
            "redis://h#?sslkey=x",
            said("require", "", "", ""),
        ),
    ];
    for (url, left, parameters) in table {
        assert_eq!(of_redis(url), (left.to_owned(), parameters), "{url}");
    }
}

#[test]
fn a_path_that_is_no_text_is_not_lost() {
    let (_, parameters) = of_postgres("postgres://h?sslrootcert=/%ff.pem");
    assert_eq!(parameters.sslrootcert.as_deref(), Some("/\u{fffd}.pem"));
}
