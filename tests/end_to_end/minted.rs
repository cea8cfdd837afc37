//! Session cookies that the edge mints: the app sees its own, the client carries home's prefix.

use crate::routing::World;
use crate::support::{Client, client, edge, eventually};

const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// A world whose edge mints, and signs where `signed`.
async fn minting(signed: bool) -> World {
    let world = World::start("", "").await;
    std::fs::write(world.edge.file("session.key"), OLD).unwrap();
    world.edge.adopt(&table(&world, signed)).await;
    world
}

fn table(world: &World, signed: bool) -> String {
    let key_file = if signed { ", key_file: session.key" } else { "" };
    world.table("").replace("session: {cookie: sid}", &format!("session: {{cookie: sid, minted_by: edge{key_file}}}"))
}

/// Name and value of a `Set-Cookie` line, as a browser sends them back.
fn kept(line: &str) -> &str {
    line.split(';').next().unwrap().trim()
}

#[tokio::test]
async fn the_prefix_of_the_region_that_serves_goes_in_front_and_comes_off_again() {
    for signed in [false, true] {
        let world = minting(signed).await;
        let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
        let set = [
            ("x-set", "sid=s%3Aabc.d/e+f=; Path=/; HttpOnly; SameSite=Lax; Expires=Wed, 21 Oct 2099 07:28:00 GMT"),
            ("x-set", "theme=dark"),
            ("x-set", "sid.1=\"chunk, one\"; Secure"),
            ("x-set", "gone=; Max-Age=0"),
        ];
        // Also on an error page.
        let answer = visitor.get("/status/500", &set).await;
        assert_eq!((answer.status, answer.body.as_str()), (500, "us-east"));
        let lines = answer.all("set-cookie");
        let (start, end) =
            ("sid=east-", "s%3Aabc.d/e+f=; Path=/; HttpOnly; SameSite=Lax; Expires=Wed, 21 Oct 2099 07:28:00 GMT");
        assert!(lines[0].starts_with(start) && lines[0].ends_with(end), "{lines:?}");
        assert_eq!(lines[0].len(), start.len() + end.len() + if signed { 23 } else { 0 });
        assert!(lines[2].starts_with("sid.1=\"east-") && lines[2].ends_with("chunk, one\"; Secure"), "{lines:?}");
        assert_eq!((lines[1], lines[3], lines.len()), ("theme=dark", "gone=; Max-Age=0", 4));

        // Los Angeles is at home in us-west, where it arrives; its session is not.
        let cookies = format!("a=1; {}; theme=dark; {}", kept(lines[0]), kept(lines[2]));
        let answer = client::get(world.edge.address, "127.11.0.1".parse().unwrap(), "/", &[("cookie", &cookies)]).await;
        assert_eq!(answer.body, "us-east");
        let seen = world.east.seen().pop().unwrap();
        assert_eq!(seen.header("cookie"), ["a=1; sid=s%3Aabc.d/e+f=; theme=dark; sid.1=\"chunk, one\""]);
        assert_eq!(seen.header("homeward-session"), ["flopped"]);

        // Logging out: the cookie is deleted as the app says.
        let deleted = [("cookie", &*cookies), ("x-set", "sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")];
        let answer = visitor.get("/", &deleted).await;
        assert_eq!(answer.all("set-cookie"), [deleted[1].1]);
    }
}

