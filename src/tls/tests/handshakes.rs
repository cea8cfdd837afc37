//! Which certificate a client gets, and which clients get none.

use super::*;
use rustls::SignatureScheme;
use rustls::version::{TLS12, TLS13};

#[tokio::test]
async fn a_client_gets_the_certificate_for_the_name_that_it_asks_for() {
    let authority = Authority::new("Authority");
    let first = authority.issue(&["example.com", "unknown.example.org"]);
    let wildcard = authority.issue(&["*.example.com"]);
    let exact = authority.issue(&["portal.example.com"]);
    let listener = listener(&[&first, &wildcard, &exact]);
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let client = Client::with(&authority, versions, None);
        for (name, files) in [
            ("example.com", &first),
            ("portal.example.com", &exact),
            ("PORTAL.example.com", &exact),
            ("other.example.com", &wildcard),
            ("unknown.example.org", &first),
        ] {
            let visit = client.visit(&listener, name).await.unwrap();
            assert!(visit.certificate() == files.der(), "{name}");
        }
        // A wildcard stands for one label; what nobody covers gets the first certificate, which does not help.
        for name in ["deep.other.example.com", "elsewhere.example.net", "192.0.2.1"] {
            let error = client.visit(&listener, name).await.err().unwrap();
            assert!(
                error.contains("UnknownCA") || error.contains("BadCertificate") || error.contains("ertificate"),
                "{error}"
            );
        }
    }
    let certificates = listener.certificates();
    for (name, covered) in [
        ("example.com", true),
        ("other.example.com", true),
        ("deep.other.example.com", false),
        ("*.example.com", true),
        ("*.example.org", false),
        ("example.net", false),
        (".example.com", false),
    ] {
        assert_eq!(certificates.covers(name), covered, "{name}");
    }
}

#[tokio::test]
async fn without_a_name_the_first_certificate_is_given() {
    let authority = Authority::new("Authority");
    let first = authority.issue(&["example.com", "192.0.2.1"]);
    let listener = listener(&[&first, &authority.issue(&["portal.example.com"])]);
    let visit = Client::new(&authority).visit(&listener, "192.0.2.1").await.unwrap();
    assert!(visit.server.get_ref().1.server_name().is_none() && visit.certificate() == first.der());
}

/// The provider of a client that verifies no signatures but these.
fn verifying(schemes: &[SignatureScheme]) -> rustls::crypto::CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    let mapping = provider.signature_verification_algorithms.mapping;
    let kept: Vec<_> = mapping.iter().copied().filter(|(scheme, _)| schemes.contains(scheme)).collect();
    provider.signature_verification_algorithms.mapping = kept.leak();
    provider
}

#[tokio::test]
async fn of_two_certificates_for_a_name_a_client_gets_one_that_it_can_verify() {
    let authority = Authority::new("Authority");
    let rsa = authority.issue_for(KeyPair::from_pem(RSA).unwrap(), params(&["portal.example.com"]));
    let ecdsa = authority.issue(&["portal.example.com"]);
    let wildcard =
        authority.issue_for(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(), params(&["*.example.com"]));
    let listener = listener(&[&rsa, &ecdsa, &wildcard]);
    let all = Client::new(&authority);
    assert!(all.visit(&listener, "portal.example.com").await.unwrap().certificate() == ecdsa.der(), "the cheaper one");
    // The authority signs with ECDSA, so that a client that verifies RSA alone could not look at the chain: it is asked
    // for the certificate only.
    let pss = [SignatureScheme::RSA_PSS_SHA256];
    let certificates = listener.certificates();
    let chosen =
        |name: Option<&str>, schemes: &[SignatureScheme]| certificates.choose(name, schemes).unwrap().cert[0].clone();
    assert!(chosen(Some("portal.example.com"), &pss) == rsa.der());
    assert!(chosen(Some("other.example.org"), &pss) == rsa.der());
    assert!(chosen(None, &[SignatureScheme::ECDSA_NISTP256_SHA256]) == ecdsa.der(), "the default has two keys too");
    assert!(chosen(Some("portal.example.com"), &[SignatureScheme::ED25519]) == wildcard.der());
    assert!(chosen(Some("portal.example.com"), &[SignatureScheme::RSA_PKCS1_SHA1]) == ecdsa.der(), "none fits");
    let modern = Client::by(verifying(&[SignatureScheme::ECDSA_NISTP256_SHA256]), &authority, &[&TLS13], None);
    assert!(modern.visit(&listener, "portal.example.com").await.unwrap().certificate() == ecdsa.der());
}

