//! The first line of a script: which program runs it.
//! Source: execve(2). Invariant: only the first line changes, and only if it names a program that there is a copy of.

use std::path::{Path, PathBuf};

/// The longest first line that every kernel since 5.1 takes, with its `#!` and its end.
const LONGEST: usize = 255;

/// What a script's first line names, and what follows it.
fn first_line(bytes: &[u8]) -> Option<(&str, &str, &[u8])> {
    let rest = bytes.strip_prefix(b"#!")?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).ok()?.trim();
    let (program, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    Some((program, arguments.trim(), &rest[end..]))
}

/// The script run by the copy that `copy` knows of a system's program. Nothing where it is no script, or is run by a program that there is
/// no copy of.
pub(super) fn rewritten(bytes: &[u8], copy: &dyn Fn(&Path) -> Option<PathBuf>) -> Option<Vec<u8>> {
    let (program, arguments, rest) = first_line(bytes)?;
    let (program, arguments) = match Path::new(program).file_name()?.to_str()? {
        // The copies are found without looking at PATH.
        "env" => {
            let arguments = arguments.strip_prefix("-S").unwrap_or(arguments).trim_start();
            let (name, more) = arguments.split_once(' ').unwrap_or((arguments, ""));
            (copy(&Path::new("/usr/bin").join(name))?, more)
        }
        _ => (copy(Path::new(program))?, arguments),
    };
    let mut line = format!("#!{}", program.to_str()?);
    if !arguments.is_empty() {
        line.push(' ');
        line.push_str(arguments);
    }
    let fits = line.len() < LONGEST && !program.to_str()?.contains([' ', '\t']);
    fits.then(|| [line.as_bytes(), rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_copy() {
        let check = |before: &str, after: Option<&str>| {
            let copy = |program: &Path| {
                let name = program
                    .strip_prefix("/usr/bin")
                    .or_else(|_| program.strip_prefix("/bin"))
                    .ok()?;
                let known = ["sh", "perl", "python3"]
                    .iter()
                    .any(|known| name == Path::new(known));
                known.then(|| Path::new("/to/bin").join(name))
            };
            let found = rewritten(before.as_bytes(), &copy).map(|text| String::from_utf8(text).unwrap());
            assert_eq!(found.as_deref(), after, "{before:?}");
        };
        check("#!/bin/sh\nexit\n", Some("#!/to/bin/sh\nexit\n"));
        check("#! /usr/bin/perl -w\nprint\n", Some("#!/to/bin/perl -w\nprint\n"));
        check("#!/usr/bin/env python3\n", Some("#!/to/bin/python3\n"));
        check("#!/usr/bin/env -S perl -w\n", Some("#!/to/bin/perl -w\n"));
        check("#!/usr/bin/ruby\n", None);
        check("#!/usr/bin/env ruby\n", None);
        check("no script\n", None);
        check("#!/bin/sh", None);
        check("#!\n", None);
        check("", None);
    }
}
