//! Why TLS failed, in words that say whose it is to mend.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error};

use crate::terms::tls::Verdict;
use crate::terms::tls::client::Client;

impl Client {
    /// What TLS has to do with `error`; `None`: nothing.
    pub fn verdict(&self, error: &(dyn StdError + 'static)) -> Option<Verdict> {
        let error = of_rustls(error)?;
        Some(match error {
            Error::InvalidCertificate(error) => self.refused(error),
            Error::AlertReceived(alert) => self.alerted(*alert),
            Error::InvalidMessage(_) => Verdict {
                why: "it speaks no TLS here".to_owned(),
                fix: Some("connect to its port for TLS, or without TLS"),
            },
            error => server(format!("TLS failed: {error}")),
        })
    }

    /// We refuse the server's certificate.
    fn refused(&self, error: &CertificateError) -> Verdict {
        match error {
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => ours(
                wrong_name(expected, presented),
                "connect by a name that its certificate has among its subjectAltNames",
            ),
            CertificateError::BadSignature => ours(
                "it does not have the key of the certificate that it shows".to_owned(),
                "look who answers at that address",
            ),
            CertificateError::UnknownIssuer => ours(
                format!(
                    "unknown root: its certificate is signed by none of {}",
                    self.tls.roots
                ),
                "name the PEM file of the root that signed it in sslrootcert",
            ),
            CertificateError::ExpiredContext { time, not_after } => server(format!(
                "expired certificate: it ended {} ago",
                span(*time, *not_after)
            )),
            CertificateError::NotValidYetContext { time, not_before } => server(format!(
                "its certificate begins only in {}, if this machine's clock is right",
                span(*not_before, *time)
            )),
            // webpki's own words.
            CertificateError::Other(error) => unusable(&error.to_string()),
            error => unusable(&error.to_string()),
        }
    }

    /// The server refuses us.
    fn alerted(&self, alert: AlertDescription) -> Verdict {
        use AlertDescription as Alert;
        match (alert, &self.tls.own) {
            (Alert::CertificateRequired | Alert::NoCertificate, _) => ours(
                "it asks for a client certificate, and got none".to_owned(),
                "name one and its key in sslcert and sslkey",
            ),
            (
                Alert::UnknownCA
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::AccessDenied
                | Alert::DecryptError,
                Some(own),
            ) => ours(
                format!(
                    "it refuses the client certificate in {} ({alert:?})",
                    own.certificate.display()
                ),
                "name a certificate that the server's roots have signed in sslcert, and its key in sslkey",
            ),
            // TLS 1.2 has no better word for a certificate that is missing.
            (Alert::HandshakeFailure, None) => server(
                "it broke the TLS handshake off, perhaps for want of a client certificate (sslcert, sslkey)"
                    .to_owned(),
            ),
            _ => server(format!("it broke TLS off ({alert:?})")),
        }
    }
}

fn ours(why: String, fix: &'static str) -> Verdict {
    Verdict {
        why,
        fix: Some(fix),
    }
}

fn unusable(why: &str) -> Verdict {
    ours(
        format!("its certificate is refused: {why}"),
        "give the server a certificate of X.509 version 3, not a root's own, signed by the root",
    )
}

fn server(why: String) -> Verdict {
    Verdict { why, fix: None }
}

/// The error of rustls in a chain of errors. An `io::Error` hides what it holds from the chain, and so does
/// an `Arc`, in which the redis crate keeps its errors.
fn of_rustls<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        let held = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>();
        if let Some(held) = held {
            next = Some(&**held);
            continue;
        }
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = held.map(|held| held as _).or_else(|| error.source());
    }
    None
}

fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let expected = expected.to_str();
    if presented.is_empty() {
        return format!(
            "wrong name: the certificate has no subjectAltName (its common name does not count), so it \
             is not for {expected}"
        );
    }
    let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
    format!(
        "wrong name: the certificate is for {}, not for {expected}",
        names.join(" or ")
    )
}

/// webpki writes `DnsName("db.example")` and `IpAddress(127.0.0.1)`.
fn bare(name: &str) -> &str {
    let inside = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

/// From `earlier` to `later`, in the largest unit of which it has one.
fn span(later: UnixTime, earlier: UnixTime) -> String {
    let seconds = later.as_secs().saturating_sub(earlier.as_secs());
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::terms::tls::{Own, Proof, Roots, Tls};

    fn client(own: bool) -> Client {
        let tls = Tls {
            proof: Proof::Key,
            roots: Roots::Platform,
            own: None,
        };
        let mut client = Client::new(&tls, "the URL").unwrap();
        let own = own.then(|| Own {
            certificate: "/c.pem".into(),
            key: "/k.pem".into(),
        });
        client.tls = std::sync::Arc::new(Tls { own, ..tls });
        client
    }

    fn verdict(own: bool, error: impl Into<Error>) -> (String, bool) {
        // As it reaches us: in an I/O error.
        let error = io::Error::new(io::ErrorKind::InvalidData, error.into());
        let verdict = client(own).verdict(&error).unwrap();
        (verdict.why, verdict.fix.is_some())
    }

    fn wrong_name(presented: &[&str]) -> Error {
        let error = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("db-2").unwrap(),
            presented: presented.iter().map(ToString::to_string).collect(),
        };
        error.into()
    }

    fn expired(ago: u64) -> Error {
        let not_after = UnixTime::since_unix_epoch(Duration::from_secs(1));
        let time = UnixTime::since_unix_epoch(Duration::from_secs(1 + ago));
        CertificateError::ExpiredContext { time, not_after }.into()
    }

    #[test]
    fn each_refusal_says_why_and_whether_the_configuration_mends_it() {
        let alert = Error::AlertReceived;
        for (own, error, why, mended) in [
            (
                false,
                wrong_name(&["DnsName(\"db-1\")", "IpAddress(10.0.0.1)"]),
                "wrong name: the certificate is for db-1 or 10.0.0.1, not for db-2",
                true,
            ),
            (
                false,
                wrong_name(&[]),
                "wrong name: the certificate has no subjectAltName (its common name does not count), \
                 so it is not for db-2",
                true,
            ),
            (
                false,
                CertificateError::UnknownIssuer.into(),
                "unknown root: its certificate is signed by none of this machine's roots",
                true,
            ),
            (
                false,
                expired(864_000),
                "expired certificate: it ended 10 days ago",
                false,
            ),
            (
                false,
                alert(AlertDescription::CertificateRequired),
                "it asks for a client certificate, and got none",
                true,
            ),
            (
                true,
                alert(AlertDescription::UnknownCA),
                "it refuses the client certificate in /c.pem (UnknownCA)",
                true,
            ),
            (
                false,
                alert(AlertDescription::InternalError),
                "it broke TLS off (InternalError)",
                false,
            ),
        ] {
            assert_eq!(verdict(own, error), (why.to_owned(), mended));
        }
    }

    #[test]
    fn an_error_of_another_kind_has_nothing_to_do_with_tls() {
        let error = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(client(false).verdict(&error), None);
    }
}
