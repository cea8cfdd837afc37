//! The reference of the verbs, out of the descriptions that `--help` shows.

use super::Cli;
use clap::CommandFactory;

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
    let verbs: Vec<_> = command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    for verb in verbs {
        let help = verb.clone().term_width(WIDTH).render_long_help().to_string();
        let help: Vec<_> = help.lines().map(str::trim_end).collect();
        text.push_str(&format!(
            "\n## `homeward {}`\n\n```text\n{}\n```\n",
            verb.get_name(),
            help.join("\n").trim_end()
        ));
    }
    text
}
