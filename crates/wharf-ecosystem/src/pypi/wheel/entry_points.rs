//! `entry_points.txt`: the commands and plug-ins of a project.
//! Source: "Entry points specification" of the PyPA; the file's dialect is that of Python's `configparser`.

use crate::pypi::build_system::is_dotted_name;
use crate::pypi::text::{excerpt, lossy};

/// What a project offers by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPoints {
    /// Commands for a terminal.
    pub console: Vec<EntryPoint>,
    /// Commands that open windows.
    pub gui: Vec<EntryPoint>,
    /// What could not be read or must not be installed: the line and why.
    pub problems: Vec<(String, &'static str)>,
}

/// A command: a name, and the object that it calls. Module and attribute are Python identifiers joined by dots, and the
/// name is a plain file name, so that all of them can stand in a script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPoint {
    /// The command's name.
    pub name: String,
    /// The module to import.
    pub module: String,
    /// The function to call, in the module.
    pub attribute: String,
    /// The extras without which it cannot run.
    pub extras: Vec<String>,
}

impl EntryPoints {
    /// Reads the commands of an `entry_points.txt`. Other groups are skipped. The last of two equal names counts.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = lossy(bytes);
        let mut points = Self::default();
        let mut group = "";
        for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                group = name.trim();
                continue;
            }
            let list = match group {
                "console_scripts" => &mut points.console,
                "gui_scripts" => &mut points.gui,
                _ => continue,
            };
            match EntryPoint::parse(line) {
                Ok(point) => {
                    list.retain(|other| other.name != point.name);
                    list.push(point);
                }
                Err(reason) => points.problems.push((excerpt(line), reason)),
            }
        }
        points
    }
}

impl EntryPoint {
    /// Reads `name = module:attribute [extra, …]`.
    fn parse(line: &str) -> Result<Self, &'static str> {
        let (name, reference) = line.split_once('=').ok_or("it has no `=`")?;
        let name = name.trim();
        check_name(name)?;
        let (reference, extras) = match reference.split_once('[') {
            Some((reference, rest)) => (reference, rest.split_once(']').ok_or("its extras have no `]`")?.0),
            None => (reference, ""),
        };
        let (module, attribute) = reference.trim().split_once(':').ok_or("it names no function")?;
        let (module, attribute) = (module.trim(), attribute.trim());
        if !is_dotted_name(module) || !is_dotted_name(attribute) {
            return Err("it names something that Python could not import");
        }
        let extras = extras.split(',').map(str::trim).filter(|extra| !extra.is_empty());
        Ok(Self {
            name: name.to_owned(),
            module: module.to_owned(),
            attribute: attribute.to_owned(),
            extras: extras.map(str::to_owned).collect(),
        })
    }
}

/// A command becomes a file: its name must be one part of a path on every system.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("its name is empty");
    }
    if name.len() > 200 {
        return Err("its name is too long");
    }
    if name == "." || name == ".." || name.contains(['/', '\\', ':']) || name.chars().any(char::is_control) {
        return Err("its name is no plain file name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(points: &[EntryPoint]) -> Vec<String> {
        let show = |point: &EntryPoint| {
            format!(
                "{}={}:{}{:?}",
                point.name, point.module, point.attribute, point.extras
            )
        };
        points.iter().map(show).collect()
    }

    #[test]
    fn commands() {
        let points = EntryPoints::parse(
            b"# c\n[console_scripts]\npip = pip._internal.cli.main:main\n pip3=pip:main [a, b]\n\n; c\nf2py = x.y:F.g\n\
              [gui_scripts]\nidle = idlelib:main\n[pytest11]\nnot/a = command\n[console_scripts]\npip = pip2:main\n",
        );
        assert_eq!(
            shown(&points.console),
            ["pip3=pip:main[\"a\", \"b\"]", "f2py=x.y:F.g[]", "pip=pip2:main[]"]
        );
        assert_eq!(shown(&points.gui), ["idle=idlelib:main[]"]);
        assert_eq!(points.problems, []);
    }

    #[test]
    fn commands_that_must_not_be_installed() {
        for (line, reason) in [
            ("x", "it has no `=`"),
            ("= a:b", "its name is empty"),
            ("../x = a:b", "its name is no plain file name"),
            (".. = a:b", "its name is no plain file name"),
            ("a\\b = a:b", "its name is no plain file name"),
            ("x = a", "it names no function"),
            ("x = a:", "it names something that Python could not import"),
            (
                "x = a:b;import os",
                "it names something that Python could not import",
            ),
            ("x = a b:c", "it names something that Python could not import"),
            ("x = a:b [c", "its extras have no `]`"),
        ] {
            let points = EntryPoints::parse(format!("[console_scripts]\n{line}\n").as_bytes());
            assert_eq!(points.problems, [(line.to_owned(), reason)]);
            assert_eq!(points.console, []);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_can_stand_in_a_script(text in "(\\[console_scripts\\]\n)?([a-z.:=/ \\[\\]\n;é]){0,60}") {
            for point in EntryPoints::parse(text.as_bytes()).console {
                prop_assert!(!point.name.contains('/') && !point.name.is_empty());
                prop_assert!(!point.module.contains([' ', ';', '\n']) && !point.attribute.contains([' ', ';', '\n']));
            }
        }
    }
}
