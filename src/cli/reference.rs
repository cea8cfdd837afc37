//! The reference of the verbs, out of the descriptions that `--help` shows.

use super::Cli;
use clap::{Command, CommandFactory};

/// How wide the help texts are in the reference.
const WIDTH: usize = 100;

/// The reference of the verbs, in markdown.
#[must_use]
pub fn verbs_reference() -> String {
    let mut command = Cli::command().term_width(WIDTH);
    command.build();
    let mut text = String::from(
        "# Verbs\n\n\
         What `homeward` does, verb by verb, as `homeward VERB --help` says it.\n\n\
         Results go to the standard output, messages to the standard error. What `--json` prints is stable: fields are \
         added, never renamed or removed. Colours are for terminals only, and `NO_COLOR` turns them off.\n\n\
         | exit code | means |\n|---|---|\n\
         | 0 | all is well |\n\
         | 1 | what the verb says is not well, or it could not do what it was asked |\n\
         | 2 | wrong usage |\n",
    );
    for verb in shown(&command) {
        describe(verb, &format!("homeward {}", verb.get_name()), &mut text);
    }
    text
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

/// What the help says of a verb, and of those within it.
fn describe(verb: &Command, name: &str, text: &mut String) {
    let help = verb.clone().term_width(WIDTH).render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    for within in shown(verb) {
        describe(within, &format!("{name} {}", within.get_name()), text);
    }
}
