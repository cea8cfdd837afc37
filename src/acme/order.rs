//! One order: from the wish for a certificate to a chain and a key.

use super::failure::{Failure, of_problem};
use crate::config::AcmeChallenge;
use crate::live::{Challenges, clock};
use crate::tls::Pair;
use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, CertificateIdentifier, ChallengeHandle, ChallengeType,
    Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long an authority may take to look at all challenges, and then to issue. Its own advice goes before our intervals.
const POLLS: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_mins(2));

/// A chain and its key, in PEM form, in one text.
pub(super) struct Issued {
    pub text: Zeroizing<String>,
    pub pair: Pair,
}

/// What is asked for.
pub(super) struct Wish<'a> {
    pub names: &'a [String],
    /// In the order in which they are to be tried.
    pub challenges: Vec<AcmeChallenge>,
    /// The certificate that the new one is for, where the authority wants to know.
    pub replaces: Option<CertificateIdentifier<'a>>,
}

/// Makes an order and sees it through. Challenges are answered meanwhile, and no longer, also where it is given up.
///
/// # Errors
/// Why there is no certificate. Without an order, it is the authority's own error.
pub(super) async fn obtain(
    account: &Account,
    wish: &Wish<'_>,
    live: &Challenges,
) -> Result<Result<Issued, Failure>, instant_acme::Error> {
    let identifiers: Vec<_> = wish.names.iter().cloned().map(Identifier::Dns).collect();
    let mut order = NewOrder::new(&identifiers);
    if let Some(replaces) = &wish.replaces {
        order = order.replaces(replaces.clone());
    }
    let mut order = account.new_order(&order).await?;
    Ok(see_through(&mut order, wish, live).await)
}

async fn see_through(order: &mut Order, wish: &Wish<'_>, live: &Challenges) -> Result<Issued, Failure> {
    let failed = |error: instant_acme::Error| Failure::of_order(&error);
    {
        let mut pending = Pending { live, tokens: Vec::new(), names: Vec::new() };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let authorization = authorization.map_err(failed)?;
            match authorization.status {
                AuthorizationStatus::Valid => {}
                AuthorizationStatus::Pending => pending.answer(authorization, wish).await?,
                other => return Err(Failure::after(format!("the authority has an authorization that is {other:?}"))),
            }
        }
        let status = match order.poll_ready(&POLLS).await {
            Ok(status) => status,
            Err(error) => return Err(why_invalid(order).await.unwrap_or_else(|| failed(error))),
        };
        if status != OrderStatus::Ready {
            let nothing = || Failure::after("the authority has found the order invalid, and does not say why");
            return Err(why_invalid(order).await.unwrap_or_else(nothing));
        }
    }
    let unusable = |error: rcgen::Error| Failure::after(format!("no key or request could be made: {error}"));
    let key = KeyPair::generate().map_err(unusable)?;
    let mut params = CertificateParams::new(wish.names).map_err(unusable)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(unusable)?;
    order.finalize_csr(request.der()).await.map_err(failed)?;
    let chain = order.poll_certificate(&POLLS).await.map_err(failed)?;
    let key = Zeroizing::new(key.serialize_pem());
    let pair = checked(&chain, &key, wish.names)?;
    // Taken whole at first: where a text grows, copies of it stay behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(chain.len() + key.len() + 1));
    text.push_str(&chain);
    if !chain.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&key);
    Ok(Issued { text, pair })
}

/// The pair, where it is what was asked for.
pub(super) fn checked(chain: &str, key: &str, names: &[String]) -> Result<Pair, Failure> {
    let pair = Pair::from_pem(chain.as_bytes(), key.as_bytes())
        .map_err(|flaw| Failure::after(format!("what the authority has issued cannot be used: {flaw}")))?;
    if let Some(name) = names.iter().find(|name| !pair.names().contains(name)) {
        return Err(Failure::after(format!("the authority has issued a certificate that is not for {name}")));
    }
    if pair.facts().is_none_or(|facts| facts.not_after <= clock::now()) {
        return Err(Failure::after(
            "the authority has issued a certificate that has expired: check this machine's clock",
        ));
    }
    Ok(pair)
}

/// What the authority says of the challenges of an order that came to nothing.
async fn why_invalid(order: &mut Order) -> Option<Failure> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.ok()?;
        let state = authorization.refresh().await.ok()?;
        let name = state.identifier().to_string();
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            let Failure { kind, text } = of_problem(problem);
            return Some(Failure { kind, text: format!("{name}: {text}") });
        }
    }
    None
}

/// The challenges that are answered until this goes.
struct Pending<'a> {
    live: &'a Challenges,
    tokens: Vec<String>,
    names: Vec<String>,
}

impl Pending<'_> {
    async fn answer(
        &mut self,
        mut authorization: AuthorizationHandle<'_>,
        Wish { names, challenges, .. }: &Wish<'_>,
    ) -> Result<(), Failure> {
        let name = authorization.identifier().to_string().to_ascii_lowercase();
        if !names.contains(&name) {
            return Err(Failure::after(format!(
                "the authority wants to see that {name} leads here, which nobody asked for"
            )));
        }
        let offered =
            |challenge: &AcmeChallenge| authorization.challenges.iter().any(|it| it.r#type == word(*challenge));
        let Some(chosen) = challenges.iter().copied().find(offered) else {
            let offered: Vec<_> = authorization.challenges.iter().map(|it| format!("{:?}", it.r#type)).collect();
            let text =
                format!("{name}: the authority takes none of the challenges: under acme:, but {}", offered.join(", "));
            return Err(Failure::after(text));
        };
        let Some(mut handle) = authorization.challenge(word(chosen)) else { return Ok(()) };
        match chosen {
            AcmeChallenge::Http01 => {
                self.live.begin(&handle.token, handle.key_authorization().as_str());
                self.tokens.push(handle.token.clone());
            }
            AcmeChallenge::TlsAlpn01 => {
                self.begin_alpn(&name, &handle).map_err(|why| Failure::after(format!("{name}: {why}")))?;
            }
        }
        handle.set_ready().await.map_err(|error| Failure::of_order(&error))
    }

    fn begin_alpn(&mut self, name: &str, handle: &ChallengeHandle<'_>) -> Result<(), String> {
        let text = |error: rcgen::Error| format!("no certificate for the challenge could be made: {error}");
        let key = KeyPair::generate().map_err(text)?;
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(text)?;
        params.custom_extensions =
            vec![CustomExtension::new_acme_identifier(handle.key_authorization().digest().as_ref())];
        let certificate = params.self_signed(&key).map_err(text)?;
        let begun = self.live.alpn().begin(name, certificate.der().to_vec(), key.serialize_der());
        begun.map_err(|error| error.to_string())?;
        self.names.push(name.to_owned());
        Ok(())
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.tokens.iter().for_each(|token| self.live.end(token));
        self.names.iter().for_each(|name| self.live.alpn().end(name));
    }
}

fn word(challenge: AcmeChallenge) -> ChallengeType {
    match challenge {
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        AcmeChallenge::Http01 => ChallengeType::Http01,
    }
}
