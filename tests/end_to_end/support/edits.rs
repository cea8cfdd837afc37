//! Edits of a routing table, every second one broken, and the ways in which people and programs save a file.

use super::edge;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A way of saving a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Written beside and renamed over: careful programs.
    Rename,
    /// Truncated and written: `cp`, `tee`, careless programs.
    InPlace,
    /// Renamed to a backup, written anew, synchronised, the backup removed: vim and its kin. The file is missing in between.
    Editor,
    /// A mounted ConfigMap: the file is a link through `..data`, itself a link to a directory, and that link is swapped.
    ConfigMap,
}

impl Way {
    /// All ways.
    pub const ALL: [Self; 4] = [Self::Rename, Self::InPlace, Self::Editor, Self::ConfigMap];

    /// Saves `text` as `path`.
    pub fn save(self, path: &Path, text: &str) {
        match self {
            Self::Rename => {
                let beside = path.with_extension("new");
                std::fs::write(&beside, text).unwrap();
                std::fs::rename(beside, path).unwrap();
            }
            Self::InPlace => std::fs::write(path, text).unwrap(),
            Self::Editor => {
                let backup = path.with_extension("yaml~");
                std::fs::rename(path, &backup).unwrap();
                let mut file = std::fs::File::create(path).unwrap();
                file.write_all(text.as_bytes()).unwrap();
                file.sync_all().unwrap();
                std::fs::remove_file(backup).unwrap();
            }
            Self::ConfigMap => swap_data(path, text),
        }
    }
}

/// What the kubelet does: a new directory, a new link beside, one rename, and the old directory goes.
fn swap_data(path: &Path, text: &str) {
    let (mount, name) = (path.parent().unwrap(), path.file_name().unwrap());
    let (data, beside) = (mount.join("..data"), mount.join("..data_tmp"));
    let old = std::fs::read_link(&data).ok();
    let new = tempfile::Builder::new().prefix("..").tempdir_in(mount).unwrap().keep();
    std::fs::write(new.join(name), text).unwrap();
    std::os::unix::fs::symlink(new.file_name().unwrap(), &beside).unwrap();
    std::fs::rename(&beside, &data).unwrap();
    if !path.is_symlink() {
        std::os::unix::fs::symlink(Path::new("..data").join(name), &beside).unwrap();
        std::fs::rename(&beside, path).unwrap();
    }
    if let Some(old) = old {
        std::fs::remove_dir_all(mount.join(old)).unwrap();
    }
}

/// One edit.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The whole file.
    pub text: String,
    /// Its revision, as `sha256sum` tells it.
    pub revision: String,
    /// How it is saved.
    pub way: Way,
    /// What is said of it; nothing where the edit is good.
    pub refusal: Option<Refusal>,
}

/// What is said of a broken table.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The line of the first problem, from 1.
    pub line: usize,
    /// A part of its message.
    pub message: &'static str,
}

impl Refusal {
    /// Whether this is what a summary of problems says.
    pub fn is_in(&self, summary: &str) -> bool {
        summary.contains(&format!("routing.yaml:{}:", self.line)) && summary.contains(self.message)
    }
}

/// What is broken: the piece of a good table, what stands in its place, the beginning of what is blamed, and what is said.
type Breakage = (&'static str, &'static str, &'static str, &'static str);

/// Ways to break a table.
const BREAKAGES: [Breakage; 9] = [
    ("  us-west: {", "\tus-west: {", "\tus-west", "a tab stands where only spaces may stand"),
    ("    region: us-west\n", "    region: us-wets\n", "us-wets", "there is no region 'us-wets'"),
    ("  us-spare:", "  us-east: {}\n  us-spare:", "us-east: {}", "'us-east' stands twice"),
    ("  - otherwise: nearest\n", "", "homes:", "the home rules have no 'otherwise'"),
    ("    share: ", "    share: 1", "share: ", "is not a share"),
    ("    session: {", "    sesion: {", "sesion", "'sesion' is not a key of a service"),
    ("    hosts: [extra", "    hosts: [portal.example.com, extra", "extra-", "leads to two services"),
    ("version: 1\n", "version: 2\n", "version", "'2' is not a version of this form"),
    ("[portal.example.com]", "[portal.example.com", "session:", "a ':' stands where no key can be"),
];

impl Edit {
    /// The edit with this number, of a table with these servers. The good ones change a drain, a service and the order and
    /// number of us-east's servers, and never where one of the visitors of [`edge::table`] belongs.
    pub fn number(number: usize, east: [SocketAddr; 2], central: SocketAddr, west: SocketAddr) -> Self {
        // Four edits in each way: for a ConfigMap the first puts the link there, and the others swap it.
        let way = Way::ALL[number / 4 % Way::ALL.len()];
        let servers = match number / 2 % 3 {
            0 => vec![east[0], east[1]],
            1 => vec![east[1], east[0]],
            _ => vec![east[1]],
        };
        let more = format!(
            "\x20 extra:\n\
             \x20   hosts: [extra-{number}.example.com]\n\
             \x20   pools:\n\
             \x20     us-spare: [\"{west}\"]\n\
             drains:\n\
             \x20 - region: us-spare\n\
             \x20   share: {}%\n\
             \x20   by: oncall\n\
             \x20   reason: edit {number}\n",
            10 + number % 90
        );
        let good = edge::table(&servers, &[central], &[west], &more)
            .replace("homes:\n", "  us-spare: {session_prefix: spare}\nhomes:\n");
        let (text, refusal) = if number % 2 == 1 {
            let (text, refusal) = broken(&good, number / 2);
            (text, Some(refusal))
        } else {
            (good, None)
        };
        Self { revision: sha256sum(&text), text, way, refusal }
    }
}

/// A broken copy of a good table, and what is said of it.
fn broken(good: &str, nth: usize) -> (String, Refusal) {
    let (piece, instead, blamed, message) = BREAKAGES[nth % BREAKAGES.len()];
    assert!(good.contains(piece), "{piece}");
    let text = good.replacen(piece, instead, 1);
    let line = 1 + text[..text.find(blamed).unwrap()].matches('\n').count();
    (text, Refusal { line, message })
}

/// The first 12 digits of what `sha256sum` says of this text.
pub fn sha256sum(text: &str) -> String {
    let mut sum = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sum.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = sum.wait_with_output().unwrap().stdout;
    String::from_utf8(said).unwrap()[..12].to_owned()
}