#[tokio::test]
async fn new_certificates_are_for_new_connections() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let authority = Authority::new("Authority");
    let (old, new) = (authority.issue(&["example.com"]), authority.issue(&["example.com"]));
    let listener = listener(&[&old]);
    let kept = listener.config();
    let mut open = Client::new(&authority).visit(&listener, "example.com").await.unwrap();
    listener.set_certificates(certificates(&[&new]));
    let after = Client::new(&authority).visit(&listener, "example.com").await.unwrap();
    assert!(open.certificate() == old.der() && after.certificate() == new.der());
    assert!(Arc::ptr_eq(&kept, &listener.config()), "they change under a configuration that is kept");
    open.client.write_all(b"more").await.unwrap();
    let mut more = [0; 4];
    open.server.read_exact(&mut more).await.unwrap();
    assert_eq!(&more, b"more", "a connection that is open goes on");
}

#[tokio::test]
async fn a_profile_says_which_versions_are_spoken() {
    let authority = Authority::new("Authority");
    let files = authority.issue(&["example.com"]);
    let options = TlsOptions { profile: TlsProfile::Modern, ..OPTIONS };
    let modern = ListenerTls::new(options, certificates(&[&files]), None, None, now).unwrap();
    let (old, new) = (Client::with(&authority, &[&TLS12], None), Client::with(&authority, &[&TLS13], None));
    let error = old.visit(&modern, "example.com").await.err().unwrap();
    assert!(error.contains("not supported") || error.contains("incompatible"), "{error}");
    new.visit(&modern, "example.com").await.unwrap();
    let intermediate = listener(&[&files]);
    for client in [old, new] {
        client.visit(&intermediate, "example.com").await.unwrap();
    }
}

#[tokio::test]
async fn http2_is_offered_where_it_is_on() {
    let authority = Authority::new("Authority");
    let files = authority.issue(&["example.com"]);
    let on = listener(&[&files]);
    let options = TlsOptions { http2: false, ..OPTIONS };
    let off = ListenerTls::new(options, certificates(&[&files]), None, None, now).unwrap();
    for (listener, offered, chosen) in [
        (&on, &["http/1.1", "h2"][..], Some("h2")),
        (&on, &["http/1.1"], Some("http/1.1")),
        (&on, &[], None),
        (&off, &["h2", "http/1.1"], Some("http/1.1")),
    ] {
        let visit = Client::new(&authority).speaking(offered).visit(listener, "example.com").await.unwrap();
        assert_eq!(visit.server.get_ref().1.alpn_protocol(), chosen.map(str::as_bytes));
    }
    let error = Client::new(&authority).speaking(&["h2"]).visit(&off, "example.com").await.err().unwrap();
    assert!(error.contains("any known protocol"), "{error}");
}

#[tokio::test]
async fn clients_show_certificates_where_they_are_asked_for_them() {
    let (authority, clients, strangers) =
        (Authority::new("Authority"), Authority::new("Clients"), Authority::new("Others"));
    let files = authority.issue(&["example.com"]);
    let good = clients.issue_client("reports");
    let stranger = strangers.issue_client("reports");
    let expired = {
        let mut params = params(&[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = date_time_ymd(2026, 11, 1);
        clients.issue_for(KeyPair::generate().unwrap(), params)
    };
    for client_certificates in [ClientCertificates::Required, ClientCertificates::Optional] {
        let options = TlsOptions { client_certificates, ..OPTIONS };
        let listener = ListenerTls::new(options, certificates(&[&files]), Some(&clients.ca()), None, now).unwrap();
        for versions in [&[&TLS12][..], &[&TLS13]] {
            let visit = |own| {
                let client = Client::with(&authority, versions, own);
                let listener = &listener;
                async move { client.visit(listener, "example.com").await }
            };
            let met = visit(Some(&good)).await.unwrap();
            let identity = ClientIdentity::of(met.server.get_ref().1.peer_certificates().unwrap()).unwrap();
            assert_eq!(identity.subject, "CN=reports,O=Example\\, Inc.");
            assert!(visit(Some(&stranger)).await.is_err(), "of a wrong authority");
            assert!(visit(Some(&expired)).await.is_err(), "by the clock that was handed in");
            let anonymous = visit(None).await;
            assert_eq!(anonymous.is_ok(), client_certificates == ClientCertificates::Optional);
            assert!(anonymous.is_err() || anonymous.unwrap().server.get_ref().1.peer_certificates().is_none());
        }
    }
}
