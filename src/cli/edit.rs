//! `homeward edit`

mod editor;

use super::edge_arg::{EdgeArg, whoever_asks};
use super::ending::{Ending, Failure};
use super::history::both_ways;
use super::output;
use super::preview;
use super::preview_page;
use super::style::{Style, plain_lines};
use super::swap::{self, Swap, Swapped};
use crate::config::{Problems, SecretFiles, Source, describe_changes, read_routing};
use crate::history::unified_diff;
use crate::live::clock;
use crate::model::{RegionName, Revision};
use crate::source::read_table;
use clap::Args;
use editor::Editor;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// Edit the routing table, see what it will do, and have it live
///
/// A copy is opened in $VISUAL or $EDITOR. What is saved is checked; problems are shown, and can be corrected at once. Then it
/// is shown what changes, and, after a yes, the file is exchanged in one step, and live when this returns. Whatever goes
/// wrong, the file is as it was, and the copy is kept.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward edit
  homeward edit --dry-run                     # check and show, and change nothing
  homeward edit --reason 'us-west is back'
  EDITOR='code --wait' homeward edit --routing conf/routing.yaml
  EDITOR='sed -i s/10.1.0.10/10.1.0.12/' homeward edit --yes")]
pub(super) struct Edit {
    /// The routing table's file [default: as the settings say]
    #[arg(long, value_name = "FILE")]
    routing: Option<PathBuf>,
    /// Why: whoever looks at the history later reads this
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who edits [default: the user who types]
    #[arg(long, value_name = "NAME", env = "HOMEWARD_BY", hide_env_values = true)]
    by: Option<String>,
    /// Do not ask before the file is exchanged
    #[arg(long)]
    yes: bool,
    /// Check what is saved and show what it would do, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    edge: EdgeArg,
}

impl Edit {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        if !self.yes && !self.dry_run && !is_asked_at_a_terminal() {
            return Err(Failure::Usage(
                "nobody can be asked here, as this is no terminal: add --yes, or --dry-run to look only".to_owned(),
            ));
        }
        let settings = self.edge.config.settings(None);
        let (rule, region) = match &settings {
            Ok(settings) => (settings.secret_files, settings.region.clone()),
            Err(_) => (SecretFiles::default(), None),
        };
        let path = match (&self.routing, settings) {
            (Some(path), _) => path.clone(),
            (None, settings) => settings?.routing,
        };
        let before = swap::read(&path)?;
        let editor = Editor::of_this_user()?;
        let copy = copy_of(&before.text)?;
        let done = self.edit(&path, &before, &copy, &editor, rule, region.as_ref());
        match done {
            Ok(Some(ending)) => Ok(ending),
            Ok(None) => {
                keep(copy);
                Ok(Ending::NotWell)
            }
            Err(failure) => {
                keep(copy);
                Err(failure)
            }
        }
    }

    /// `None` where it was given up.
    fn edit(
        &self,
        path: &Path,
        before: &Source,
        copy: &Path,
        editor: &Editor,
        rule: SecretFiles,
        region: Option<&RegionName>,
    ) -> Result<Option<Ending>, Failure> {
        let after = loop {
            editor.open(copy)?;
            let after = swap::read(copy)?;
            if after.text == before.text {
                output::message("homeward: nothing was changed\n");
                return Ok(Some(Ending::Well));
            }
            let Err(problems) = check(path, &after, rule, region) else { break after };
            output::message(&problems.render(output::messages_are_coloured()));
            if !is_asked_at_a_terminal() || !ask("Edit again?", true)? {
                output::message("homeward: given up; the file is as it was\n");
                return Ok(None);
            }
        };
        self.show(before, &after)?;
        if self.dry_run {
            output::message("homeward: nothing was changed, as --dry-run asks\n");
            return Ok(Some(Ending::Well));
        }
        if !self.yes && !ask(&format!("Write {}?", path.display()), false)? {
            output::message("homeward: given up; the file is as it was\n");
            return Ok(None);
        }
        self.write(path, before, &after).map(Some)
    }

    /// Shows what changes.
    fn show(&self, before: &Source, after: &Source) -> Result<(), Failure> {
        let style = Style::new(output::results_are_coloured());
        let name = |text: &str| Revision::of(text.as_bytes()).to_string();
        let lines = unified_diff(&before.text, &after.text, &name(&before.text), &name(&after.text));
        let read = |source: &Source| read_routing(source, clock::now()).ok();
        let changes = read(before).zip(read(after)).map(|(before, after)| describe_changes(&before, &after));
        output::result(&both_ways(changes.as_deref(), &lines, style))?;
        match preview::of_edge(&self.edge.client()?, after, None) {
            Ok((preview, _)) => output::result(&format!("\n{}", preview_page::render(&preview, style))),
            // It is for looking only: what it would show is known soon enough.
            Err(Failure::NobodyReads) => Err(Failure::NobodyReads),
            Err(failure) => {
                output::message(&format!("homeward: no preview: {}\n", failure.into_text()));
                Ok(())
            }
        }
    }

    fn write(&self, path: &Path, before: &Source, after: &Source) -> Result<Ending, Failure> {
        let style = Style::new(output::results_are_coloured());
        let revision = Revision::of(after.text.as_bytes());
        let swap = Swap {
            path,
            before: &before.text,
            after: &after.text,
            origin: "edit",
            by: self.by.clone().or_else(whoever_asks),
            reason: self.reason.clone(),
        };
        let file = path.display();
        match swap.carry_out(&self.edge.client()?)? {
            Swapped::Live(took) => {
                let took = took.as_secs_f64() * 1e3;
                let done = style.good("done");
                output::result(&format!("{done}, table {revision} is live after {took:.0} ms\n"))?;
                Ok(Ending::Well)
            }
            Swapped::NoEdge => {
                output::result(&format!("{file} is written; no edge answers, so that nobody follows it now\n"))?;
                Ok(Ending::Well)
            }
            Swapped::Refused(why) => {
                output::message(&plain_lines(&why));
                Err(Failure::Said(format!("{file} is written, and the edge does not take it")))
            }
            Swapped::NotLive => Err(Failure::Said(format!(
                "{file} is written, and the edge does not take it within 10 s; is it the file that it follows? homeward status"
            ))),
        }
    }
}

