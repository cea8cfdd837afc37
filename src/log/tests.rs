//! Lines that are read, and lines that are not.

use super::*;
use proptest::prelude::*;

const OURS: &str = r#"{"time":"2026-11-22T04:30:00.123456Z","client":"192.0.2.7","method":"GET","host":"portal.example.com","path":"/cart?item=1","protocol":"HTTP/1.1","status":200,"bytes_sent":5120,"bytes_received":0,"duration_seconds":0.012345,"service":"portal","home":"us-east","home_by":"session","region":"us-east","way":"pool","session":"flopped","reasons":"SessionNamesRegion;region=us-east","attempts":1,"request_id":"0190f3a2"}"#;

fn read(line: &str) -> LoggedRequest<'_> {
    LoggedRequest::read(line.as_bytes()).unwrap_or_else(|bad| panic!("{bad}: {line}"))
}

#[test]
fn a_line_of_ours_says_where_the_session_is() {
    let line = read(OURS);
    assert_eq!((line.second, line.client.to_string()), (1_795_321_800, "192.0.2.7".to_owned()));
    assert_eq!((line.host.as_deref(), &*line.path), (Some("portal.example.com"), "/cart"));
    assert_eq!(line.session_home(), Some("us-east"));
    assert!(matches!(line.path, Cow::Borrowed(_)));
    for (home_by, session, home) in [
        ("learned", "home", Some("us-east")),
        ("replay", "flopped", Some("us-east")),
        ("replay", "new", None),
        ("country", "new", None),
        ("hop", "flopped", None),
    ] {
        let line = OURS.replace(r#""home_by":"session""#, &format!(r#""home_by":"{home_by}""#));
        let line = line.replace("\"flopped\"", &format!("\"{session}\""));
        let line = read(&line);
        assert_eq!(line.session_home(), home, "{home_by} {session}");
        assert_eq!(line.decided.is_some_and(|decided| decided.by_hop), home_by == "hop");
    }
    let escaped = OURS.replace("/cart?item=1", r"/c\u0061rt\\x0a?a=b");
    assert_eq!(read(&escaped).path, "/cart\\x0a");
    let bare = r#"{"path":"/","client":"2001:db8::1","time":"2026-11-22T04:30:00Z"}"#;
    assert_eq!((read(bare).host, read(bare).decided), (None, None));
}

#[test]
fn reading_a_line_of_ours_allocates_nothing() {
    let measured = allocation_counter::measure(|| assert!(LoggedRequest::read(OURS.as_bytes()).is_ok()));
    assert_eq!(measured.count_total, 0);
}

#[test]
fn a_combined_line_has_no_session() {
    for (line, host, path) in [
        (
            r#"192.0.2.7 - - [22/Nov/2026:04:30:00 +0000] "GET /cart?item=1 HTTP/1.1" 200 5120 "-" "curl/8.5.0""#,
            None,
            "/cart",
        ),
        (r#"192.0.2.7 - me [22/Nov/2026:05:30:00 +0100] "GET /a HTTP/1.1" 200 -"#, None, "/a"),
        (r#"192.0.2.7 - - [21/Nov/2026:23:00:00 -0530] "GET /a\"b HTTP/1.1" 200 -"#, None, "/a\\\"b"),
        (
            r#"192.0.2.7 - - [22/Nov/2026:04:30:00 +0000] "GET http://a.example:80/x?y HTTP/1.1" 200 -"#,
            Some("a.example:80"),
            "/x",
        ),
        (r#"192.0.2.7 - - [22/Nov/2026:04:30:00 +0000] "GET /old" 200 -"#, None, "/old"),
    ] {
        let read = read(line);
        assert_eq!((read.second, read.client.to_string()), (1_795_321_800, "192.0.2.7".to_owned()), "{line}");
        assert_eq!((read.host.as_deref(), &*read.path), (host, path), "{line}");
        assert_eq!(read.session_home(), None);
    }
}

#[test]
fn what_is_no_line_is_refused() {
    for (line, why) in [
        ("", "neither"),
        ("Nov 22 04:30:00 host sshd[1]: hello", "neither"),
        ("{", "EOF"),
        ("{}", "missing field"),
        (&OURS.replace("192.0.2.7", "localhost"), "no IP address"),
        (&OURS.replace("2026-11-22T04", "2026-11-22 at 4"), "time"),
        (&OURS.replace("\"status\"", "\"time\":\"x\",\"status\""), "duplicate field"),
        (&format!("{OURS}{OURS}"), "trailing"),
        (r#"host.example - - [22/Nov/2026:04:30:00 +0000] "GET / HTTP/1.1" 200 -"#, "no IP address"),
        (r#"192.0.2.7 - - [31/Feb/2026:04:30:00 +0000] "GET / HTTP/1.1" 200 -"#, "time"),
        (r#"192.0.2.7 - - [22/Nov/2026:04:30:00 +9999] "GET / HTTP/1.1" 200 -"#, "time"),
        (r#"192.0.2.7 - - [22/Nov/2026:04:30:00 +0000] "-" 400 -"#, "no path"),
        (r#"192.0.2.7 - - [22/Nov/2026:04:30:00 +0000] "GET /\"#, "neither"),
    ] {
        let bad = LoggedRequest::read(line.as_bytes()).unwrap_err().to_string();
        assert!(bad.contains(why), "{line}: {bad}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let line = [OURS.as_bytes(), b"\xff"].concat();
    assert_eq!(LoggedRequest::read(&line).unwrap_err().to_string(), "it is not UTF-8");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..200), at in 0..600_usize, byte: u8) {
        let _ = LoggedRequest::read(&line);
        for whole in [OURS, r#"192.0.2.7 - - [22/Nov/2026:04:30:00 +0000] "GET http://a/x?y HTTP/1.1" 200 -"#] {
            let mut changed = whole.as_bytes().to_vec();
            if let Some(slot) = changed.get_mut(at % whole.len()) {
                *slot = byte;
            }
            if let Ok(read) = LoggedRequest::read(&changed) {
                prop_assert!(!read.path.contains('?'));
            }
        }
    }
}
