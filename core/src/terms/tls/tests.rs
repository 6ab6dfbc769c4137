//! What libpq's parameters mean.

use super::*;

fn parameters(sslmode: Option<&str>, sslrootcert: Option<&str>) -> Parameters {
    Parameters {
        sslmode: sslmode.map(str::to_owned),
        sslrootcert: sslrootcert.map(str::to_owned),
        ..Parameters::default()
    }
}

#[test]
fn each_mode_means_what_libpq_documents() {
    let table = [
        ("", "", Mode::Prefer, Proof::Key),
        ("disable", "", Mode::Disable, Proof::Key),
        ("allow", "", Mode::Allow, Proof::Key),
        ("prefer", "", Mode::Prefer, Proof::Key),
        ("require", "", Mode::Require, Proof::Key),
        ("verify-ca", "", Mode::VerifyCa, Proof::Chain),
        ("verify-full", "", Mode::VerifyFull, Proof::Name),
        // A root that is given is a root that is asked for.
        ("", "/ca", Mode::Prefer, Proof::Chain),
        ("require", "/ca", Mode::Require, Proof::Chain),
        ("verify-ca", "/ca", Mode::VerifyCa, Proof::Chain),
        ("verify-full", "/ca", Mode::VerifyFull, Proof::Name),
        // It makes verify-full the default, and allows nothing less.
        ("", "system", Mode::VerifyFull, Proof::Name),
        ("verify-full", "system", Mode::VerifyFull, Proof::Name),
    ];
    for (sslmode, sslrootcert, mode, proof) in table {
        let said = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let parameters = parameters(said(sslmode), said(sslrootcert));
        let roots = match sslrootcert {
            "" | "system" => Roots::Platform,
            file => Roots::File(file.into()),
        };
        let tls = Tls {
            proof,
            roots,
            own: None,
        };
        let found = Tls::of_postgres(&parameters, "the URL").unwrap();
        assert_eq!(found, (mode, tls), "{sslmode} {sslrootcert}");
    }
}

#[test]
fn what_makes_no_sense_is_the_configurations_fault_and_says_where() {
    let (cert, key) = (Some("c".to_owned()), Some("k".to_owned()));
    let postgres = [
        (parameters(Some(""), None), "sslmode="),
        (parameters(Some("Require"), None), "sslmode=Require"),
        (
            parameters(Some("require"), Some("system")),
            "sslrootcert=system with sslmode=require",
        ),
        (
            parameters(Some("verify-ca"), Some("system")),
            "sslrootcert=system with sslmode=verify-ca",
        ),
        (
            Parameters {
                sslcert: cert.clone(),
                ..Parameters::default()
            },
            "sslcert without sslkey",
        ),
        (
            Parameters {
                sslkey: key,
                ..Parameters::default()
            },
            "sslkey without sslcert",
        ),
    ];
    for (parameters, what) in postgres {
        let error = Tls::of_postgres(&parameters, "the URL").unwrap_err();
        let text = error.to_string();
        assert!(error.is_configuration(), "{text}");
        assert!(
            text.starts_with("the URL has ") && text.contains(what),
            "{text}"
        );
    }
    let redis = [
        (
            parameters(None, Some("/ca")),
            false,
            "has sslrootcert, and asks for no TLS",
        ),
        (
            parameters(Some("require"), None),
            false,
            "has sslmode, and asks for no TLS",
        ),
        (
            parameters(Some("require"), None),
            true,
            "has sslmode, which is PostgreSQL's",
        ),
        (
            Parameters {
                sslcert: cert,
                ..Parameters::default()
            },
            true,
            "sslcert without sslkey",
        ),
    ];
    for (parameters, wanted, what) in redis {
        let error = Tls::of_redis(&parameters, wanted, "REDIS_URL").unwrap_err();
        assert!(
            error.is_configuration() && error.to_string().contains(what),
            "{error}"
        );
    }
}

#[test]
fn redis_with_tls_always_verifies_chain_and_name() {
    for (root, roots) in [
        (None, Roots::Platform),
        (Some("system"), Roots::Platform),
        (Some("/ca"), Roots::File("/ca".into())),
    ] {
        let tls = Tls::of_redis(&parameters(None, root), true, "REDIS_URL").unwrap();
        let expected = Tls {
            proof: Proof::Name,
            roots,
            own: None,
        };
        assert_eq!(tls, Some(expected));
    }
    let none = Tls::of_redis(&Parameters::default(), false, "REDIS_URL").unwrap();
    assert_eq!(none, None);
}
