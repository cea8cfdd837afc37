//! The task that looks after all certificates of ACME.

use super::account::{account, forget, is_unknown};
use super::failure::Failure;
use super::order::{Issued, Wish, obtain};
use super::schedule::{self, Kind};
use super::store::{self, Lock};
use super::wanted::Wanted;
use crate::config::{Acme, AcmeCertificate, Problems};
use crate::live::{AcmeProblem, Edge, clock, entropy};
use crate::model::Timestamp;
use crate::telemetry::AcmeResult;
use crate::tls::{Authorities, Facts, TlsClient};
use instant_acme::{Account, CertificateIdentifier, Error, ExternalAccountKey};
use jiff::SignedDuration;
use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time;
use zeroize::Zeroizing;

/// The longest sleep: the machine's clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// How long it is waited where another process asks for the same certificate.
const OTHERS: SignedDuration = SignedDuration::from_mins(1);

/// How often an authority is asked when to renew, at most and at least, whatever it says.
const ADVICE: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(24));

/// How often after that could not be asked.
const NO_ADVICE: Duration = Duration::from_hours(6);

type Read<T> = Box<dyn Fn() -> Result<Option<T>, Problems> + Send + Sync>;

/// Who issues, and what it takes to ask. Files are read anew for each try.
pub struct Authority {
    /// What the settings say.
    pub acme: Acme,
    /// Reads by whom the directory is verified; `None` for those whom the machine believes.
    pub authorities: Read<Authorities>,
    /// Reads the key of the external account, where there is one.
    pub external_key: Read<Zeroizing<Vec<u8>>>,
}

/// Looks after certificates: has each of them issued where there is none, and renewed in time.
pub struct Certifier {
    authority: Authority,
    edge: Arc<Edge>,
    account: Option<Account>,
    wanted: Vec<Wanted>,
}

impl Certifier {
    /// For these certificates; makes the directory for them. Nothing is asked for yet.
    ///
    /// # Errors
    /// Where the directory cannot be made.
    pub fn new(authority: Authority, certificates: Vec<AcmeCertificate>, edge: Arc<Edge>) -> io::Result<Self> {
        store::make_directory(&authority.acme.state)?;
        let this = Self { authority, edge, account: None, wanted: certificates.into_iter().map(Wanted::new).collect() };
        this.publish();
        Ok(this)
    }

    /// Looks after the certificates until `shutdown` says `true` or its sender is gone. What has failed before the moment that
    /// `again` says is tried again at once. Runs on a tokio runtime with time and I/O.
    pub async fn run(mut self, again: watch::Receiver<Timestamp>, mut shutdown: watch::Receiver<bool>) {
        tokio::select! {
            () = self.look_after(again) => {}
            // An error is the sender's end: whoever started us is gone.
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }

    async fn look_after(&mut self, mut again: watch::Receiver<Timestamp>) {
        loop {
            let now = clock::now();
            for at in 0..self.wanted.len() {
                if self.wanted.get(at).is_some_and(|wanted| wanted.next.is_some_and(|next| next <= now)) {
                    self.renew(at).await;
                } else if self.wanted.get(at).is_some_and(|wanted| wanted.advice.is_some_and(|advice| advice <= now)) {
                    self.take_advice(at).await;
                }
                self.publish();
            }
            let now = clock::now();
            let events = self.wanted.iter().flat_map(|wanted| [wanted.next, wanted.advice]).flatten();
            let until = events.min().map_or(LONGEST_SLEEP, |next| {
                Duration::try_from(next.duration_since(now)).unwrap_or_default() // the past is now
            });
            tokio::select! {
                () = time::sleep(until.min(LONGEST_SLEEP)) => {}
                asked = again.changed() => match asked {
                    Ok(()) => {
                        let asked = *again.borrow_and_update();
                        self.try_again(asked);
                    }
                    // Nobody is left who could ask: we are about to be stopped.
                    Err(_) => time::sleep(until.min(LONGEST_SLEEP)).await,
                },
            }
        }
    }

    /// Lets those be tried at once that have failed before this moment.
    fn try_again(&mut self, asked: Timestamp) {
        for wanted in &mut self.wanted {
            let has_failed = wanted.problem.as_ref().is_none_or(|problem| problem.at < asked);
            if wanted.tries.failures > 0 && has_failed {
                wanted.next = Some(clock::now());
            }
        }
    }

    /// Asks for a certificate, unless another process does or has done.
    async fn renew(&mut self, at: usize) {
        let Some(wanted) = self.wanted.get_mut(at) else { return };
        let now = clock::now();
        let lock = match Lock::of(&wanted.certificate.file) {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                wanted.next = now.checked_add(OTHERS).ok();
                return;
            }
            Err(error) => {
                let state = self.authority.acme.state.display();
                let text = format!("nothing can be written in {state}: {error}; let the user of homeward write there");
                self.failed(at, Failure::before(text));
                return;
            }
        };
        wanted.look(now);
        if wanted.next.is_some_and(|next| next > now) {
            tracing::info!("somebody else has renewed the certificate for {}", wanted.names());
            wanted.succeeded(now);
            return;
        }
        wanted.next = None;
        tracing::info!("asking {} for a certificate for {}", self.authority.acme.directory, wanted.names());
        self.publish();
        match self.ask(at).await {
            Ok(issued) => self.issued(at, &issued),
            Err(failure) => self.failed(at, failure),
        }
        drop(lock);
    }

