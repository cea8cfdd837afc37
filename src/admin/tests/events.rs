//! The events of the status page, over real connections.

use super::*;
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A reader of events, behind the head of its answer.
struct Reader {
    stream: TcpStream,
    heard: String,
}

impl Reader {
    async fn open(running: &Running) -> Self {
        let mut stream = TcpStream::connect(running.admin.address()).await.unwrap();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", running.admin.address());
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut reader = Self { stream, heard: String::new() };
        reader.hear("\r\n\r\n").await;
        reader
    }

    /// Everything up to and with `text`.
    async fn hear(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.heard.find(text) {
                let rest = self.heard.split_off(at + text.len());
                return std::mem::replace(&mut self.heard, rest);
            }
            let mut piece = vec![0; 64 << 10];
            let count = timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("in time").unwrap();
            assert_ne!(count, 0, "the end, and not {text}: {}", self.heard);
            self.heard.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    }
}

#[tokio::test]
async fn a_reader_hears_all_parts_and_then_those_that_change() {
    let running = running();
    let mut reader = Reader::open(&running).await;
    let first = reader.hear("\"id\":\"surroundings\"").await;
    for id in ["summary", "regions", "drains", "matrix", "table"] {
        assert!(first.contains(&format!("event: part\ndata: {{\"id\":\"{id}\",\"html\":\"<section")), "{id}: {first}");
    }
    assert!(first.contains("drained by oncall (drain 1): power loss"), "{first}");
    running.edge.set_table_problem(Some(crate::live::FileProblem {
        file: "routing.yaml".into(),
        revision: None,
        since: clock::now(),
        summary: "it is <b>wrong</b>".into(),
        text: "error: no".into(),
    }));
    let next = reader.hear("routing.yaml is refused").await;
    assert!(!next.contains("\"id\":\"matrix\""), "what has not changed is not said again: {next}");
    reader.hear("it is &lt;b&gt;wrong&lt;/b&gt;").await;
}

#[tokio::test]
async fn readers_are_bounded_and_a_place_is_free_again() {
    let running = running();
    let mut readers = Vec::new();
    for _ in 0..page::MOST_READERS {
        readers.push(Reader::open(&running).await);
    }
    let (head, body) = running.get("/api/v1/events").await;
    assert!(head.starts_with("HTTP/1.1 503") && head.to_lowercase().contains("retry-after: 10"), "{head}");
    assert!(body.contains("come back later"), "{body}");
    drop(readers);
    let freed = async {
        loop {
            let mut stream = TcpStream::connect(running.admin.address()).await.unwrap();
            let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", running.admin.address());
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut start = [0; 12];
            stream.read_exact(&mut start).await.unwrap();
            if start == *b"HTTP/1.1 200" {
                return;
            }
        }
    };
    timeout(PATIENCE, freed).await.expect("a free place");
}

#[tokio::test]
async fn a_stop_is_said_and_waits_for_no_reader() {
    let mut running = running();
    let mut reader = Reader::open(&running).await;
    reader.hear("\"id\":\"surroundings\"").await;
    running.stop.send_replace(true);
    reader.hear("event: stop\n").await;
    reader.hear("0\r\n\r\n").await;
    for serving in running.admin.take_serving() {
        timeout(PATIENCE, serving).await.expect("an end").unwrap();
    }
}

#[tokio::test]
async fn files_of_the_page_are_kept_until_they_change() {
    let running = running();
    for path in ["/page/style.css", "/page/page.js", "/page/idiomorph.js", "/page/icon.svg"] {
        let (head, body) = running.get(path).await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("cache-control: no-cache"), "{head}");
        let is_ours = !path.contains("idiomorph") && !path.ends_with(".svg"); // which names the namespace of SVG
        assert!(!is_ours || !body.contains("://"), "{path} names somebody else");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let again = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nIf-None-Match: {tag}", running.admin.address());
        let answer = running.ask(&again).await;
        assert!(answer.starts_with("HTTP/1.1 304") && answer.ends_with("\r\n\r\n"), "{answer}");
    }
    let (head, page) = running.get("/").await;
    let policy = "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                  img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    assert!(head.contains(policy) && head.contains("cache-control: no-store"), "{head}");
    // An attribute that is code begins with `on`, and its name ends in `=`.
    let is_code = |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_lowercase()).starts_with('=');
    let inline: Vec<_> = page.split(" on").skip(1).filter(|rest| is_code(rest)).collect();
    assert!(!page.contains(" style="), "{page}");
    assert!(inline.is_empty() && !page.contains("<style"), "{inline:?}");
}
