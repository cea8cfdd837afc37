//! Servers whose addresses DNS says.

use crate::support::name_server::NameServer;
use crate::support::{App, Block, Client, EdgeProcess, edge, eventually};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// An edge whose only pool, in us-east, has these servers.
async fn edge_with(block: &Block, dns: &NameServer, servers: &str) -> EdgeProcess {
    let placeholder = SocketAddr::new(block.address(9), 8080);
    let table = edge::table(&[placeholder], &[], &[], "").replace(&format!("[\"{placeholder}\"]"), servers);
    let settings = format!("dns: {{servers: [\"{}\"], shortest_ttl: 50ms}}\n", dns.address);
    EdgeProcess::start(block, 1, &edge::Plan { region: "us-east", settings, table }).await
}

/// Visitors who come one after the other until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<u16>>>,
}

impl Load {
    async fn start(edge: SocketAddr) -> Self {
        let (stop, served) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let mut visitor = Client::connect(edge, edge::NEW_YORK).await;
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            tasks.push(tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let answer = visitor.get("/size/20000", &[]).await;
                    if answer.status != 200 || answer.body.len() != 20_000 {
                        failed.push(answer.status);
                    }
                    served.fetch_add(1, Ordering::Relaxed);
                }
                failed
            }));
        }
        Self { stop, served, tasks }
    }

    /// Waits until so many more were served.
    async fn go_on(&self, requests: usize) {
        let until = self.served.load(Ordering::Relaxed) + requests;
        eventually("more requests", async || (self.served.load(Ordering::Relaxed) >= until).then_some(())).await;
    }

    /// How many were served, none of which may have failed.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            assert_eq!(task.await.unwrap(), Vec::<u16>::new(), "answers that were none");
        }
        self.served.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn addresses_change_under_load_and_no_request_fails() {
    let block = Block::new();
    let dns = NameServer::start(block.address(8)).await;
    let mut apps = Vec::new();
    for number in 2..5 {
        apps.push(App::start("us-east", SocketAddr::new(block.address(number), 8080)).await);
    }
    dns.addresses("app.internal", &[apps[0].address.ip()]);
    let edge = edge_with(&block, &dns, "[app.internal:8080]").await;
    let load = Load::start(edge.address).await;
    for change in 0..12 {
        let (now, before) = (change % 3, (change + 2) % 3);
        dns.addresses("app.internal", &[apps[now].address.ip()]);
        apps[now].take_seen();
        eventually("requests at the new address", async || (!apps[now].seen().is_empty()).then_some(())).await;
        load.go_on(20).await;
        apps[before].take_seen();
        load.go_on(20).await;
        assert!(apps[before].seen().len() <= 4, "only what was on its way goes to the old address");
    }
    assert!(load.end().await >= 480);
}

#[tokio::test]
async fn without_a_name_server_nothing_changes() {
    let block = Block::new();
    let dns = NameServer::start(block.address(8)).await;
    let app = App::start("us-east", SocketAddr::new(block.address(2), 8080)).await;
    dns.addresses("app.internal", &[app.address.ip()]);
    let edge = edge_with(&block, &dns, "[app.internal:8080]").await;
    let load = Load::start(edge.address).await;
    load.go_on(20).await;
    drop(dns);
    edge.status_where("a name that does not resolve", |status| {
        status["regions"][0]["services"][0]["problems"][0].as_str().is_some_and(|text| text.contains("app.internal"))
    })
    .await;
    load.go_on(400).await;
    let status = edge.status().await;
    assert_eq!(status["regions"][0]["services"][0]["healthy"], 1);
    load.end().await;

    // A table that is saved meanwhile finds what is known.
    let before = edge.status().await["table"]["revision"].clone();
    let table = std::fs::read_to_string(edge.file("routing.yaml")).unwrap();
    edge.save_table(&format!("{table}# saved\n"));
    edge.status_where("the table", |status| status["table"]["revision"] != before).await;
    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[]).await.body, "us-east");
}

#[tokio::test]
async fn srv_records_say_where_servers_are() {
    let block = Block::new();
    let dns = NameServer::start(block.address(8)).await;
    let heavy = App::start("heavy", SocketAddr::new(block.address(2), 8081)).await;
    let light = App::start("light", SocketAddr::new(block.address(3), 8082)).await;
    let spare = App::start("spare", SocketAddr::new(block.address(4), 8083)).await;
    dns.addresses("heavy.internal", &[heavy.address.ip()]);
    dns.addresses("light.internal", &[light.address.ip()]);
    dns.addresses("spare.internal", &[spare.address.ip()]);
    let records = [(10, 3, 8081, "heavy.internal"), (10, 1, 8082, "light.internal"), (20, 1, 8083, "spare.internal")];
    dns.services("_app._tcp.internal", &records);
    let edge = edge_with(&block, &dns, "[{srv: _app._tcp.internal}]").await;
    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    let mut served = async |requests: usize| {
        let mut by = std::collections::BTreeMap::<String, usize>::new();
        for _ in 0..requests {
            *by.entry(visitor.get("/", &[]).await.body).or_default() += 1;
        }
        by
    };
    let by = served(200).await;
    assert_eq!((by.get("heavy"), by.get("light"), by.get("spare")), (Some(&150), Some(&50), None), "by weight");

    // Those that are gone from DNS get nothing more, and the next priority is there for them.
    dns.services("_app._tcp.internal", &records[2..]);
    eventually("the spare one", async || (served(1).await.contains_key("spare")).then_some(())).await;
    let by = served(20).await;
    assert_eq!(by.get("spare"), Some(&20), "{by:?}");
}
