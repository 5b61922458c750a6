//! Every file of the corpus through its target, as it is, cut short, and with bytes changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use wharf_fuzz::TARGETS;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target)
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus(target);
    let listing = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = listing
        .map(|entry| entry.expect("the corpus can be listed").path())
        .map(|path| {
            (
                path.clone(),
                std::fs::read(&path).expect("the corpus can be read"),
            )
        })
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_target_has_a_corpus_a_binary_and_only_those_have() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let listed = |folder: &str| {
        let listing = std::fs::read_dir(fuzz.join(folder)).expect("the fuzz crate has this folder");
        let mut names: Vec<_> = listing
            .map(|entry| entry.expect("the folder can be listed").path())
            .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    };
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, listed("corpus"));
    assert_eq!(names, listed("fuzz_targets"));
    for name in &names {
        assert!(inputs(name).len() >= 2, "{name}: a corpus of one");
    }
}

#[test]
fn the_corpus_passes() {
    for (name, body) in TARGETS {
        for (path, bytes) in inputs(name) {
            eprintln!("{}", path.display());
            body(&bytes);
        }
    }
}

/// A fixed sequence of changes: not a fuzzer, but a net against the coarse mistakes, in every run.
#[test]
fn changed_inputs_pass() {
    let mut next = numbers(0x2545_f491_4f6c_dd1d);
    let mut failures = Vec::new();
    for (name, body) in TARGETS {
        // Targets that write a file take longer.
        let rounds = match name {
            "manifest" | "pyproject" | "requirements_file" => 40,
            "cargo_config" | "cargo_toml" | "crate_archive" | "npm_archive" | "npmrc" | "package_json"
            | "pnpm_workspace" | "deb_script" => 40,
            _ => 200,
        };
        for (path, bytes) in inputs(name) {
            for round in 0..rounds {
                let mut changed = bytes.clone();
                change(&mut changed, &bytes, &mut next);
                if std::panic::catch_unwind(|| body(&changed)).is_err() {
                    failures.push(format!(
                        "{name}, {} round {round}: {}",
                        path.display(),
                        changed.escape_ascii()
                    ));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Where there is no fuzzer: changes of changes, of the target that `WHARF_FUZZ_TARGET` names, for `WHARF_FUZZ_SECONDS`. The input at work
/// lies in a file while it is, so that one that ends the process is known.
#[test]
#[ignore = "runs for as long as it is told"]
fn changes_of_changes_pass() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} says what to do"));
    let target = variable("WHARF_FUZZ_TARGET");
    let seconds = variable("WHARF_FUZZ_SECONDS")
        .parse()
        .expect("seconds are a number");
    let until = Instant::now() + Duration::from_secs(seconds);
    let at_work = std::env::temp_dir().join(format!("wharf-fuzz-{target}"));
    let inputs = inputs(&target);
    let start = UNIX_EPOCH.elapsed().expect("it is after 1970").as_nanos();
    let mut next = numbers(start as u64 | 1);
    let mut runs = 0;
    while Instant::now() < until {
        let mut changed = inputs[next(inputs.len())].1.clone();
        for _ in 0..=next(8) {
            let (_, other) = &inputs[next(inputs.len())];
            change(&mut changed, other, &mut next);
        }
        std::fs::write(&at_work, &changed).expect("the temporary directory can be written");
        wharf_fuzz::run(&target, &changed);
        runs += 1;
    }
    eprintln!("{runs} runs");
    std::fs::remove_file(&at_work).expect("it was written just now");
}

/// Numbers below a bound, always the same from one start.
fn numbers(mut state: u64) -> impl FnMut(usize) -> usize {
    move |bound| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound.max(1) as u64).expect("a remainder of a length fits")
    }
}

/// Changes some bytes: cuts them short, sets one, puts in a part of others or characters that mean something in many formats.
fn change(changed: &mut Vec<u8>, other: &[u8], next: &mut impl FnMut(usize) -> usize) {
    match next(4) {
        0 => changed.truncate(next(changed.len() + 1)),
        1 if !changed.is_empty() => {
            let position = next(changed.len());
            changed[position] = u8::try_from(next(256)).expect("below 256");
        }
        2 => {
            let (from, to) = (next(other.len() + 1), next(other.len() + 1));
            let part = other[from.min(to)..from.max(to)].to_vec();
            let position = next(changed.len() + 1);
            changed.splice(position..position, part);
        }
        _ => {
            for _ in 0..4 {
                let position = next(changed.len() + 1);
                changed.insert(position, b"\0\"\n\\[]{}=;@\xff,.*"[next(15)]);
            }
        }
    }
}
