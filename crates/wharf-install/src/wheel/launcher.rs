//! The small Python programs that entry points become, and the first line that starts them.
//!
//! Invariant: a launcher works from wherever the project stands, spaces and long paths included: where the kernel would
//! misread the first line, the file is a shell script first and the same Python program second.

use std::path::Path;

use wharf_ecosystem::pypi::wheel::EntryPoint;

use crate::error::InstallError;
use crate::venv::unicode;

/// The kernel reads this many bytes of a first line; older ones no more. (execve(2), `BINPRM_BUF_SIZE`.)
const FIRST_LINE_LIMIT: usize = 127;

/// The whole text of a launcher for an entry point, to be run by `python`.
///
/// # Errors
/// The interpreter's path cannot be written into a script.
pub(super) fn launcher(python: &Path, point: &EntryPoint) -> Result<Vec<u8>, InstallError> {
    // The parser has checked that these are names and nothing else, so the text is a program.
    let EntryPoint {
        name,
        module,
        attribute,
        ..
    } = point;
    let first = attribute.split('.').next().unwrap_or(attribute);
    let text = format!(
        "{}# The command {name}, from the entry point `{module}:{attribute}`.\n\
         import sys\n\
         \n\
         from {module} import {first}\n\
         \n\
         if __name__ == \"__main__\":\n\
         \x20   sys.exit({attribute}())\n",
        first_line(python)?,
    );
    Ok(text.into_bytes())
}

/// Replaces the first line of a script that asks for `python`, as the wheel format prescribes.
/// `None` if the script asks for nothing and stays as it is.
///
/// # Errors
/// The interpreter's path cannot be written into a script.
pub(super) fn rewritten(python: &Path, script: &[u8]) -> Result<Option<Vec<u8>>, InstallError> {
    let Some(rest) = script.strip_prefix(b"#!python") else {
        return Ok(None);
    };
    let rest = rest.strip_prefix(b"w").unwrap_or(rest);
    let end = rest.iter().position(|&byte| byte == b'\n');
    let (line, body) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
    // `#!python3.11-something` names another program; `#!python -s` is ours with an option.
    if line.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
        return Ok(None);
    }
    let mut text = first_line(python)?.into_bytes();
    text.extend_from_slice(body);
    Ok(Some(text))
}

/// The line, or lines, that make the system start `python` on the rest of the file.
fn first_line(python: &Path) -> Result<String, InstallError> {
    let path = unicode(python)?;
    let plain = format!("#!{path}\n");
    if plain.len() <= FIRST_LINE_LIMIT && !path.contains([' ', '\t']) {
        return Ok(plain);
    }
    // The shell sees the command `:` and then exec, which never returns. Python sees a string in three quotes.
    let command = match path.contains('\\') {
        false => format!("'{}'", path.replace('\'', r"'\''")),
        // Python would take the backslash for an escape: find the interpreter beside the script instead.
        true => r#""$(dirname -- "$0")/python""#.to_owned(),
    };
    Ok(format!("#!/bin/sh\n''':'\nexec {command} \"$0\" \"$@\"\n'''\n"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use wharf_ecosystem::pypi::wheel::EntryPoints;

    use super::*;

    fn text(python: &str) -> String {
        first_line(Path::new(python)).unwrap()
    }

    #[test]
    fn a_short_path_needs_one_line_and_others_go_through_the_shell() {
        assert_eq!(text("/p/.venv/bin/python"), "#!/p/.venv/bin/python\n");
        assert!(text("/my project/.venv/bin/python").starts_with("#!/bin/sh\n"));
        let long = format!("/{}/.venv/bin/python", "x".repeat(110));
        assert!(text(&long).starts_with("#!/bin/sh\n"));
        assert!(first_line(Path::new("/line\nbreak/python")).is_err());
    }

    #[test]
    fn launchers_start_from_every_odd_path() {
        let Some(python) = crate::tests::any_python() else {
            return;
        };
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "plain",
            "with space",
            "it's",
            "''two",
            "end'",
            "späte ñ 工",
            "back\\slash x",
            "dollar $HOME `id`",
            "tab\tx",
        ] {
            let bin = directory.path().join(name).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            let interpreter: PathBuf = bin.join("python");
            std::os::unix::fs::symlink(&python.base_executable, &interpreter).unwrap();
            std::fs::write(bin.join("tool.py"), "class App:\n    @staticmethod\n    def main():\n        import sys\n        print(sys.argv[1:])\n        return 3\n").unwrap();
            let script = bin.join("tool");
            let points = EntryPoints::parse(b"[console_scripts]\ntool = tool:App.main");
            std::fs::write(&script, launcher(&interpreter, &points.console[0]).unwrap()).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&script, mode).unwrap();
            let output = Command::new(&script).args(["a b", "'c'"]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            assert_eq!(
                (output.status.code(), &*said),
                (Some(3), r#"['a b', "'c'"]"#),
                "{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }

    #[test]
    fn only_scripts_that_ask_for_python_are_rewritten() {
        let rewrite = |script: &str| {
            let changed = rewritten(Path::new("/e/bin/python"), script.as_bytes()).unwrap();
            changed.map(|bytes| String::from_utf8(bytes).unwrap())
        };
        assert_eq!(rewrite("#!python\nx").as_deref(), Some("#!/e/bin/python\nx"));
        assert_eq!(
            rewrite("#!pythonw -s\r\nx").as_deref(),
            Some("#!/e/bin/python\nx")
        );
        assert_eq!(rewrite("#!python").as_deref(), Some("#!/e/bin/python\n"));
        assert_eq!(rewrite("#!python3\nx"), None);
        assert_eq!(rewrite("#!/bin/sh\nx"), None);
        assert_eq!(rewrite(""), None);
    }
}
