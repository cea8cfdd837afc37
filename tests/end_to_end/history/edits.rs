//! `homeward edit`, with scripts for an editor.

use super::{Said, brought, said, tables};
use crate::routing::World;
use crate::support::EdgeProcess;
use crate::support::edits::sha256sum;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn edit(edge: &EdgeProcess, editor: &str, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeward"));
    command.args(["edit", "--config", "homeward.yaml"]).args(arguments).current_dir(edge.directory.path());
    command.env("EDITOR", editor).env_remove("VISUAL").env("TMPDIR", edge.directory.path()).stdin(Stdio::null());
    said(command.output().unwrap())
}

fn file(edge: &EdgeProcess) -> String {
    fs::read_to_string(edge.file("routing.yaml")).unwrap()
}

/// The copies that were kept.
fn copies(edge: &EdgeProcess) -> Vec<String> {
    let files = fs::read_dir(edge.directory.path()).unwrap().map(|file| file.unwrap().file_name());
    files.filter_map(|name| name.into_string().ok().filter(|name| name.starts_with("homeward-edit-"))).collect()
}

#[tokio::test]
async fn what_is_saved_is_live_when_the_verb_is_back() {
    let world = World::start("", "# a comment\n").await;
    let changed = world.table("# another comment\n");
    let done =
        edit(&world.edge, "sed -i 's/a comment/another comment/'", &["--yes", "--by", "ann", "--reason", "words"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.out.contains("-# a comment\n+# another comment\n") && done.out.contains("is live after "),
        "{}",
        done.out
    );
    assert_eq!(file(&world.edge), changed);
    assert_eq!(world.edge.status().await["table"]["revision"], *sha256sum(&changed));
    assert_eq!(tables(&world.edge).await[0], brought("edit", &sha256sum(&changed)));
    let list = super::say(&world.edge, &["history"]);
    assert!(list.out.lines().nth(1).unwrap().ends_with("ann  words"), "{}", list.out);
    assert_eq!(copies(&world.edge), Vec::<String>::new());

    let dry = edit(&world.edge, "sed -i 's/another/a third/'", &["--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains("+# a third comment"), "{}", dry.out);
    let nothing = edit(&world.edge, "true", &["--yes"]);
    assert_eq!((nothing.code, nothing.err.as_str()), (0, "homeward: nothing was changed\n"));
    assert_eq!(file(&world.edge), changed);
    assert_eq!(copies(&world.edge), Vec::<String>::new());
}

#[tokio::test]
async fn whatever_goes_wrong_the_file_is_as_it_was_and_the_copy_is_kept() {
    let world = World::start("", "").await;
    let before = file(&world.edge);
    let slow = world.edge.file("slow-editor");
    fs::write(&slow, "#!/bin/sh\necho '# mine' >> \"$1\"\necho '# theirs' >> routing.yaml\n").unwrap();
    fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let cases: [(&str, &[&str], i32, &str); 4] = [
        ("sed -i 's/region: us-west/region: us-wets/'", &["--yes"], 1, "homeward: given up; the file is as it was"),
        ("no-such-editor", &["--yes"], 1, "there is no such program"),
        ("false", &["--yes"], 1, "the editor 'false' failed"),
        ("true", &[], 2, "add --yes, or --dry-run"),
    ];
    for (editor, arguments, code, wanted) in cases {
        let said = edit(&world.edge, editor, arguments);
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.err.contains(wanted), "{}", said.err);
        assert_eq!(file(&world.edge), before);
    }
    assert_eq!(copies(&world.edge).len(), 3);
    let of_another_region = edit(&world.edge, "sed -i 's/us-west/us-north/g'", &["--yes"]);
    assert!(
        of_another_region.err.contains("no region us-west, in which this edge stands"),
        "{}",
        of_another_region.err
    );
    assert_eq!(file(&world.edge), before);

    let said = edit(&world.edge, "./slow-editor", &["--yes"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("somebody has changed routing.yaml meanwhile"), "{}", said.err);
    assert_eq!(file(&world.edge), format!("{before}# theirs\n"));
    let kept = said.err.lines().find_map(|line| line.strip_prefix("homeward: what you wrote is kept in ")).unwrap();
    assert_eq!(fs::read_to_string(Path::new(kept)).unwrap(), format!("{before}# mine\n"));
}

#[tokio::test]
async fn without_an_edge_the_file_is_written_all_the_same() {
    let mut world = World::start("", "").await;
    let before = file(&world.edge);
    world.edge.kill();
    let said = edit(&world.edge, "sh -c 'echo \"# new\" >> \"$0\"'", &["--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("no edge answers"), "{}", said.out);
    assert_eq!(file(&world.edge), format!("{before}# new\n"));
}
