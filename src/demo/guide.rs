//! What to try: the text that the demo prints.

use super::table::Addresses;
use std::fmt::Write as _;

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
        let program = in_any_directory(program);
        let places = vec![
            ("the app", format!("{app}/")),
            ("the edge", format!("{admin}/")),
            ("its files", addresses.directory.display().to_string()),
        ];
        let mut tries = vec![
            ("Open the app in a browser, log in, and see which region holds your session.", vec![]),
            (
                "In another terminal, come from another place: from Ontario, home is us-east.",
                vec![
                    format!("cd {}", shell(&addresses.directory.display().to_string())),
                    format!("curl {} {app}/whoami", coming("127.20.0.1")),
                ],
            ),
            (
                "Flop: log in from New York, go on from California; home is still us-east.",
                vec![
                    format!("curl {} -c jar -X POST {app}/login", coming("127.10.0.1")),
                    format!("curl {} -b jar {app}/whoami", coming("127.11.0.1")),
                ],
            ),
            (
                "Drain us-west, and watch its visitors move. Or do it in an editor, and save.",
                vec!["sed -i.old '/^# drains:/,$ s/^# //' routing.yaml".to_owned()],
            ),
            ("End the drain: take the first table back.", vec!["cp routing.first.yaml routing.yaml".to_owned()]),
            (
                "Break the table, and read the message. The last good table stays.",
                vec!["sed -i.old 's/region: us-east/region: us-eest/' routing.yaml".to_owned()],
            ),
            (
                "Ask why a request goes where it goes, and how the regions are.",
                vec![
                    format!("{program} explain --config homeward.yaml --ip 127.20.0.1"),
                    format!("{program} explain --config homeward.yaml --ip 127.20.0.1 --cookie sid=west-1"),
                    format!("{program} status --config homeward.yaml"),
                    format!("curl -s {admin}/metrics | grep ^homeward_flops"),
                    "tail -f access.log".to_owned(),
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

/// The program that was called as `name`, in a way that works in any directory.
fn in_any_directory(name: &str) -> String {
    // A name without a slash was found in PATH, and is found there again.
    let path = if name.contains('/') { std::path::absolute(name).ok() } else { None };
    shell(&path.map_or_else(|| name.to_owned(), |path| path.display().to_string()))
}

/// `text` as one word of a shell.
fn shell(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use std::path::Path;

    #[test]
    fn every_line_names_what_is_there() {
        let addresses = Addresses {
            edge: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9901)),
            directory: Path::new("/tmp/it's"),
        };
        let text = Guide::new(&addresses, "./it", true).text();
        assert!(text.starts_with("the app     http://127.0.0.1:8080/\n"), "{text}");
        assert!(text.contains(r"     cd '/tmp/it'\''s'"), "{text}");
        let program = std::env::current_dir().unwrap().join("it").display().to_string();
        assert!(text.contains(&format!("     {program} explain --config")), "{text}");
        assert!(text.contains("\n6. Cut the power") && text.contains("\n8. Ask why"));
        let named = Guide::new(&addresses, "homeward", false);
        assert!(named.text().contains("     homeward status"));
        assert!(!Guide::new(&addresses, "homeward", false).text().contains("press"));
    }
}
