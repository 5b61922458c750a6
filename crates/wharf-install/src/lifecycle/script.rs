//! Which scripts a package has for its installation, and one of them run as npm runs it.
//!
//! Source: docs.npmjs.com, "scripts": life cycle operation order, environment, and the default of packages with a
//! `binding.gyp`. Invariant: a script has no input, and its output goes to a file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use wharf_ecosystem::npm::graph::Package;
use wharf_sys::view::{Change, View, changes};

use super::stage::Staged;
use super::{Approved, ScriptError, shims};
use crate::inside::Inside;
use crate::nodejs::NodeBinary;
use crate::running::joined;
use crate::waiting;

/// The scripts of an installation, in their order.
const EVENTS: [&str; 3] = ["preinstall", "install", "postinstall"];
/// Lines of output that a message shows.
const TAIL: usize = 20;

/// One script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// `postinstall`.
    pub(super) event: &'static str,
    /// What the shell is given.
    pub(super) command: String,
}

/// The scripts that the installation of a package runs; `gyp` says whether it has a `binding.gyp`.
pub(super) fn of(manifest: &[u8], gyp: bool) -> Vec<Script> {
    let manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
    let stated = |event: &str| {
        let command = manifest["scripts"][event].as_str()?;
        (!command.trim().is_empty()).then(|| command.to_owned())
    };
    let builds = gyp && stated("preinstall").is_none() && stated("install").is_none();
    let builds = builds && manifest["gypfile"] != Value::Bool(false);
    let command = |event: &'static str| match stated(event) {
        None if event == "install" && builds => Some("node-gyp rebuild".to_owned()),
        command => command,
    };
    let scripts = EVENTS.into_iter().filter_map(|event| {
        Some(Script {
            event,
            command: command(event)?,
        })
    });
    scripts.collect()
}

/// What is around the scripts of one package.
pub(super) struct Context<'a> {
    pub(super) approved: &'a Approved<'a>,
    pub(super) package: &'a Package,
    pub(super) manifest: &'a [u8],
    pub(super) staged: &'a Staged,
    pub(super) cancel: &'a AtomicBool,
}

