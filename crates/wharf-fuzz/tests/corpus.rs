//! Every file of the corpus through its target, as it is, cut short, and with bytes changed.

use std::path::{Path, PathBuf};

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
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound.max(1) as u64).expect("a remainder of a length fits")
    };
    let mut failures = Vec::new();
    for (name, body) in TARGETS {
        // Targets that write a file take longer.
        let rounds = match name {
            "manifest" | "pyproject" | "requirements_file" => 40,
            "cargo_config" | "cargo_toml" | "crate_archive" | "npm_archive" | "npmrc" | "package_json"
            | "pnpm_workspace" => 40,
            _ => 200,
        };
        for (path, bytes) in inputs(name) {
            for round in 0..rounds {
                let mut changed = bytes.clone();
                match next(4) {
                    0 => changed.truncate(next(bytes.len() + 1)),
                    1 if !changed.is_empty() => {
                        let position = next(changed.len());
                        changed[position] = u8::try_from(next(256)).expect("below 256");
                    }
                    2 => {
                        let (from, to) = (next(bytes.len() + 1), next(bytes.len() + 1));
                        let part = bytes[from.min(to)..from.max(to)].to_vec();
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
