//! Clients that come again need no whole handshake, unless what let them in has changed.

use super::*;
use rustls::client::{Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};

async fn comes_again(client: &Client, listener: &ListenerTls) -> bool {
    client.visit(listener, "example.com").await.unwrap().is_resumed()
}

#[tokio::test]
async fn a_client_that_comes_again_resumes_its_session() {
    let authority = Authority::new("Authority");
    let listener = listener(&[&authority.issue(&["example.com", "www.example.com"])]);
    for (versions, ids_only) in [(&[&TLS13][..], false), (&[&TLS12], false), (&[&TLS12], true)] {
        let mut client = Client::with(&authority, versions, None);
        if ids_only {
            client.config.resumption =
                Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOnly);
        }
        assert!(!comes_again(&client, &listener).await, "the first visit");
        assert!(comes_again(&client, &listener).await, "the second one");
        assert!(!client.visit(&listener, "www.example.com").await.unwrap().is_resumed(), "another name");
    }
}

#[tokio::test]
async fn a_new_certificate_ends_no_session() {
    let authority = Authority::new("Authority");
    let listener = listener(&[&authority.issue(&["example.com"])]);
    let client = Client::new(&authority);
    assert!(!comes_again(&client, &listener).await);
    listener.set_certificates(certificates(&[&authority.issue(&["example.com"])]));
    assert!(comes_again(&client, &listener).await);
}

#[tokio::test]
async fn a_new_client_ca_ends_the_sessions_of_the_old_one() {
    let (authority, old, new) = (Authority::new("Authority"), Authority::new("Old"), Authority::new("New"));
    let files = authority.issue(&["example.com"]);
    let listener = ListenerTls::new(OPTIONS, certificates(&[&files]), Some(&old.ca()), None, now).unwrap();
    let own = old.issue_client("reports");
    for versions in [&[&TLS13][..], &[&TLS12]] {
        listener.set_client_ca(&old.ca()).unwrap();
        let client = Client::with(&authority, versions, Some(&own));
        assert!(!comes_again(&client, &listener).await);
        let resumed = client.visit(&listener, "example.com").await.unwrap();
        assert!(resumed.is_resumed());
        assert!(resumed.server.get_ref().1.peer_certificates().is_some(), "whose it is is known all the same");
        listener.set_client_ca(&new.ca()).unwrap();
        assert!(client.visit(&listener, "example.com").await.is_err());
    }
}
