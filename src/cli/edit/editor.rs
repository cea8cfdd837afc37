//! The editor of whoever types.

use crate::cli::ending::Failure;
use std::path::Path;
use std::process::Command;

/// What is tried where nobody has chosen one.
const USUAL: [&str; 4] = ["sensible-editor", "editor", "nano", "vi"];

/// An editor, as a command for a shell, perhaps with arguments.
#[derive(Debug)]
pub(super) struct Editor(String);

impl Editor {
    /// That of `$VISUAL` or `$EDITOR`, or one that is usually there.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn of_this_user() -> Result<Self, Failure> {
        let chosen = |name| std::env::var(name).ok().filter(|command: &String| !command.trim().is_empty());
        let usual = || USUAL.into_iter().find(|name| is_there(name)).map(str::to_owned);
        chosen("VISUAL").or_else(|| chosen("EDITOR")).or_else(usual).map(Self).ok_or_else(|| {
            Failure::Said("there is no editor: set EDITOR to one, e.g. EDITOR=vim homeward edit".to_owned())
        })
    }

    /// Opens the file, and waits until it is closed.
    ///
    /// # Errors
    /// Where the editor cannot be run, or says that it failed.
    pub(super) fn open(&self, file: &Path) -> Result<(), Failure> {
        let Self(command) = self;
        // Through a shell, as those variables are made for: they may hold arguments.
        let ended = Command::new("sh").arg("-c").arg(format!("{command} \"$1\"")).arg("sh").arg(file).status();
        let ended = ended.map_err(|error| Failure::Said(format!("the editor '{command}' cannot be run: {error}")))?;
        if ended.success() {
            return Ok(());
        }
        let how = match ended.code() {
            Some(127) => "there is no such program".to_owned(),
            _ => ended.to_string(),
        };
        Err(Failure::Said(format!(
            "the editor '{command}' failed ({how}), and the file is as it was; set EDITOR to another one"
        )))
    }
}

fn is_there(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|directory| directory.join(name).is_file())
}
