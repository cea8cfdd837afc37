//! `homeward key`

mod file;
mod rotation;

use super::ending::{Ending, Failure};
use super::output;
use crate::live::{clock, entropy};
use crate::model::{Role, SecretSource};
use crate::source::{read_keyring, read_tokens};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand, ValueEnum};
use rotation::Step;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Make keys and tokens, and exchange keys for newer ones
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  homeward key generate --out conf/hop.key
  homeward key generate --kind token --out conf/admin.tokens
  homeward key rotate conf/hop.key --step accept"
)]
pub(super) struct KeyVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Generate(Generate),
    Rotate(Rotate),
}

/// Make a key or a token out of the system's randomness
///
/// Prints it, or writes it to a new file that only you can read (mode 0600). A file that is there already is left alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward key generate --out conf/hop.key              # the same file goes to every edge
  homeward key generate --kind session --out conf/session.key
  homeward key generate --kind token --out conf/admin.tokens
  homeward key generate --kind token --role read >> conf/admin.tokens
  kubectl create secret generic homeward --from-literal=hop.key=\"$(homeward key generate)\"")]
struct Generate {
    /// What it is for: hops between edges, session keys of a service, or the admin address
    #[arg(long, value_enum, default_value_t = Kind::Hop)]
    kind: Kind,
    /// What whoever has the token may do [default: operate]
    #[arg(long, value_enum)]
    role: Option<RoleArg>,
    /// Write it to this new file instead of the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file where it is there already: what was signed with its keys is lost
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Hop,
    Session,
    Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleArg {
    /// See everything and change nothing
    Read,
    /// Change things too
    Operate,
}

/// Exchange the key of hops or sessions, one step at a time
///
/// Every edge must accept a new key before any edge signs with it. So it takes three steps, and each must have reached all
/// edges before the next is taken: `accept` puts a new key on the last line, `sign` moves it to the first, `retire` takes out
/// all but the first. Running edges read the file again within a second. Take the steps on one copy of the file, and hand
/// that copy to all edges. `at-once` makes a new first key beside the old ones: for one edge alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward key rotate conf/hop.key --step accept    # then copy it to every edge
  homeward key rotate conf/hop.key --step sign      # then copy it to every edge, and wait
  homeward key rotate conf/hop.key --step retire    # then copy it to every edge")]
struct Rotate {
    /// The file of keys
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The step to take
    #[arg(long, value_enum)]
    step: Step,
}

impl KeyVerb {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        match self.verb {
            Verb::Generate(verb) => verb.run(),
            Verb::Rotate(verb) => verb.run(),
        }
    }
}

impl Generate {
    fn run(self) -> Result<Ending, Failure> {
        if self.role.is_some() && self.kind != Kind::Token {
            return Err(Failure::Usage("only a token has a role: take --role away, or add --kind token".to_owned()));
        }
        let line = match self.kind {
            Kind::Hop | Kind::Session => key()?,
            Kind::Token => token(self.role.unwrap_or(RoleArg::Operate))?,
        };
        let Some(path) = &self.out else {
            output::result(&line)?;
            return Ok(Ending::Well);
        };
        let what = match self.kind {
            Kind::Hop => "hop key",
            Kind::Session => "session key",
            Kind::Token => "token for the admin address",
        };
        let made = clock::now().strftime("%Y-%m-%d");
        let text = Zeroizing::new(format!("# {what}, made {made}\n{}", line.as_str()));
        file::make(path, text.as_bytes(), self.force).map_err(Failure::Said)?;
        output::message(&format!("homeward: wrote a new {what} to {}, for you alone to read\n", path.display()));
        Ok(Ending::Well)
    }
}

/// A key and a line break, in memory that is taken whole at first.
fn key() -> Result<Zeroizing<String>, Failure> {
    let bytes = entropy::secret_bytes()?;
    let mut line = Zeroizing::new(String::with_capacity(2 * bytes.len() + 1));
    for byte in bytes.iter() {
        for digit in [byte >> 4, byte & 15] {
            line.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
    }
    line.push('\n');
    Ok(line)
}

/// A token with its role and a line break. It begins in a way that scanners for secrets can look for.
fn token(role: RoleArg) -> Result<Zeroizing<String>, Failure> {
    let bytes = entropy::secret_bytes()?;
    let role = match role {
        RoleArg::Read => Role::Read,
        RoleArg::Operate => Role::Operate,
    };
    let mut line = Zeroizing::new(String::with_capacity(80));
    line.push_str(role.as_str());
    line.push_str(":homeward_");
    URL_SAFE_NO_PAD.encode_string(*bytes, &mut line);
    line.push('\n');
    Ok(line)
}

impl Rotate {
    fn run(self) -> Result<Ending, Failure> {
        // Where it is a link, what it leads to is exchanged.
        let path = self.file.canonicalize().map_err(|error| no_file(&self.file, &error))?;
        let source = SecretSource::File(self.file.clone());
        // The strict rule is for edges: a file that lies open can be rotated, and is closed by that.
        let rule = crate::config::SecretFiles::Warn;
        if read_tokens(&source, rule).is_ok() {
            let text = "tokens are not rotated by steps, as nothing is signed with them: add one ('homeward key generate \
                        --kind token >> FILE'), let everybody who has the old one take the new one, and delete the old line";
            return Err(Failure::Usage(text.to_owned()));
        }
        let keyring = read_keyring(&source, rule).map_err(|problems| Failure::of_problems(&problems))?;
        let before = file::read(&path).map_err(Failure::Said)?;
        let after = rotation::take(self.step, &before, key).map_err(|refused| match refused {
            rotation::Refused::Said(text) => Failure::Usage(format!("{}: {text}", self.file.display())),
            rotation::Refused::Failed(failure) => failure,
        })?;
        drop(keyring);
        file::replace(&path, after.as_bytes()).map_err(Failure::Said)?;
        output::message(&format!("homeward: {}: {}\n", self.file.display(), self.step.done()));
        Ok(Ending::Well)
    }
}

fn no_file(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Said(format!("{} cannot be read: {error}; make one: homeward key generate --out {0}", path.display()))
}
