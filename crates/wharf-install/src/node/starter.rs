//! What starts a command of a member of the workspace whose first line ends as on Windows: of `#!/usr/bin/env node\r` the kernel
//! makes a program called `node\r`.
//!
//! In packages such a line is mended while they are unpacked. A member's files are the user's own and stay as they are: a small
//! program in `.bin` stands in for the link, and does what the line means, as the file was when it was made. Invariant: it leads where
//! the link would have led, by whatever links it is started itself, so that it moves with the project.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// More than this no kernel reads of a first line.
const LONGEST: u64 = 2048;

/// The program that starts `file` in place of a link to `target`; `None` where the file can be started as it is, or by nobody.
pub(super) fn of(file: &Path, target: &str) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(file)
        .ok()?
        .take(LONGEST)
        .read_to_end(&mut start)
        .ok()?;
    starting(&start, target).map(String::into_bytes)
}

/// The same for a file that begins with these bytes.
fn starting(bytes: &[u8], target: &str) -> Option<String> {
    let line = bytes.strip_prefix(b"#!")?;
    let end = line.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(line[..end].strip_suffix(b"\r")?).ok()?;
    let line = line.trim_matches([' ', '\t', '\r']);
    // As the kernel reads it: the program, and all that follows as one argument.
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if program.is_empty() || line.contains('\0') {
        return None;
    }
    let mut words = quoted(program);
    let argument = argument.trim_start();
    if !argument.is_empty() {
        words.push(' ');
        words.push_str(&quoted(argument));
    }
    let place = match target.starts_with('/') {
        true => quoted(target),
        false => format!("\"$here\"/{}", quoted(target)),
    };
    Some(format!(
        "#!/bin/sh\n\
         # The first line of the file that this starts ends with a carriage return, by which nothing can be started.\n\
         self=$0\n\
         case $self in /*) ;; *) self=./$self ;; esac\n\
         while [ -L \"$self\" ]; do\n\
         \x20   to=$(readlink \"$self\") || exit\n\
         \x20   case $to in /*) self=$to ;; *) self=${{self%/*}}/$to ;; esac\n\
         done\n\
         here=${{self%/*}}\n\
         exec {words} {place} \"$@\"\n"
    ))
}

/// A word that a shell takes as it stands.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn only_what_cannot_be_started_gets_a_starter() {
        for (bytes, starter) in [
            (
                "#!/usr/bin/env node\r\nx\r\n",
                Some("exec '/usr/bin/env' 'node' "),
            ),
            ("#! /usr/bin/node\r\n", Some("exec '/usr/bin/node' ")),
            (
                "#!/usr/bin/env  -S node --no-warnings\r\n",
                Some("exec '/usr/bin/env' '-S node --no-warnings' "),
            ),
            ("#!/it's/node\t\r\n", Some("exec '/it'\\''s/node' ")),
            ("#!/usr/bin/env node\nx\r\n", None),
            ("#!/usr/bin/env node\r", None),
            ("#!\r\n", None),
            ("console.log(1)\r\n", None),
            ("", None),
        ] {
            let found = starting(bytes.as_bytes(), "../a/cli.js");
            let line = found.as_deref().and_then(|text| text.lines().last());
            let expected = starter.map(|start| format!("{start}\"$here\"/'../a/cli.js' \"$@\""));
            assert_eq!(line, expected.as_deref(), "{bytes:?}");
        }
        let absolute = starting(b"#!/bin/sh\r\n", "/x/cli").unwrap();
        assert!(
            absolute.ends_with("exec '/bin/sh' '/x/cli' \"$@\"\n"),
            "{absolute}"
        );
    }

    #[test]
    fn it_starts_what_the_line_means_with_every_argument() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("it's/.bin");
        fs::create_dir_all(&bin).unwrap();
        let file = folder.path().join("it's/cli");
        // The shell reads the carriage return as part of the last word.
        fs::write(&file, "#!/usr/bin/env sh\r\nprintf '%s|' \"$@\" #\r\n").unwrap();
        let starter = bin.join("cli");
        fs::write(&starter, of(&file, "../cli").unwrap()).unwrap();
        fs::set_permissions(&starter, fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(&starter)
            .args(["a b", "", "$c"])
            .current_dir("/")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "a b||$c|", "{output:?}");
        let output = Command::new("sh").arg("cli").current_dir(&bin).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        // By links to it, and to folders above it.
        let elsewhere = folder.path().join("else where");
        fs::create_dir_all(elsewhere.join("deep")).unwrap();
        symlink(&starter, elsewhere.join("absolute")).unwrap();
        symlink("../it's/.bin/cli", elsewhere.join("relative")).unwrap();
        symlink("../relative", elsewhere.join("deep/twice")).unwrap();
        symlink(&bin, elsewhere.join("bin")).unwrap();
        symlink("bin/cli", elsewhere.join("-n")).unwrap();
        for link in ["absolute", "./relative", "deep/twice", "bin/cli", "./-n"] {
            let mut command = Command::new("sh");
            let output = command
                .arg(link)
                .arg("x")
                .current_dir(&elsewhere)
                .output()
                .unwrap();
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                "x|",
                "{link}: {output:?}"
            );
        }
        assert_eq!(of(&folder.path().join("gone"), "x"), None);
    }
}
