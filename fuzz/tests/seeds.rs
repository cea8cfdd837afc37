//! The seeds of every fuzz target, run through what the target does. Crashes that were found become seeds.

use std::fs;
use std::path::Path;

#[test]
fn every_seed_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in homeward_fuzz::TARGETS {
        let mut seeds: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        seeds.sort();
        assert!(seeds.len() >= 5, "{name} has only {} seeds", seeds.len());
        for seed in seeds {
            println!("{}", seed.display()); // shown where the next line panics
            run(&fs::read(&seed).unwrap());
        }
    }
}

#[test]
fn every_target_has_its_program() {
    let manifest = include_str!("../Cargo.toml");
    for (name, _) in homeward_fuzz::TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in Cargo.toml");
        let program = fs::read_to_string(format!("{}/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(program.contains(&format!("homeward_fuzz::{name}(data)")), "{name} runs another target");
    }
}
