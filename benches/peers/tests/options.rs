use crate::options::{Asked, Options, read};

fn asked(line: &str) -> Result<Asked, String> {
    read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

fn run(line: &str) -> Options {
    match asked(line) {
        Ok(Asked::Run(options)) => options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_sheets_against_everybody_unless_it_is_said() {
    assert_eq!(run("--bench run"), Options::default());
    assert_eq!(run("run --bench"), Options::default());
    assert_eq!(asked("--bench"), Ok(Asked::Usage));
}

#[test]
fn builds_have_names() {
    let options = run("run plain whole --homeward old=/a/b --homeward /c/d --against none --rounds 3 --seconds 0.5");
    assert_eq!(options.sheets, ["plain", "whole"]);
    assert_eq!(options.homeward, [("old".into(), "/a/b".into()), ("homeward".into(), "/c/d".into())]);
    assert!(options.against.is_empty());
    assert_eq!((options.rounds, options.seconds), (Some(3), Some(0.5)));
    assert_eq!(run("run --cores 2,0,1").cores, Some([2, 0, 1]));
}

#[test]
fn what_makes_no_sense_is_said() {
    for line in [
        "run --rounds 0",
        "run --rounds",
        "run --cores 1,2",
        "run --against apache",
        "run --homeward a=/b --homeward a=/c",
        "run --homeward nginx=/b",
        "run --homeward =/b",
        "run --colour",
        "load",
        "load {}",
        "splice 127.0.0.1:1",
    ] {
        assert!(asked(line).is_err(), "{line}");
    }
}
