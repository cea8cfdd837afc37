//! Files that can and cannot be used, and what is said of them.

use super::*;
use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

fn flaw(certificate: &str, key: &str) -> Flaw {
    Pair::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err()
}

#[test]
fn every_kind_of_key_is_read() {
    let authority = Authority::new("Authority");
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let files = authority.issue_for(KeyPair::generate_for(algorithm).unwrap(), params(&["a.example.com"]));
        let pair = files.pair().unwrap();
        assert_eq!(pair.names(), ["a.example.com"]);
        assert!(!pair.is_rsa());
        // Certificate and key in one file, in either order.
        let both = format!("{}{}", files.key, files.certificate);
        assert!(Pair::from_pem(both.as_bytes(), both.as_bytes()).is_ok());
    }
    let rsa = authority.issue_for(KeyPair::from_pem(RSA).unwrap(), params(&["a.example.com"]));
    for key in [RSA, include_str!("fixtures/rsa.pkcs1.pem")] {
        assert!(Pair::from_pem(rsa.certificate.as_bytes(), key.as_bytes()).unwrap().is_rsa());
    }
}

#[test]
fn a_key_in_sec1_is_read() {
    // What PKCS#8 has inside of it is SEC1: 'openssl ecparam -genkey' writes that alone.
    let authority = Authority::new("Authority");
    let files = authority.issue(&["a.example.com"]);
    let key = PrivateKeyDer::from_pem_slice(files.key.as_bytes()).unwrap();
    let pkcs8 = key.secret_der();
    let inside = pkcs8.windows(2).rposition(|start| start == [0x30, 0x6b]).unwrap();
    let text = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(&pkcs8[inside..])
    };
    let sec1 = format!("-----BEGIN EC PRIVATE KEY-----\n{text}\n-----END EC PRIVATE KEY-----\n");
    assert_eq!(Pair::from_pem(files.certificate.as_bytes(), sec1.as_bytes()).unwrap().names(), ["a.example.com"]);
}