#[tokio::test]
async fn a_key_that_was_tampered_with_is_a_new_visitor_and_never_an_error() {
    let world = minting(true).await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let answer = visitor.get("/", &[("x-set", "sid=abc")]).await;
    let good = kept(answer.header("set-cookie")).to_owned();
    let west = good.replace("east", "west");
    let other_id = good.replace("abc", "abd");
    let cut = good[..good.len() - 5].to_owned();
    let flipped = good.replacen(&good[9..10], if &good[9..10] == "A" { "B" } else { "A" }, 1);
    for cookie in [west.as_str(), &other_id, &cut, &flipped, "sid=west-abc", "sid=west-", "sid=abc"] {
        let answer = visitor.get("/", &[("cookie", cookie)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "{cookie}: by place");
        let seen = world.east.seen().pop().unwrap();
        assert_eq!(seen.header("homeward-session"), ["new"], "{cookie}");
        assert_eq!(seen.header("cookie"), [cookie], "untouched");
    }
    // A request is counted once it is over, which the visitor may know earlier.
    eventually("five bad signatures, and two that are no key at all", async || {
        let metrics = world.edge.admin("/metrics").await.body;
        let has = |result: &str, count: u32| {
            metrics.contains(&format!("homeward_session_keys_total{{result=\"{result}\"}} {count}\n"))
        };
        (has("bad_signature", 5) && has("malformed", 2)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_is_exchanged_without_logging_anybody_out() {
    let world = minting(true).await;
    let mut visitor = Client::connect(world.edge.address, "127.11.0.1".parse().unwrap()).await; // at home in us-west
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("x-set", "sid=abc")]).await;
    let of_old = kept(answer.header("set-cookie")).to_owned();
    std::fs::write(world.edge.file("session.key"), format!("{NEW}\n{OLD}\n")).unwrap();
    let of_new = eventually("a cookie that is signed with the new key", async || {
        let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("x-set", "sid=abc")]).await;
        Some(kept(answer.header("set-cookie")).to_owned()).filter(|cookie| *cookie != of_old)
    })
    .await;
    for cookie in [&of_old, &of_new] {
        assert_eq!(visitor.get("/", &[("cookie", cookie)]).await.body, "us-east", "{cookie}");
    }
    eventually("the older key's one request", async || {
        let metrics = world.edge.admin("/metrics").await.body;
        metrics.contains("homeward_session_keys_total{result=\"older_key\"} 1\n").then_some(())
    })
    .await;

    // A file that is no key file changes nothing, and is shown; nothing of a key is.
    std::fs::write(world.edge.file("session.key"), "deadbeef\n").unwrap();
    let status = world.edge.status_where("the problem", |status| !status["table"]["problem"].is_null()).await;
    let text = status["table"]["problem"]["text"].as_str().unwrap();
    assert!(text.contains("session.key") && text.contains("line 1") && !text.contains("deadbeef"), "{text}");
    assert_eq!(visitor.get("/", &[("cookie", &of_old)]).await.body, "us-east");

    std::fs::write(world.edge.file("session.key"), NEW).unwrap();
    world.edge.status_where("no problem", |status| status["table"]["problem"].is_null()).await;
    assert_eq!(visitor.get("/", &[("cookie", &of_new)]).await.body, "us-east");
    assert_eq!(visitor.get("/", &[("cookie", &of_old)]).await.body, "us-west", "the old key is gone");
}

#[tokio::test]
async fn a_session_that_was_rehomed_stays_where_it_is() {
    let mut world = minting(false).await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let set = visitor.get("/", &[("x-set", "sid=1")]).await;
    let mut cookie = kept(set.header("set-cookie")).to_owned();
    assert_eq!(cookie, "sid=east-1");
    world.east.kill().await;
    // The substitute asks for a new login; the new session is its own.
    let answer = visitor.get("/", &[("cookie", &cookie), ("x-set", "sid=2")]).await;
    assert_eq!(answer.body, "us-central");
    assert_eq!(world.central.seen().pop().unwrap().header("homeward-session"), ["orphaned"]);
    cookie = kept(answer.header("set-cookie")).to_owned();
    assert_eq!(cookie, "sid=central-2");
    for flap in 0..3 {
        world.east.restart().await;
        world.edge.status_where("us-east back", |status| status["regions"][0]["healthy"] == true).await;
        let answer = visitor.get("/", &[("cookie", &cookie)]).await;
        assert_eq!(answer.body, "us-central", "{flap}: it is at home there now");
        assert_eq!(world.central.seen().pop().unwrap().header("homeward-session"), ["flopped"]);
        world.east.kill().await;
        assert_eq!(visitor.get("/", &[("cookie", &cookie)]).await.body, "us-central", "{flap}");
    }
}