    async fn ask(&mut self, at: usize) -> Result<Issued, Failure> {
        let account = self.account().await?;
        let nothing = || Failure::before("there is nothing to ask for");
        let wanted = self.wanted.get(at).ok_or_else(nothing)?;
        let mut challenges = self.authority.acme.challenges.clone();
        let turns = wanted.tries.failures as usize % challenges.len().max(1);
        challenges.rotate_left(turns);
        let replaces = wanted.facts.as_ref().and_then(identifier);
        let mut wish = Wish { names: &wanted.certificate.names, challenges, replaces };
        let live = Arc::clone(&self.edge);
        let mut asked = obtain(&account, &wish, live.challenges()).await;
        // An authority that knows nothing of such things, or not of this certificate, does without.
        if wish.replaces.is_some() && asked.as_ref().is_err_and(is_about_replacing) {
            wish.replaces = None;
            asked = obtain(&account, &wish, live.challenges()).await;
        }
        let result = asked.unwrap_or_else(|error| {
            if is_unknown(&error) {
                forget(&self.authority.acme);
            }
            Err(match &error {
                Error::Api(_) => Failure::of_order(&error),
                _ => Failure::of_account(&error, &self.authority.acme.directory),
            })
        });
        if result.is_err() {
            self.account = None; // the directory is read anew
        }
        result
    }