#[test]
fn names_come_out_of_the_certificate() {
    let files = Authority::new("Authority").issue(&["Portal.Example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]);
    let pair = files.pair().unwrap();
    assert_eq!(pair.names(), ["portal.example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]);
    let facts = pair.facts().unwrap();
    assert_eq!((&*facts.issuer, &*facts.not_after.to_string()), ("CN=Authority", "2027-01-01T00:00:00Z"));
    assert_eq!(pair.warnings(now()), []);
    let shown = format!("{pair:?}");
    assert!(shown.contains("portal.example.com") && shown.contains("secret"), "{shown}");
}

#[test]
fn what_cannot_be_used_is_refused_in_words() {
    let authority = Authority::new("Authority");
    let (one, other) = (authority.issue(&["a.example.com"]), authority.issue(&["b.example.com"]));
    let wrong_order = format!("{}{}", authority.pem(), one.certificate);
    let cut: String = one.certificate.lines().take(3).map(|line| format!("{line}\n")).collect();
    let cut_key: String = one.key.lines().take(2).map(|line| format!("{line}\n")).collect();
    let bad_key = one.key.replace("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n§§§");
    let encrypted = one.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let no_certificate = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n";
    let short = include_str!("fixtures/rsa_1024.pem");
    for (certificate, key, part, what) in [
        ("", &*one.key, Part::Certificate, "there is no certificate in the file"),
        (&*one.key, &one.key, Part::Certificate, "there is no certificate in the file"),
        ("0\u{82}", &one.key, Part::Certificate, "there is no certificate in the file"),
        (&cut, &one.key, Part::Certificate, "the file of the certificate is cut off: a part of it has no END line"),
        (no_certificate, &one.key, Part::Certificate, "certificate 1 of the file cannot be read"),
        (&one.certificate, &other.key, Part::Key, "the key does not belong to the certificate"),
        (
            &wrong_order,
            &one.key,
            Part::Certificate,
            "the certificate of the key stands at place 2 of the file, and must be the first",
        ),
        (&one.certificate, "", Part::Key, "there is no private key in the file"),
        (&one.certificate, &one.certificate, Part::Key, "there is no private key in the file"),
        (&one.certificate, "0\u{82}", Part::Key, "there is no key in PEM form in the file"),
        (&one.certificate, &cut_key, Part::Key, "the file of the key is cut off: a part of it has no END line"),
        (&one.certificate, &bad_key, Part::Key, "the file of the key is damaged: a part of it is no base64"),
        (
            &one.certificate,
            &encrypted,
            Part::Key,
            "the key is encrypted with a passphrase, which nobody could type when the edge starts",
        ),
        (&one.certificate, no_key, Part::Key, "the key in the file cannot be used"),
        (short, short, Part::Certificate, "the certificate has an RSA key of 1024 bits, which cannot be used"),
    ] {
        let flaw = flaw(certificate, key);
        assert_eq!((flaw.part, &*flaw.what), (part, what));
        assert!(!flaw.help.is_empty());
        let secret = one.key.lines().nth(1).unwrap();
        assert!(!format!("{flaw:?}").contains(secret.get(..8).unwrap()), "nothing of a key is shown");
    }
}

#[test]
fn a_chain_has_a_bound() {
    let authority = Authority::new("Authority");
    let files = authority.issue(&["a.example.com"]);
    let long = format!("{}{}", files.certificate, authority.pem().repeat(16));
    assert_eq!(flaw(&long, &files.key).what, "there are more than 16 certificates in the file");
}

#[test]
fn what_is_only_worrying_is_a_warning() {
    let authority = Authority::new("Authority");
    let files = authority.issue(&["a.example.com"]);
    let said = |files: &Files, at: &str| -> Vec<String> {
        files.pair().unwrap().warnings(at.parse().unwrap()).iter().map(ToString::to_string).collect()
    };
    assert_eq!(said(&files, "2027-01-02T00:00:00Z"), ["the certificate has expired at 2027-01-01T00:00:00Z: renew it"]);
    let early = said(&files, "2025-12-31T00:00:00Z");
    assert!(early[0].starts_with("the certificate is not valid before 2026-01-01T00:00:00Z"), "{early:?}");
    assert!(said(&authority.issue(&[]), "2026-11-22T05:00:00Z")[0].starts_with("the certificate names no host"));

    let stranger = Authority::new("Stranger");
    let chain = |behind: &Authority| Files { certificate: files.certificate.clone() + &behind.pem(), ..files.clone() };
    assert_eq!(said(&chain(&authority), "2026-11-22T05:00:00Z"), [""; 0]);
    let wrong = said(&chain(&stranger), "2026-11-22T05:00:00Z");
    assert!(wrong[0].starts_with("certificate 2 of the file is not the issuer of the one before it"), "{wrong:?}");

    let old = Files { certificate: include_str!("fixtures/rsa_sha1.pem").into(), key: RSA.into() };
    assert_eq!(
        said(&old, "2026-12-22T05:00:00Z"),
        ["the certificate is signed with SHA-1, which clients refuse: have it made anew"]
    );
}

#[test]
fn a_certificate_that_never_expires_is_read() {
    let mut params = params(&["a.example.com"]);
    params.not_after = date_time_ymd(9999, 12, 31);
    let files = Authority::new("Authority").issue_for(KeyPair::generate().unwrap(), params);
    assert_eq!(files.pair().unwrap().facts().unwrap().not_after, Timestamp::MAX);
}

#[test]
fn authorities_of_clients_are_read() {
    let (one, other) = (Authority::new("One"), Authority::new("Other"));
    let ca = ClientCa::from_pem(format!("{}{}", one.pem(), other.pem()).as_bytes()).unwrap();
    let subjects: Vec<_> = ca.facts().iter().map(|facts| &*facts.subject).collect();
    assert_eq!(subjects, ["CN=One", "CN=Other"]);
    assert_eq!(ca.warnings(now()), []);
    assert_eq!(ClientCa::from_pem(b"").unwrap_err().what, "there is no certificate in the file");
}

#[test]
fn an_app_is_told_whose_a_certificate_is() {
    let client = Authority::new("Authority").issue_client("Reports \u{26a1}\r\nX-Admin: yes");
    let identity = ClientIdentity::of(&[client.der()]).unwrap();
    assert_eq!(identity.subject, "CN=Reports \\E2\\9A\\A1\\0D\\0AX-Admin: yes,O=Example\\, Inc.");
    let inside = identity.certificate.strip_prefix(':').and_then(|text| text.strip_suffix(':')).unwrap();
    assert!(client.certificate.replace(['\r', '\n'], "").contains(inside), "{inside}");
    assert_eq!(ClientIdentity::of(&[] as &[CertificateDer<'_>]), None);
    assert_eq!(ClientIdentity::of(&[b"no certificate"]), None);
}