impl Context<'_> {
    /// Runs one script to its end.
    pub(super) fn run(&self, script: &Script) -> Result<(), ScriptError> {
        let name = format!("{}-{}.log", self.package.label().replace('/', "+"), script.event);
        let log = self.approved.logs.join(name);
        let io = |action, path: &Path| {
            let (package, path) = (self.package.label(), path.to_owned());
            move |source| ScriptError::Io {
                package,
                action,
                path,
                source,
            }
        };
        fs::create_dir_all(self.approved.logs).map_err(io("make", self.approved.logs))?;
        let output = File::create(&log).map_err(io("write", &log))?;
        let errors = output.try_clone().map_err(io("write", &log))?;
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(&script.command)
            .current_dir(&self.staged.package)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // Its own group, so that all it started can be stopped with it.
            .process_group(0);
        self.settle(&mut command);
        let path = self.path();
        command.envs(self.variables(script, &path)).env("PATH", path);
        let inside = self.approved.system.map(Inside::of).transpose();
        let inside = inside.map_err(io("look from", &self.staged.package))?;
        if let Some(inside) = &inside {
            inside
                .enter_here(&mut command)
                .map_err(io("look from", &self.staged.package))?;
        }
        let mut child = command
            .spawn()
            .map_err(io("start /bin/sh in", &self.staged.package))?;
        let status = waiting::wait(&mut child, self.cancel)
            .map_err(io("wait for the shell in", &self.staged.package))?;
        match status {
            None => Err(ScriptError::Interrupted),
            Some(status) if status.success() => {
                // Only the output of what went wrong is of interest later.
                let _ = fs::remove_file(&log);
                Ok(())
            }
            Some(status) => Err(ScriptError::Failed {
                package: self.package.label(),
                event: script.event,
                how: waiting::words(status).into(),
                advice: self.advice(&tail(&log)),
                tail: tail(&log).into(),
                log,
            }),
        }
    }

    /// What to do about a script that failed, as far as its output says it.
    fn advice(&self, output: &str) -> Vec<String> {
        let lacks = |program: &str| {
            // With the space: `cnpm: not found` is about another one.
            let unknown = [
                format!(" {program}: not found"),
                format!(" {program}: command not found"),
            ];
            let mut lines = output.lines();
            lines.any(|line| unknown.iter().any(|words| line.ends_with(words)))
        };
        let approved = self.approved;
        let mut advice = Vec::new();
        if lacks("node-gyp") {
            let version = &approved.node.version;
            advice.push(format!(
                "`wharf add --dev npm:node-gyp` makes a node-gyp part of the project, which builds for this Node ({version})"
            ));
            if approved.system.is_some() {
                advice.push(
                    "`wharf add deb:nodejs` makes Debian's Node the project's, whose node-gyp and headers builds have"
                        .to_owned(),
                );
            }
        }
        if lacks("npm") && approved.ground().is_debians() {
            advice.push("`wharf add deb:npm` brings the npm that the script starts".to_owned());
        }
        advice
    }

    /// Variables that mean something else in a system root get their values there.
    fn settle(&self, command: &mut Command) {
        for change in self.changes() {
            match change.value {
                Some(value) => command.env(change.name, value),
                None => command.env_remove(change.name),
            };
        }
    }

    fn changes(&self) -> Vec<Change> {
        // Nothing is entered here: the root alone says what differs.
        let view = self
            .approved
            .system
            .map(|root| View::new(root, &self.staged.package));
        view.map_or_else(Vec::new, |view| changes(&view, &|name| std::env::var_os(name)))
    }

    fn path(&self) -> OsString {
        let rest = match self.approved.system {
            // A system root has compilers of its own.
            Some(_) => {
                let changed = self.changes().into_iter().find(|change| change.name == "PATH");
                changed.and_then(|change| change.value).unwrap_or_default()
            }
            None => {
                let rest = std::env::var_os("PATH").unwrap_or_default();
                crate::toolchains::path_with_compilers(&rest)
            }
        };
        let folders = self
            .staged
            .path
            .iter()
            .cloned()
            .chain(std::env::split_paths(&rest))
            .chain(self.approved.shims().map(Path::to_owned));
        joined(folders)
    }

    fn variables(&self, script: &Script, path: &OsStr) -> Vec<(String, OsString)> {
        let around = Around {
            event: script.event,
            command: &script.command,
            manifest: self.manifest,
            folder: &self.staged.package,
            start: self.approved.project,
            node: Some(self.approved.node),
        };
        let mut variables = around.variables();
        let shims = self.approved.shims();
        let starter = Starter {
            // What `npm_execpath` leads to is what `npm` is: scripts take the one where they do not find the other.
            runner: shims
                .filter(|_| !shims::has_other_npm(path, shims))
                .map(|shims| shims.join("npm")),
            node: None,
        };
        variables.extend(starter.variables());
        if let Some(gyp) = &self.staged.node_gyp {
            variables.push(("npm_config_node_gyp".into(), gyp.clone().into()));
        }
        let for_node = self.approved.config.get("node-options");
        if let Some(options) = for_node.filter(|options| !options.is_empty()) {
            variables.push((NODE_OPTIONS.to_owned(), options.into()));
        }
        let config = self.approved.config.iter();
        let mut told: BTreeMap<String, OsString> = config
            .map(|(key, value)| (config_variable(key), value.into()))
            .collect();
        // The headers that came with this Node are the right ones, and need no network. A file's word is about some Node of the machine.
        if let Some(prefix) = self.approved.ground().headers() {
            told.insert("npm_config_nodedir".to_owned(), prefix.into());
        }
        variables.extend(unsaid(told, std::env::vars_os()));
        variables
    }
}

/// What of it is told: what the user's own variables say counts before all of it, in capitals as well, which npm reads and scripts do not.
fn unsaid(
    told: BTreeMap<String, OsString>,
    own: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(String, OsString)> {
    let own: BTreeMap<OsString, OsString> = own.collect();
    let told = told.into_iter();
    let told = told.filter(|(name, _)| !own.contains_key(OsStr::new(name)));
    let told = told.map(|(name, word)| {
        let said = own
            .iter()
            .find(|(variable, _)| variable.eq_ignore_ascii_case(&name));
        let word = said.map_or(word, |(_, value)| value.clone());
        (name, word)
    });
    told.collect()
}

/// What npm tells a script of a `package.json` about itself, in variables.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The script's name: `postinstall`, `dev`.
    pub event: &'a str,
    /// What the shell is given.
    pub command: &'a str,
    /// The `package.json`.
    pub manifest: &'a [u8],
    /// The folder that it lies in.
    pub folder: &'a Path,
    /// Where the user started the command.
    pub start: &'a Path,
    /// The Node that the script finds.
    pub node: Option<&'a NodeBinary>,
}

/// The variable by which Node is told options; npm sets it to the word of its configuration `node-options`.
pub const NODE_OPTIONS: &str = "NODE_OPTIONS";

/// The variable by which npm tells a word of its configuration to what it starts.
#[must_use]
pub fn config_variable(key: &str) -> String {
    format!("npm_config_{}", key.replace('-', "_"))
}

/// What npm tells every program that it starts about what started it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starter {
    /// The program that runs scripts by name, as npm does: `$npm_execpath run NAME`.
    pub runner: Option<PathBuf>,
    /// The Node that programs find.
    pub node: Option<PathBuf>,
}

impl Starter {
    /// The names of the variables.
    pub const VARIABLES: [&str; 3] = ["npm_execpath", "npm_node_execpath", "NODE"];

