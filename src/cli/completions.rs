//! `homeward completions`

use super::Cli;
use super::ending::{Ending, Failure};
use super::output;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print what a shell needs to complete the verbs and their options
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward completions bash > ~/.local/share/bash-completion/completions/homeward
  homeward completions zsh > ~/.zfunc/_homeward
  homeward completions fish > ~/.config/fish/completions/homeward.fish")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "homeward", &mut script);
        output::bytes(&script)?;
        Ok(Ending::Well)
    }
}
