//! What the environment and the builder say, before anything is connected.

mod token_keys {
    use super::super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn told(keys: &str) -> Result<Builder> {
        Builder::from_variables(|name| {
            let value = match name {
                "DATABASE_PRIMARY_URL" => "postgres://h/d",
                "MANIFOLD_TOKEN_KEY" => keys,
                _ => "",
            };
            Ok(Some(value.to_owned()).filter(|value| !value.is_empty()))
        })
    }

    #[test]
    fn the_environment_may_name_none_one_or_several() {
        assert!(told("").unwrap().token_keys.is_none());
        let keys = |text: &str| format!("{:?}", told(text).unwrap().token_keys.unwrap());
        assert_eq!(keys(KEY), "TokenKeys { first: .., others: [] }");
        let two = keys(&format!("{KEY}, {KEY}"));
        assert_eq!(two, "TokenKeys { first: .., others: [..] }");
    }

    #[test]
    fn a_wrong_one_in_the_environment_is_the_configurations_fault_and_is_not_shown() {
        let error = told(&format!("{KEY},c2hvcnQ=")).unwrap_err();
        assert!(error.is_configuration(), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("key 2 of MANIFOLD_TOKEN_KEY is 5 bytes"),
            "{text}"
        );
        assert!(!text.contains("c2hvcnQ"), "{text}");
    }

    #[tokio::test]
    async fn too_many_are_refused_before_anything_is_connected() {
        let keys = std::iter::repeat_n(TokenKey::from_base64(KEY).unwrap(), 9);
        let builder = Builder::default().primary("postgres://h/d");
        let error = keys
            .fold(builder, Builder::token_key)
            .connect()
            .await
            .unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert!(error.to_string().contains("9 token keys"), "{error}");
    }
}

#[cfg(not(feature = "tls"))]
mod without_tls {
    use super::super::*;
    use crate::pools::connect::server::Server;

    #[tokio::test]
    async fn without_the_feature_a_url_that_insists_on_tls_is_refused_and_told_the_feature() {
        let refused = [
            ("postgres://h/d?sslmode=require", ""),
            ("postgres://h/d?sslmode=verify-ca&sslrootcert=/x", ""),
            ("postgres://h/d?sslmode=verify-full", ""),
            ("postgres://h/d?sslrootcert=system", ""),
            ("postgres://h/d", "rediss://h"),
            ("postgres://h/d", "valkeys://h?sslrootcert=/x"),
        ];
        for (primary, redis) in refused {
            let mut builder = Builder::default().primary(primary);
            if !redis.is_empty() {
                builder = builder.redis(redis);
            }
            let error = builder.connect().await.unwrap_err();
            assert!(error.is_configuration(), "{primary} {redis}: {error}");
            let text = error.to_string();
            assert!(
                text.contains("the feature `tls`"),
                "{primary} {redis}: {text}"
            );
        }
    }

    #[test]
    fn without_the_feature_a_url_that_would_do_without_is_taken() {
        for mode in ["disable", "allow", "prefer"] {
            let url = format!("postgres://h/d?sslmode={mode}");
            assert!(Server::parse(&url, "the URL").is_ok(), "{mode}");
        }
    }
}

mod pooled {
    use super::super::*;

    #[test]
    fn the_environment_may_say_that_poolers_stand_before_the_servers() {
        let table = [
            (None, Ok(false)),
            (Some("false"), Ok(false)),
            (Some("0"), Ok(false)),
            (Some("true"), Ok(true)),
            (Some("1"), Ok(true)),
            (Some("pgbouncer"), Err(())),
        ];
        for (said, is) in table {
            let builder = Builder::from_variables(|name| {
                let value = match name {
                    "DATABASE_PRIMARY_URL" => Some("postgres://h/d"),
                    "DATABASE_REPLICA_URLS" => Some("postgres://a/d,postgres://b/d"),
                    "MANIFOLD_POOLED" => said,
                    _ => None,
                };
                Ok(value.map(str::to_owned))
            });
            let found = builder.map(|builder| {
                let plans = builder.nodes.iter().map(|place| place.plan().unwrap());
                let ways: Vec<_> = plans.map(|plan| plan.server.way()).collect();
                assert!(ways.iter().all(|way| *way == ways[0]) && ways.len() == 3);
                ways[0] == crate::terms::endpoint::Way::Opaque
            });
            let found = found.map_err(|error| assert!(error.is_configuration(), "{error}"));
            assert_eq!(found, is, "{said:?}");
        }
    }
}
