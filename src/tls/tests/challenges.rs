//! Handshakes of authorities, and names whose certificates are not there yet.

use super::*;
use rustls::version::{TLS12, TLS13};

/// The certificate of a challenge and its key, both in DER.
fn challenge(authority: &Authority, name: &str) -> (Files, Vec<u8>, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let der = key.serialize_der();
    let files = authority.issue_for(key, params(&[name]));
    let certificate = files.der().to_vec();
    (files, certificate, der)
}

#[tokio::test]
async fn an_authority_gets_the_certificate_of_its_challenge_and_nobody_else_does() {
    let authority = Authority::new("Authority");
    let usual = authority.issue(&["portal.example.com", "other.example.com"]);
    let challenges = Arc::new(AlpnChallenges::default());
    let listener =
        ListenerTls::new(OPTIONS, certificates(&[&usual]), None, Some(Arc::clone(&challenges)), now).unwrap();
    let (files, certificate, key) = challenge(&authority, "portal.example.com");
    challenges.begin("portal.example.com", certificate, key).unwrap();
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let asking = |protocols: &[&str]| Client::with(&authority, versions, None).speaking(protocols);
        let visit = asking(&["acme-tls/1"]).visit(&listener, "Portal.example.com").await.unwrap();
        assert!(visit.certificate() == files.der());
        assert_eq!(visit.client.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
        // Whoever speaks something else too is a visitor.
        for protocols in [&["h2", "acme-tls/1"][..], &["acme-tls/1", "http/1.1"], &["http/1.1"], &[]] {
            let visit = asking(protocols).visit(&listener, "portal.example.com").await.unwrap();
            assert!(visit.certificate() == usual.der(), "{protocols:?}");
            assert_ne!(visit.client.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]), "{protocols:?}");
        }
        // For another host there is no challenge, and no other certificate for those who ask so.
        assert!(asking(&["acme-tls/1"]).visit(&listener, "other.example.com").await.is_err());
    }
    challenges.end("portal.example.com");
    let client = Client::new(&authority).speaking(&["acme-tls/1"]);
    assert!(client.visit(&listener, "portal.example.com").await.is_err(), "it is over");
    assert!(challenges.begin("a.example.com", vec![0], vec![0]).is_err());
    // Where nothing is had by ACME, nobody speaks that.
    let plain = super::listener(&[&usual]);
    let refused = client.visit(&plain, "portal.example.com").await.err().unwrap();
    assert!(refused.contains("doesn't support any known protocol"), "{refused}");
}

#[tokio::test]
async fn a_name_that_is_awaited_gets_no_certificate_of_another() {
    let authority = Authority::new("Authority");
    let pair = |names: &[&str]| Arc::new(authority.issue(names).pair().unwrap());
    let awaited = || ["portal.example.com".to_owned(), "shop.example.org".to_owned()];
    let client = Client::new(&authority);
    let listener = |pairs: Vec<_>| {
        let certificates = Certificates::and_awaited(pairs, awaited()).unwrap();
        ListenerTls::new(OPTIONS, certificates, None, None, now).unwrap()
    };
    let alone = listener(vec![]);
    for name in ["portal.example.com", "elsewhere.example.net"] {
        let refused = client.visit(&alone, name).await.err().unwrap();
        assert!(refused.contains("AccessDenied") || refused.contains("no server certificate"), "{refused}");
    }
    assert!(alone.certificates().covers("portal.example.com"), "it will be");
    let beside = listener(vec![pair(&["other.example.com"]), pair(&["*.example.org"])]);
    let refused = client.visit(&beside, "portal.example.com").await.err().unwrap();
    assert!(refused.contains("AccessDenied") || refused.contains("no server certificate"), "{refused}");
    assert!(client.visit(&beside, "other.example.com").await.is_ok());
    assert!(client.visit(&beside, "shop.example.org").await.is_ok(), "a wildcard is for it");
    beside.set_certificates(Certificates::new(vec![pair(&["portal.example.com"])]).unwrap());
    assert!(client.visit(&beside, "portal.example.com").await.is_ok());
    assert!(Certificates::new(vec![]).is_none());
}
