//! What to try: the text that the demo prints.

use super::table::Addresses;
use std::fmt::Write as _;
use std::path::Path;

/// Where things are, and what to try with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guide {
    /// Name and address of each thing to open.
    pub(super) places: Vec<(&'static str, String)>,
    /// What to try, and the lines to type for it.
    pub(super) tries: Vec<(&'static str, Vec<String>)>,
}

impl Guide {
    /// The guide to the demo at `addresses`, where the program is called `program` in a shell. `keys` says that the demo
    /// takes keys.
    pub(super) fn new(addresses: &Addresses<'_>, program: &str, keys: bool) -> Self {
        let app = format!("http://{}", addresses.edge);
        let admin = format!("http://{}", addresses.admin);
        let file = |name: &str| shell(&addresses.directory.join(name));
        let (table, first, settings) = (file("routing.yaml"), file("routing.first.yaml"), file("homeward.yaml"));
        let cookies = file("cookies.txt");
        let places = vec![
            ("the app", format!("{app}/")),
            ("the edge", format!("{admin}/")),
            ("the table", addresses.directory.join("routing.yaml").display().to_string()),
            ("its log", addresses.directory.join("access.log").display().to_string()),
        ];
        let mut tries = vec![
            ("Open the app in a browser, log in, and see which region holds your session.", vec![]),
            (
                "Come from another place: from Ontario, home is us-east; from California, us-west.",
                ["127.20.0.1", "127.11.0.1"].map(|from| format!("curl {} {app}/whoami", coming(from))).to_vec(),
            ),
            (
                "Flop: log in from New York, go on from California, and your session still goes home to us-east.",
                vec![
                    format!("curl {} -c {cookies} -X POST {app}/login", coming("127.10.0.1")),
                    format!("curl {} -b {cookies} {app}/whoami", coming("127.11.0.1")),
                ],
            ),
            (
                "Drain us-west, and watch its visitors move. Or open the table in an editor, and save.",
                vec![format!("sed -i.old '/^# drains:/,$ s/^# //' {table}")],
            ),
            ("End the drain: take the first table back.", vec![format!("cp {first} {table}")]),
            (
                "Break the table, and read the message. The last good table stays.",
                vec![format!("sed -i.old 's/region: us-east/region: us-eest/' {table}")],
            ),
            (
                "Ask why a request goes where it goes, and how the regions are.",
                vec![
                    format!("{program} explain --config {settings} --ip 127.20.0.1"),
                    format!("{program} explain --config {settings} --ip 127.20.0.1 --cookie sid=west-1"),
                    format!("{program} status --config {settings}"),
                    format!("curl -s {admin}/metrics | grep ^homeward_flops"),
                ],
            ),
        ];
        if keys {
            tries.insert(5, ("Cut the power of a region: press 1, 2 or 3; once more brings it back.", vec![]));
        }
        Self { places, tries }
    }

    /// All of it as text, ready to be copied from.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (name, place) in &self.places {
            _ = writeln!(text, "{name:<12}{place}");
        }
        for (number, (what, lines)) in (1..).zip(&self.tries) {
            _ = writeln!(text, "\n{number}. {what}");
            for line in lines {
                _ = writeln!(text, "     {line}");
            }
        }
        text
    }
}

/// The option of `curl` with which it comes from `address`. Only Linux can send from all of 127.0.0.0/8; elsewhere the
/// edge is told, and believes it, because it trusts this machine.
fn coming(address: &str) -> String {
    if cfg!(target_os = "linux") {
        format!("--interface {address}")
    } else {
        format!("-H 'X-Forwarded-For: {address}'")
    }
}

/// `path` as one word of a shell.
fn shell(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@".contains(&byte);
    if path.bytes().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn every_line_names_what_is_there() {
        let addresses = Addresses {
            edge: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9901)),
            directory: Path::new("/tmp/it's"),
        };
        let text = Guide::new(&addresses, "homeward", true).text();
        assert!(text.starts_with("the app     http://127.0.0.1:8080/\n"), "{text}");
        assert!(text.contains(r"s/^# //' '/tmp/it'\''s/routing.yaml'"), "{text}");
        assert!(text.contains("\n6. Cut the power") && text.contains("\n8. Ask why"));
        assert!(!Guide::new(&addresses, "homeward", false).text().contains("press"));
    }
}
