//! Channel binding: the login is tied to the certificate that TLS has shown, so that nobody in between
//! can pass it on.
//!
//! [RFC 5929, `tls-server-end-point`](https://www.rfc-editor.org/rfc/rfc5929#section-4): the certificate's
//! hash, by the hash function of its own signature, and by SHA-256 in the place of MD5 and SHA-1.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// PKCS #1: 1.2.840.113549.1.1.
const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// X9.62: 1.2.840.10045.4.
const ECDSA: [u8; 6] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The binding to a certificate in DER. `None`: its signature has no hash function of its own (Ed25519),
/// or one that is told in its parameters (RSA-PSS); then the login goes without.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm, .. }, .. }
    let (inside, _) = element(SEQUENCE, certificate)?;
    let (_, behind) = element(SEQUENCE, inside)?;
    let (algorithm, _) = element(SEQUENCE, behind)?;
    let (identifier, _) = element(OBJECT_IDENTIFIER, algorithm)?;
    if let Some(rsa) = identifier.strip_prefix(&RSA) {
        return match rsa {
            [4 | 5 | 11] => Some(Sha256::digest(certificate).to_vec()),
            [12] => Some(Sha384::digest(certificate).to_vec()),
            [13] => Some(Sha512::digest(certificate).to_vec()),
            _ => None,
        };
    }
    match identifier.strip_prefix(&ECDSA)? {
        [1] | [3, 2] => Some(Sha256::digest(certificate).to_vec()),
        [3, 3] => Some(Sha384::digest(certificate).to_vec()),
        [3, 4] => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// What is inside the first element of `bytes`, if it has that tag, and what comes behind it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, bytes) = bytes.split_first()?;
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(first), bytes),
        // The length itself takes so many bytes. A certificate never needs more than three.
        0x81..=0x83 => {
            let (length, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            let length = length
                .iter()
                .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
            (length, bytes)
        }
        _ => return None,
    };
    let parts = bytes.split_at_checked(length)?;
    (found == tag).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(inside: &[u8]) -> Vec<u8> {
        let [.., high, low] = inside.len().to_be_bytes();
        let mut bytes = vec![SEQUENCE];
        match (high, low) {
            (0, ..0x80) => bytes.push(low),
            _ => bytes.extend([0x82, high, low]),
        }
        bytes.extend(inside);
        bytes
    }

    /// What a certificate looks like from afar, with a signature of that algorithm.
    fn certificate(prefix: &[u8], rest: &[u8]) -> Vec<u8> {
        let identifier = [prefix, rest].concat();
        let mut algorithm = vec![OBJECT_IDENTIFIER, u8::try_from(identifier.len()).unwrap()];
        algorithm.extend(identifier);
        let signed = sequence(&[7; 700]);
        sequence(&[signed, sequence(&algorithm), vec![3, 1, 0]].concat())
    }

    #[test]
    fn the_signatures_own_hash_function_is_taken_and_none_of_the_broken_ones() {
        let lengths = |prefix: &[u8], rest: &[u8]| {
            let certificate = certificate(prefix, rest);
            let found = end_point(&certificate);
            let hash = |length| match length {
                32 => Sha256::digest(&certificate).to_vec(),
                48 => Sha384::digest(&certificate).to_vec(),
                _ => Sha512::digest(&certificate).to_vec(),
            };
            assert!(found.as_ref().is_none_or(|it| *it == hash(it.len())));
            found.map(|it| it.len())
        };
        // MD5, SHA-1, SHA-256, SHA-384, SHA-512; PSS and SHA-224 tell nothing we could use.
        let rsa = [4, 5, 11, 12, 13, 10, 14].map(|rest| lengths(&RSA, &[rest]));
        let (none, some) = (None, Some);
        assert_eq!(
            rsa,
            [some(32), some(32), some(32), some(48), some(64), none, none]
        );
        let ecdsa: [&[u8]; 5] = [&[1], &[3, 2], &[3, 3], &[3, 4], &[3, 1]];
        let ecdsa = ecdsa.map(|rest| lengths(&ECDSA, rest));
        assert_eq!(ecdsa, [some(32), some(32), some(48), some(64), none]);
        assert_eq!(lengths(&[0x2b, 0x65, 0x70], &[]), none, "Ed25519");
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_has_no_binding() {
        let whole = certificate(&RSA, &[11]);
        // All but the signature's value, which nobody looks at, is needed.
        for length in 0..whole.len() {
            assert_eq!(end_point(&whole[..length]), None, "{length}");
        }
        assert_eq!(end_point(&[0x31; 40]), None);
        assert_eq!(end_point(&[SEQUENCE, 0x84, 0, 0, 0, 1, 0]), None);
    }
}
