//! What `explain` says of the files, what it says of the running edge, and where a request really goes are one and the same.
//!
//! Random requests over random tables; `HOMEWARD_SEED` chooses other ones.

mod places;
mod tables;
mod visits;

use crate::support::{App, Block, Client, EdgeProcess, app::Seen, edge::Plan, edge::verb, eventually};
use homeward::admin::Question;
use homeward::config::read_routing;
use homeward::live::{CountingFinder, LivePlaces, clock};
use homeward::model::{RegionId, ServiceId};
use homeward::routing::{FleetView, RoutingTable};
use homeward::source::{load_places, read_source};
use places::Places;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tables::{LOCAL, REGIONS};
use visits::Visit;

const TABLES: usize = 25;
const VISITS: usize = 400;
const CONNECTIONS: usize = 8;

/// One visit, and what was told of it and became of it.
struct Told {
    table: Arc<str>,
    visit: Visit,
    files: Value,
    live: Value,
    real: Value,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn explain_and_the_edge_agree_on_every_request() {
    let seed = std::env::var("HOMEWARD_SEED").map_or(2026, |seed| seed.parse().expect("HOMEWARD_SEED is a number"));
    println!("HOMEWARD_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let places = Places::read();
    let block = Block::new();
    let mut apps = Vec::new();
    for (number, (name, _)) in (2..).zip(REGIONS) {
        apps.push(App::start(name, SocketAddr::new(block.address(number), 8080)).await);
    }
    let servers: Vec<_> = apps.iter().map(|app| app.address).collect();

    let mut table = tables::random(&mut rng, &servers, &places);
    let settings = "trusted_proxies: [127.0.0.1/32]\n".to_owned();
    let edge = EdgeProcess::start(&block, 1, &Plan { region: LOCAL, settings, table: table.text.clone() }).await;
    let mut told = Vec::new();
    for nth in 0..TABLES {
        if nth > 0 {
            table = tables::random(&mut rng, &servers, &places);
            edge.adopt(&table.text).await;
        }
        let visits =
            (0..VISITS).map(|at| Visit::random(&mut rng, format!("visit-{nth}-{at}"), &table, &places)).collect();
        told.extend(tell(&edge, &table.text, visits).await);
    }

    let seen = what_apps_saw(&apps);
    let log = eventually("every line of the access log", async || {
        let text = std::fs::read_to_string(edge.file("access.log")).unwrap();
        (text.lines().count() == TABLES * VISITS).then(|| edge.access_log())
    })
    .await;
    let log: HashMap<_, _> =
        log.into_iter().map(|line| (line["request_id"].as_str().unwrap().to_owned(), line)).collect();
    let wrong: Vec<_> = told.iter().filter_map(|told| told.contradiction(&log, &seen)).collect();
    assert!(wrong.is_empty(), "{} of {} disagree; the first:\n{}", wrong.len(), told.len(), wrong[0]);
    everything_came_up(&told);
}

/// Every visit, told by the files and by the edge, and made; by several visitors at once.
async fn tell(edge: &EdgeProcess, table: &str, visits: Vec<Visit>) -> Vec<Told> {
    let table: Arc<str> = table.into();
    let files = Files::read(edge.directory.path());
    let programs: Vec<_> = visits.iter().step_by(VISITS / 2).cloned().collect();
    let mut tasks = tokio::task::JoinSet::new();
    for part in visits.chunks(VISITS.div_ceil(CONNECTIONS)) {
        let (part, table, address, admin) = (part.to_vec(), Arc::clone(&table), edge.address, edge.admin);
        let answers: Vec<_> = part.iter().map(|visit| files.explain(visit)).collect();
        tasks.spawn(async move {
            let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let mut proxy = Client::connect(address, from).await;
            let mut operator = Client::connect(admin, from).await.host(&admin.to_string());
            let mut told = Vec::new();
            for (visit, files) in part.into_iter().zip(answers) {
                let live = operator.get(&visit.question(), &[]).await;
                assert_eq!(live.status, 200, "{}\n{visit:?}", live.body);
                let live = serde_json::from_str(&live.body).unwrap();
                proxy = proxy.host(&visit.host);
                let mut headers = vec![("x-forwarded-for", visit.ip.as_str()), ("x-request-id", visit.id.as_str())];
                headers.extend(visit.cookie.iter().map(|cookie| ("cookie", cookie.as_str())));
                let answer = proxy.get(&visit.path, &headers).await;
                let by = if answer.status == 200 { json!(answer.body) } else { Value::Null };
                let wait = answer.header("retry-after").parse::<u32>().ok();
                let real = json!({"status": answer.status, "region": by, "retry_after": wait});
                told.push(Told { table: Arc::clone(&table), visit, files, live, real });
            }
            told
        });
    }
    let directory = edge.directory.path().to_owned();
    let said = tokio::task::spawn_blocking(move || {
        programs
            .into_iter()
            .map(|visit| (explained(&directory, &visit, false), explained(&directory, &visit, true), visit))
            .collect::<Vec<_>>()
    });
    let told = tasks.join_all().await.into_iter().flatten().collect::<Vec<Told>>();
    for (files, live, visit) in said.await.unwrap() {
        let told = told.iter().find(|told| told.visit.id == visit.id).unwrap();
        assert_eq!(files, told.files, "the program from the files\n{}", told.shown());
        assert_eq!(live, told.live, "the program from the edge\n{}", told.shown());
    }
    told
}

/// What the program explains.
fn explained(directory: &Path, visit: &Visit, live: bool) -> Value {
    let mut arguments = vec!["explain".to_owned(), "--config=homeward.yaml".to_owned(), "--json".to_owned()];
    arguments.extend(live.then(|| "--live".to_owned()));
    arguments.extend(visit.arguments());
    let output = verb(directory, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{visit:?}", String::from_utf8_lossy(&output.stderr)));
    let code = if told["region"].is_null() { 1 } else { 0 };
    assert_eq!(output.status.code(), Some(code), "{visit:?}\n{told}");
    told
}

/// The files of an edge, read anew.
struct Files {
    table: RoutingTable,
    places: Arc<LivePlaces>,
}

impl Files {
    fn read(directory: &Path) -> Self {
        let source = read_source(&directory.join("routing.yaml")).unwrap();
        let table = RoutingTable::new(read_routing(&source, clock::now()).unwrap());
        let places = load_places(&[directory.join("places.mmdb")]).unwrap();
        Self { table, places: Arc::new(LivePlaces { places, ..LivePlaces::default() }) }
    }

    fn explain(&self, visit: &Visit) -> Value {
        let view = AllIsWell { local: self.table.region_id(LOCAL).unwrap() };
        let finder = CountingFinder::new(Arc::clone(&self.places), None);
        let question = Question::new(&visit.ip, Some(&visit.host), Some(&visit.path), visit.cookie.as_deref()).unwrap();
        let explanation = question.ask(&self.table, &view, &finder, clock::now());
        // As text and back, as the other answers come.
        serde_json::from_str(&serde_json::to_string(&explanation).unwrap()).unwrap()
    }
}

/// A fleet without a trouble.
struct AllIsWell {
    local: RegionId,
}

impl FleetView for AllIsWell {
    fn local_region(&self) -> RegionId {
        self.local
    }

    fn is_healthy(&self, _service: ServiceId, _region: RegionId) -> bool {
        true
    }

    fn is_over_capacity(&self, _region: RegionId) -> bool {
        false
    }
}

/// What the app servers saw, by the id of the request: the app's own region and its copy of the head.
fn what_apps_saw(apps: &[App]) -> HashMap<String, Vec<(&'static str, Seen)>> {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for (app, (name, _)) in apps.iter().zip(REGIONS) {
        for seen in app.seen() {
            all.entry(seen.header("x-request-id").concat()).or_default().push((name, seen));
        }
    }
    all
}

impl Told {
    fn shown(&self) -> String {
        let Self { table, visit, files, live, real } = self;
        format!("{visit:?}\n--- files: {files}\n--- live:  {live}\n--- real:  {real}\n--- table:\n{table}")
    }

    /// Where one of all those who know about this visit says something else than the others.
    fn contradiction(&self, log: &HashMap<String, Value>, seen: &HashMap<String, Vec<(&str, Seen)>>) -> Option<String> {
        let contradiction = |what: &str, is: &Value, should: &Value| {
            (is != should).then(|| format!("{what}: {is} and not {should}\n{}", self.shown()))
        };
        let line = &log[&self.visit.id];
        let status = match self.live["outcome"].as_str().unwrap() {
            "home" | "substitute" => 200,
            "wait" | "nobody" => 503,
            _ => 404,
        };
        let reasons: Vec<_> = self.live["reasons"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let reasons = if status == 404 { Value::Null } else { json!(reasons.join(", ")) };
        let saw = seen.get(&self.visit.id).map(Vec::as_slice).unwrap_or_default();
        let mut findings = vec![
            contradiction("the running edge", &self.live, &self.files),
            contradiction("status", &self.real["status"], &json!(status)),
            contradiction("who answered", &self.real["region"], &self.live["region"]),
            contradiction("Retry-After", &self.real["retry_after"], &self.live["retry_after"]),
            contradiction("servers that saw it", &json!(saw.len()), &json!(u8::from(status == 200))),
            contradiction("reasons in the log", &line["reasons"], &reasons),
            contradiction("status in the log", &line["status"], &json!(status)),
        ];
        for field in ["service", "home", "home_by", "region", "session", "client"] {
            findings.push(contradiction(&format!("{field} in the log"), &line[field], &self.live[field]));
        }
        if let [(region, head)] = saw {
            findings.push(contradiction("the server's region", &json!(region), &self.live["region"]));
            for field in ["region", "home", "session"] {
                let value = json!(head.header(&format!("homeward-{field}")));
                findings.push(contradiction(&format!("Homeward-{field}"), &value, &json!([self.live[field]])));
            }
            findings.push(contradiction("Homeward-Reason", &json!(head.header("homeward-reason")), &json!([reasons])));
            findings.push(contradiction("the target", &json!(head.target), &json!(self.visit.path)));
        }
        findings.into_iter().flatten().next()
    }
}

/// Agreement is cheap where nothing happens: each kind of outcome, session and rule must have come up.
fn everything_came_up(told: &[Told]) {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for told in told {
        for field in ["outcome", "session", "session_key", "home_by", "way"] {
            let value = told.live[field].as_str().unwrap_or("-").to_owned();
            *counts.entry((field, value)).or_default() += 1;
        }
    }
    println!("{counts:?}");
    for (field, values) in [
        ("outcome", &["home", "substitute", "wait", "nobody", "no_service"][..]),
        ("session", &["new", "home", "flopped", "orphaned"]),
        ("session_key", &["none", "valid", "malformed", "unknown_prefix"]),
        ("home_by", &["session", "network", "subdivision", "country", "continent", "nearest", "otherwise"]),
        ("way", &["local", "pool"]),
    ] {
        for value in values {
            assert!(counts.contains_key(&(field, (*value).to_owned())), "{field} {value} never came up: {counts:?}");
        }
    }
}
