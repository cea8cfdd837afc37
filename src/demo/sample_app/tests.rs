//! The sample app over real sockets.

use super::super::visitors::client::{Answer, Client};

use super::*;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::sync::watch;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn start(region: &Arc<Region>, server: &str, power: &watch::Sender<Power>) -> SocketAddr {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(Arc::clone(region), server.to_owned(), listener, power.subscribe()));
    address
}

async fn ask(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    Client::new(to, HERE).request(method.parse().unwrap(), path, headers).await.unwrap()
}

fn key_of(answer: &Answer) -> String {
    let cookie = answer.set_cookie.as_deref().unwrap();
    cookie.strip_prefix("sid=").unwrap().split(';').next().unwrap().to_owned()
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn the_servers_of_a_region_share_its_sessions_and_other_regions_do_not() {
    let (power, _on) = watch::channel(Power::On);
    let (east, west) = (Region::new("us-east", "east"), Region::new("us-west", "west"));
    let [one, two] = [start(&east, "us-east/1", &power).await, start(&east, "us-east/2", &power).await];
    let other = start(&west, "us-west/1", &power).await;

    let answer = ask(one, "POST", "/login", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.set_cookie.as_deref().unwrap().ends_with("; HttpOnly; SameSite=Lax; Path=/"));
    let key = key_of(&answer);
    let id = key.strip_prefix("east-").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
    assert_ne!(key, key_of(&ask(one, "POST", "/login", &[]).await));

    let cookie = format!("theme=dark; sid={key}");
    let answer = ask(two, "GET", "/whoami", &[("cookie", &cookie), ("homeward-session", "home")]).await;
    assert_eq!(answer.region.as_deref(), Some("us-east"));
    let body = json(&answer);
    assert_eq!(body["region"], "us-east");
    assert_eq!(body["server"], "us-east/2");
    assert_eq!(body["session"], "known");
    assert_eq!(body["session_requests"], 1);
    assert_eq!(body["headers"]["homeward-session"], "home");

    assert_eq!(json(&ask(other, "GET", "/whoami", &[("cookie", &cookie)]).await)["session"], "unknown");
    assert_eq!((east.sessions(), west.sessions()), (2, 0));

    let answer = ask(two, "POST", "/logout", &[("cookie", &cookie)]).await;
    assert!(answer.set_cookie.as_deref().unwrap().contains("Max-Age=0"));
    assert_eq!(json(&ask(one, "GET", "/whoami", &[("cookie", &cookie)]).await)["session"], "unknown");
    assert_eq!(json(&ask(one, "GET", "/whoami", &[]).await)["session"], "none");
    assert_eq!(east.sessions(), 1);
}

#[tokio::test]
async fn the_page_says_who_serves_and_who_holds_the_session() {
    let (power, _on) = watch::channel(Power::On);
    let east = Region::new("us-east", "east");
    let app = start(&east, "us-east/1", &power).await;
    let page = |answer: Answer| String::from_utf8(answer.body.to_vec()).unwrap();

    let answer = ask(app, "GET", "/", &[]).await;
    assert!(page(answer).contains("You are not logged in"));

    let answer = ask(app, "POST", "/login", &[("accept", "text/html,*/*")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "a browser goes back to the page");
    let cookie = format!("sid={}", key_of(&answer));
    assert!(page(ask(app, "GET", "/", &[("cookie", &cookie)]).await).contains("us-east holds your session"));

    let hostile = [("cookie", "sid=west-<script>alert(1)</script>"), ("homeward-reason", "\"><script>x</script>")];
    let text = page(ask(app, "GET", "/", &hostile).await);
    assert!(text.contains("Please log in again") && text.contains("west-&lt;script&gt;"));
    assert!(text.contains("&quot;&gt;&lt;script&gt;") && !text.contains("<script"));

    let long = "x".repeat(5000);
    let text = page(ask(app, "GET", "/", &[("homeward-reason", &long), ("x-other", "unseen")]).await);
    assert!(text.contains(&"x".repeat(LONGEST_TOLD)) && !text.contains(&"x".repeat(LONGEST_TOLD + 1)));
    assert!(!text.contains("unseen"));

    let before = east.served();
    assert_eq!(ask(app, "GET", "/healthz", &[]).await.body, "ok\n");
    assert_eq!(east.served(), before, "probes are no visitors");
    assert_eq!(ask(app, "GET", "/login", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_region_without_power_refuses_connections_and_comes_back_with_its_sessions() {
    let (power, _on) = watch::channel(Power::On);
    let east = Region::new("us-east", "east");
    let app = start(&east, "us-east/1", &power).await;
    let cookie = format!("sid={}", key_of(&ask(app, "POST", "/login", &[]).await));

    let reachable = async || tokio::net::TcpStream::connect(app).await.is_ok();
    power.send(Power::Off).unwrap();
    while reachable().await {
        tokio::task::yield_now().await;
    }
    power.send(Power::On).unwrap();
    while !reachable().await {
        tokio::task::yield_now().await;
    }
    assert_eq!(json(&ask(app, "GET", "/whoami", &[("cookie", &cookie)]).await)["session"], "known");
}