/// Whether the text is good, under the name of the file that it is for.
fn check(path: &Path, after: &Source, rule: SecretFiles, region: Option<&RegionName>) -> Result<(), Problems> {
    let read = read_table(after, clock::now(), rule)?;
    let regions = &read.value.regions;
    match region {
        Some(region) if regions.iter().all(|known| known.name != *region) => Err(Problems::of_file(
            path.display().to_string(),
            format!("the table has no region {region}, in which this edge stands"),
            "leave it there, or give the edge another region in its settings first",
        )),
        _ => Ok(()),
    }
}

/// A copy of a text that only this user can read.
fn copy_of(text: &str) -> Result<TempPath, Failure> {
    let failed = |error: io::Error| {
        Failure::Said(format!("a copy cannot be made in {}: {error}; set TMPDIR", std::env::temp_dir().display()))
    };
    let mut file = tempfile::Builder::new().prefix("homeward-edit-").suffix(".yaml").tempfile().map_err(failed)?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    Ok(file.into_temp_path())
}

/// Lets the copy outlive this program, and says where it is.
fn keep(copy: TempPath) {
    let path = copy.to_path_buf();
    match copy.keep() {
        Ok(path) => output::message(&format!("homeward: what you wrote is kept in {}\n", path.display())),
        Err(error) => {
            output::message(&format!("homeward: what you wrote cannot be kept in {}: {error}\n", path.display()));
        }
    }
}

fn is_asked_at_a_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks at the terminal; `usual` is what Enter means. Where the input is over, it is no.
fn ask(question: &str, usual: bool) -> Result<bool, Failure> {
    let choices = if usual { "[Y/n]" } else { "[y/N]" };
    loop {
        output::message(&format!("{question} {choices} "));
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(false);
        }
        match line.trim().to_ascii_lowercase().as_str() {
            "" => return Ok(usual),
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}