    /// The variables. Source: docs.npmjs.com, "scripts", "environment"; `npm_execpath` is what npm-run-all and others start.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, OsString)> {
        let paths = [&self.runner, &self.node, &self.node];
        let set = Self::VARIABLES.into_iter().zip(paths).filter_map(|(name, path)| {
            let path = path.as_ref()?;
            Some((name.to_owned(), path.clone().into()))
        });
        set.collect()
    }
}

impl Around<'_> {
    /// The variables. Source: docs.npmjs.com, "scripts", "environment".
    #[must_use]
    pub fn variables(&self) -> Vec<(String, OsString)> {
        let manifest: Value = serde_json::from_slice(self.manifest).unwrap_or_default();
        let mut variables: Vec<(String, OsString)> = vec![
            ("npm_lifecycle_event".into(), self.event.into()),
            ("npm_lifecycle_script".into(), self.command.into()),
            ("npm_config_user_agent".into(), user_agent(self.node).into()),
            ("INIT_CWD".into(), self.start.into()),
            ("npm_package_json".into(), self.folder.join("package.json").into()),
        ];
        variables.push(("npm_command".into(), self.npm_command().into()));
        if let Some(node) = self.node {
            variables.push(("npm_node_execpath".into(), node.executable.clone().into()));
            variables.push(("NODE".into(), node.executable.clone().into()));
        }
        for field in ["name", "version", "config", "engines", "bin"] {
            flatten(&format!("npm_package_{field}"), &manifest[field], &mut variables);
        }
        variables
    }

    /// The command of npm's that would run the script.
    fn npm_command(&self) -> &'static str {
        match EVENTS.contains(&self.event) {
            true => "install",
            false => "run-script",
        }
    }
}

/// Who runs the script, in the form that scripts look for.
fn user_agent(node: Option<&NodeBinary>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match node {
        Some(node) => format!(
            "wharf/{version} npm/? node/v{} {} {}",
            node.version, node.platform, node.arch
        ),
        None => format!("wharf/{version} npm/?"),
    }
}

/// A value as variables: one for each text in it, named by the way to it.
fn flatten(name: &str, value: &Value, variables: &mut Vec<(String, OsString)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let plain = |each: char| if each.is_ascii_alphanumeric() { each } else { '_' };
                flatten(
                    &format!("{name}_{}", key.chars().map(plain).collect::<String>()),
                    value,
                    variables,
                );
            }
        }
        // A text with a zero byte can be no variable.
        Value::String(text) if !text.contains('\0') => variables.push((name.to_owned(), text.into())),
        Value::Number(_) | Value::Bool(_) => variables.push((name.to_owned(), value.to_string().into())),
        Value::String(_) | Value::Array(_) | Value::Null => {}
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_scripts_run() {
        let check = |manifest: &str, gyp: bool, expected: &[(&str, &str)]| {
            let found = of(manifest.as_bytes(), gyp);
            let found: Vec<_> = found
                .iter()
                .map(|one| (one.event, one.command.as_str()))
                .collect();
            assert_eq!(found, expected, "{manifest} {gyp}");
        };
        check("{}", false, &[]);
        check("not json", false, &[]);
        check("{}", true, &[("install", "node-gyp rebuild")]);
        check(r#"{"gypfile": false}"#, true, &[]);
        let all = r#"{"scripts": {"postinstall": "c", "install": "b", "preinstall": "a", "prepare": "x"}}"#;
        check(
            all,
            true,
            &[("preinstall", "a"), ("install", "b"), ("postinstall", "c")],
        );
        let before = r#"{"scripts": {"preinstall": "a"}}"#;
        check(before, true, &[("preinstall", "a")]);
        let after = r#"{"scripts": {"postinstall": "c", "install": " "}}"#;
        check(
            after,
            true,
            &[("install", "node-gyp rebuild"), ("postinstall", "c")],
        );
    }

    #[test]
    fn the_users_own_variables_count_in_either_case() {
        let told = ["npm_config_a", "npm_config_b", "npm_config_c", "npm_config_d"];
        let told = told.map(|name| (name.to_owned(), OsString::from("file")));
        let own = [
            ("NPM_CONFIG_A", "own"),
            ("npm_config_b", "own"),
            ("NPM_CONFIG_D", "other"),
            ("npm_config_d", "own"),
        ];
        let own = own.map(|(name, value)| (name.into(), value.into()));
        let expected = [("npm_config_a", "own"), ("npm_config_c", "file")];
        assert_eq!(
            unsaid(told.into(), own.into_iter()),
            expected.map(|(name, value)| (name.to_owned(), value.into()))
        );
    }

    #[test]
    fn nested_values_become_variables() {
        let mut variables = Vec::new();
        let value = serde_json::json!({"a-b": {"c": "x"}, "port": 80, "list": ["no"], "nothing": null});
        flatten("npm_package_config", &value, &mut variables);
        assert_eq!(
            variables,
            [
                ("npm_package_config_a_b_c".to_owned(), "x".into()),
                ("npm_package_config_port".to_owned(), "80".into())
            ]
        );
    }
}
