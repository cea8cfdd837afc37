//! `homeward rollback`

use super::{brought, say, tables};
use crate::routing::World;
use crate::support::edits::sha256sum;
use serde_json::Value as Json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn back_is_the_text_of_then_in_the_same_file() {
    let world = World::start("", "").await;
    let (one, two) = (world.table("# one\n"), world.table("# two\n"));
    // The file is a link, as some deployments have it, and its target is for few.
    let target = world.edge.file("elsewhere.yaml");
    fs::write(&target, &one).unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
    let link = world.edge.file("routing.yaml.link");
    std::os::unix::fs::symlink("elsewhere.yaml", &link).unwrap();
    fs::rename(&link, world.edge.file("routing.yaml")).unwrap();
    let live = |text: &str| {
        let revision = sha256sum(text).to_string();
        move |status: &Json| status["table"]["revision"] == *revision
    };
    world.edge.status_where("table one", live(&one)).await;
    fs::write(&target, &two).unwrap();
    world.edge.status_where("table two", live(&two)).await;

    let dry = say(&world.edge, &["rollback", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains(&format!("table {} would be written into routing.yaml", sha256sum(&one))), "{}", dry.out);
    assert_eq!(fs::read_to_string(&target).unwrap(), two);

    let done = say(&world.edge, &["rollback", "--reason", "two is bad", "--by", "ann"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("again, in place of") && done.out.contains("done, live after "), "{}", done.out);
    assert_eq!(world.edge.status().await["table"]["revision"], *sha256sum(&one), "when the verb is back, it is live");
    assert_eq!(fs::read_to_string(&target).unwrap(), one);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(world.edge.file("routing.yaml").symlink_metadata().unwrap().is_symlink());
    let history: Json = serde_json::from_str(&say(&world.edge, &["history", "--json"]).out).unwrap();
    let newest = &history["entries"][0];
    assert_eq!(
        (&newest["origin"], &newest["by"], &newest["note"]),
        (&"rollback".into(), &"ann".into(), &"two is bad".into())
    );
    assert!(world.edge.log().contains("by ann (user "), "{}", world.edge.log());

    let json: Json = serde_json::from_str(&say(&world.edge, &["rollback", &sha256sum(&two), "--json"]).out).unwrap();
    assert_eq!((&json["applied"], &json["revision"]), (&true.into(), &sha256sum(&two).into()));
    assert_eq!(tables(&world.edge).await[0], brought("rollback", &sha256sum(&two)));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_changes_nothing() {
    let world = World::start("", "").await;
    let zero = sha256sum(&world.table("")).to_string();
    let only = say(&world.edge, &["rollback"]);
    assert_eq!(only.code, 1);
    assert!(only.err.contains("no other table was live before this one"), "{}", only.err);
    let (one, two) = (world.table("# one\n"), world.table("# two\n"));
    world.edge.adopt(&one).await;
    world.edge.adopt(&two).await;
    let unchanged = || assert_eq!(fs::read_to_string(world.edge.file("routing.yaml")).unwrap(), two);

    for (revision, wanted) in [
        ("0123456789ab", "there is no table '0123456789ab'"),
        (&*sha256sum(&two), "is live already, and the routing file says it"),
    ] {
        let said = say(&world.edge, &["rollback", revision]);
        assert_eq!(said.code, 1);
        assert!(said.err.contains(wanted), "{}", said.err);
        unchanged();
    }
    let mut near = zero.clone();
    near.replace_range(11.., if zero.ends_with('0') { "1" } else { "0" });
    let said = say(&world.edge, &["rollback", &near]);
    assert!(said.err.contains(&format!("did you mean '{zero}'?")), "{}", said.err);

    // Somebody else was faster.
    let said = say(&world.edge, &["rollback", &zero, "--expect", &sha256sum(&one)]);
    assert_eq!(said.code, 1);
    let who = format!("somebody was faster, and nothing was done: table {} is live now, since 20", sha256sum(&two));
    assert!(said.err.contains(&who) && said.err.contains("through file"), "{}", said.err);
    unchanged();

    // What it names is not there any more.
    let key = world.edge.file("session.key");
    fs::write(&key, format!("{}\n", "5a".repeat(32))).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let signed =
        two.replace("session: {cookie: sid}", "session: {cookie: sid, minted_by: edge, key_file: session.key}");
    world.edge.adopt(&signed).await;
    world.edge.adopt(&two).await;
    fs::remove_file(&key).unwrap();
    let said = say(&world.edge, &["rollback", &sha256sum(&signed)]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is not good by the rules of today"), "{}", said.err);
    assert!(said.err.contains("session.key"), "{}", said.err);
    unchanged();

    // The file cannot be written, by nobody: a directory lies where the new text would be.
    fs::set_permissions(world.edge.file("routing.yaml"), Permissions::from_mode(0o444)).unwrap();
    let said = say(&world.edge, &["rollback", &sha256sum(&one)]);
    assert_eq!(said.code, 1, "{said:?}");
    let what_to_do = format!("homeward history {} > routing.yaml", sha256sum(&one));
    assert!(said.err.contains("the edge cannot write routing.yaml") && said.err.contains(&what_to_do), "{}", said.err);
    unchanged();
    assert_eq!(world.edge.status().await["table"]["revision"], *sha256sum(&two));
}

#[tokio::test]
async fn of_two_operators_at_once_one_is_told() {
    let world = World::start("", "").await;
    world.edge.adopt(&world.table("# one\n")).await;
    let live = sha256sum(&world.table("# one\n")).to_string();
    let zero = sha256sum(&world.table("")).to_string();
    let said: Vec<_> = std::thread::scope(|scope| {
        let ask = || say(&world.edge, &["rollback", &zero, "--expect", &live]);
        let both = [scope.spawn(ask), scope.spawn(ask)];
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut codes: Vec<_> = said.iter().map(|said| said.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 1], "{said:?}");
    let told = said.iter().find(|said| said.code == 1).unwrap();
    assert!(told.err.contains("somebody was faster") && told.err.contains("through rollback"), "{}", told.err);
}

#[tokio::test]
async fn a_file_that_is_refused_is_put_right() {
    let world = World::start("", "").await;
    let good = world.table("# good\n");
    world.edge.adopt(&good).await;
    world.edge.save_table("version: 1\nnonsense\n");
    world.edge.status_where("the refusal", |status| !status["table"]["problem"].is_null()).await;
    let said = say(&world.edge, &["rollback"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("which was live all the time"), "{}", said.out);
    assert_eq!(fs::read_to_string(world.edge.file("routing.yaml")).unwrap(), good);
    assert_eq!(world.edge.status().await["table"]["problem"], Json::Null);
}

#[tokio::test]
async fn nobody_goes_back_without_the_right_to() {
    let world = World::start("", "").await;
    world.edge.adopt(&world.table("# one\n")).await;
    let admin = world.edge.admin.to_string();
    let said = super::said(world.edge.verb(&["rollback", "--admin", &admin]));
    assert_eq!(said.code, 1);
    assert!(said.err.contains("token"), "{}", said.err);
    let gone = super::said(world.edge.verb(&["rollback", "--admin", "nowhere.sock"]));
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("no edge answers"), "{}", gone.err);
}