    async fn account(&mut self) -> Result<Account, Failure> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let Authority { acme, authorities, external_key } = &self.authority;
        let refused = |problems: Problems| Failure::before(problems.summary());
        let authorities = authorities().map_err(refused)?;
        let tls = TlsClient::new(authorities.as_ref()).map_err(|error| Failure::before(error.to_string()))?;
        let external = match &acme.external_account {
            Some(account) => {
                external_key().map_err(refused)?.map(|key| ExternalAccountKey::new(account.key_id.clone(), &key))
            }
            None => None,
        };
        let account = account(acme, tls, external).await?;
        self.account = Some(account.clone());
        Ok(account)
    }

    fn issued(&mut self, at: usize, Issued { text, pair }: &Issued) {
        let Some(wanted) = self.wanted.get_mut(at) else { return };
        if let Err(error) = store::write(&wanted.certificate.file, text.as_bytes()) {
            let file = wanted.certificate.file.display();
            let text = format!("the certificate is there, and cannot be written to {file}: {error}");
            // The authority has counted it.
            self.failed(at, Failure::after(text));
            return;
        }
        let now = clock::now();
        wanted.take(now, pair.facts().cloned());
        wanted.succeeded(now);
        self.edge.metrics().acme_order(AcmeResult::Issued);
        let next = wanted.next.map(|next| next.to_string()).unwrap_or_default();
        tracing::info!("there is a new certificate for {}; it is renewed about {next}", wanted.names());
    }

    fn failed(&mut self, at: usize, failure: Failure) {
        let Some(wanted) = self.wanted.get_mut(at) else { return };
        let now = clock::now();
        self.edge.metrics().acme_order(failure.result());
        wanted.tries.failures = wanted.tries.failures.saturating_add(1);
        let pause = schedule::pause(failure.kind, wanted.tries.failures, entropy::ratio());
        wanted.next = SignedDuration::try_from(pause).ok().and_then(|pause| now.checked_add(pause).ok());
        wanted.tries.next = wanted.next.filter(|_| failure.kind != Kind::Unreachable);
        wanted.tries.write(&wanted.certificate.file);
        let stays = match &wanted.facts {
            Some(facts) if facts.not_after > now => format!("the one that is there is valid until {}", facts.not_after),
            Some(facts) => format!("the one that is there has expired at {}", facts.not_after),
            None => "there is none, and handshakes for it fail".to_owned(),
        };
        tracing::error!(
            "no certificate for {}: {}; {stays}; it is tried again in {} s, or at once with SIGHUP",
            wanted.names(),
            failure.text,
            pause.as_secs(),
        );
        wanted.problem = Some(AcmeProblem { at: now, text: failure.text });
    }

    /// Asks the authority when to renew a certificate (RFC 9773).
    async fn take_advice(&mut self, at: usize) {
        let later = |after: Duration| {
            let after = entropy::jitter(after, 0.1);
            SignedDuration::try_from(after).ok().and_then(|after| clock::now().checked_add(after).ok())
        };
        let asked = match self.account().await {
            Ok(account) => {
                let id = self.wanted.get(at).and_then(|wanted| wanted.facts.as_ref()).and_then(identifier);
                let Some(id) = id else {
                    self.set_advice(at, None);
                    return;
                };
                account.renewal_info(&id).await
            }
            Err(failure) => Err(Error::Other(failure.text.into())),
        };
        match asked {
            Ok((info, again)) => {
                let time = |second: i64| Timestamp::from_second(second).unwrap_or_default();
                let window = info.suggested_window;
                let window = (time(window.start.unix_timestamp()), time(window.end.unix_timestamp()));
                if let Some(wanted) = self.wanted.get_mut(at)
                    && let Some(facts) = &wanted.facts
                    && wanted.tries.failures == 0
                {
                    let due = schedule::suggested(window, facts.not_before, facts.not_after, entropy::ratio());
                    tracing::debug!("the authority suggests to renew the certificate for {} at {due}", wanted.names());
                    wanted.next = Some(schedule::after_success(clock::now(), due));
                }
                self.set_advice(at, later(again.clamp(ADVICE.0, ADVICE.1)));
            }
            // It may learn it some day.
            Err(Error::Unsupported(_)) => self.set_advice(at, later(ADVICE.1)),
            Err(error) => {
                tracing::debug!("the authority does not say when to renew: {error}");
                self.set_advice(at, later(NO_ADVICE));
            }
        }
    }

    fn set_advice(&mut self, at: usize, advice: Option<Timestamp>) {
        if let Some(wanted) = self.wanted.get_mut(at) {
            wanted.advice = advice;
        }
    }

    fn publish(&self) {
        self.edge.set_acme(self.wanted.iter().map(Wanted::standing).collect());
    }
}

/// Whether an order was not made as it was to replace a certificate.
fn is_about_replacing(error: &Error) -> bool {
    match error {
        Error::Unsupported(_) => true,
        Error::Api(problem) => ["alreadyReplaced", "malformed"]
            .iter()
            .any(|word| problem.r#type.as_deref().is_some_and(|found| found.ends_with(&format!(":{word}")))),
        _ => false,
    }
}

/// How the authority names a certificate.
fn identifier(facts: &Facts) -> Option<CertificateIdentifier<'static>> {
    let (issuer, serial) = facts.renewal_id.clone()?;
    Some(CertificateIdentifier { authority_key_identifier: Cow::Owned(issuer), serial: Cow::Owned(serial) })
}
