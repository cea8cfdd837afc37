//! What stands in files of keys and tokens.

use homeward::model::{AccessTokens, Keyring, Role, Secret};

/// A file of keys, which may be one of tokens as well. Of what cannot be used, nothing is shown.
pub fn secret_file(bytes: &[u8]) {
    let secret = Secret::new(bytes.to_vec());
    if let Err(bad) = Keyring::of_secret(&secret) {
        hides(bytes, &bad.to_string());
    }
    match AccessTokens::of_secret(&secret) {
        Err(bad) => hides(bytes, &bad.to_string()),
        Ok(tokens) => {
            assert!((1..=AccessTokens::MOST).contains(&tokens.count()));
            let text = std::str::from_utf8(bytes).expect("tokens are text");
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let (role, token) = line.split_once(':').expect("a role and a token");
                let found = tokens.role_of(token.trim().as_bytes()).expect("a token of the file");
                assert!(found.may(role.trim().parse::<Role>().expect("a role")));
            }
            assert!(tokens.role_of(b"").is_none());
        }
    }
}

/// No twelve characters of the file in a row are in the message.
fn hides(bytes: &[u8], message: &str) {
    let said = |part: &[u8]| message.as_bytes().windows(12).any(|window| window == part);
    let secret = |part: &&[u8]| part.iter().all(u8::is_ascii_hexdigit);
    if let Some(part) = bytes.windows(12).filter(secret).find(|part| said(part)) {
        panic!("{message:?} shows {:?}", String::from_utf8_lossy(part));
    }
}
