//! What a certificate says.

use super::subject;
use crate::model::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// What a certificate says, as far as an operator wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The names and addresses that it is for, in its order; names in lower case. None out of the subject: no client of
    /// today looks there.
    pub names: Vec<String>,
    /// Whose it is, by RFC 4514.
    pub subject: String,
    /// Who issued it, by RFC 4514.
    pub issuer: String,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// The key identifier of who issued it, and its serial number, as authorities name it when it is renewed (RFC 9773, 4.1).
    pub renewal_id: Option<(String, String)>,
    /// The size of its key in bits, where it is an RSA key.
    pub(super) rsa_bits: Option<usize>,
    /// How it is signed, where that can be forged.
    pub(super) weak_signature: Option<&'static str>,
    raw_subject: Vec<u8>,
    raw_issuer: Vec<u8>,
}

impl Facts {
    /// Reads a certificate; `None` where it is none.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(certificate).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|found| found.value.general_names.iter().filter_map(name).collect()).unwrap_or_default();
        let rsa_bits = match certificate.public_key().parsed().ok()? {
            x509_parser::public_key::PublicKey::RSA(key) => Some(bits(key.modulus)),
            _ => None,
        };
        Some(Self {
            names,
            subject: subject::text(certificate.subject()),
            issuer: subject::text(certificate.issuer()),
            not_before: time(certificate.validity().not_before),
            not_after: time(certificate.validity().not_after),
            renewal_id: renewal_id(&certificate),
            rsa_bits,
            weak_signature: weak(&certificate),
            raw_subject: certificate.subject().as_raw().to_vec(),
            raw_issuer: certificate.issuer().as_raw().to_vec(),
        })
    }

    /// Whether this certificate was issued by one with the subject of `other`.
    pub(super) fn is_issued_by(&self, other: &Self) -> bool {
        self.raw_issuer == other.raw_subject
    }

    /// Whether its issuer is itself: a root, whose own signature nobody looks at.
    pub(super) fn is_root(&self) -> bool {
        self.is_issued_by(self)
    }
}

fn renewal_id(certificate: &X509Certificate<'_>) -> Option<(String, String)> {
    let issuer = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(issuer) => issuer.key_identifier.as_ref(),
        _ => None,
    })?;
    Some((URL_SAFE_NO_PAD.encode(issuer.0), URL_SAFE_NO_PAD.encode(certificate.raw_serial())))
}

/// Signatures over MD5 and SHA-1. The ways to sign that no client ever believed are not listed.
fn weak(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    match certificate.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.4" => Some("MD5"),
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" => Some("SHA-1"),
        _ => None,
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => {
            let name = name.trim_end_matches('.');
            let visible = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            visible.then(|| name.to_ascii_lowercase())
        }
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
            let v6 = <[u8; 16]>::try_from(*bytes).map(|octets| IpAddr::from(Ipv6Addr::from(octets)));
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn bits(modulus: &[u8]) -> usize {
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    let first = modulus.iter().find(|byte| **byte != 0).map_or(0, |byte| byte.leading_zeros() as usize);
    8 * significant - first
}

/// A certificate that never expires says the last second of the year 9999, which is beyond what a timestamp holds.
fn time(time: ASN1Time) -> Timestamp {
    let bound = if time.timestamp() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(time.timestamp()).unwrap_or(bound)
}
