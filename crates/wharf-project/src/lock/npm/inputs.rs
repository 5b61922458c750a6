//! What npm's part of a lock is resolved from, gathered from a project. Invariant: what the machine's settings say counts for
//! nothing, and equal projects give equal inputs.

use std::path::Path;

use serde_json::Value;
use wharf_ecosystem::npm::Spec;

use super::{NpmInputs, NpmRoot};
use crate::index::Declared;
use crate::npm::{NpmProject, StatedRule};
use crate::project::Project;
use crate::requirement::{Base, project_path};

impl NpmInputs {
    /// What npm's part of a lock of this project is resolved from; `None` where the project has nothing of npm.
    pub fn of(project: &Project) -> Option<Self> {
        let npm = project.npm.as_ref().filter(|npm| npm.asks_for_something())?;
        let mut inputs = Self {
            requirements: requirements(npm),
            overrides: rules(&npm.override_rules),
            extensions: rules(&npm.extension_rules),
            ignored_optional: npm.options.ignored_optional.clone(),
            peer_rules: rules(&npm.peer_rule_texts),
            registries: registries(npm),
            node: npm.node.as_ref().map(|node| node.text.clone()),
            local: local(npm, &project.root),
            install_peers: npm.options.install_peers,
            strict_peers: npm.options.strict_peers,
            cooldown: npm.options.cooldown,
            exclude_newer: npm.options.exclude_newer,
        };
        inputs.sort();
        Some(inputs)
    }
}

fn requirements(npm: &NpmProject) -> Vec<NpmRoot> {
    let all = npm.importers.iter().flat_map(|importer| {
        importer
            .requirements
            .iter()
            .map(move |requirement| (importer, requirement))
    });
    all.map(|(importer, requirement)| NpmRoot {
        importer: importer.path.clone(),
        alias: requirement.alias.clone(),
        kind: requirement.kind,
        spec: requirement.spec.print(),
    })
    .collect()
}

fn rules(rules: &[StatedRule]) -> Vec<String> {
    rules
        .iter()
        .map(|rule| format!("{} = {}", rule.key, rule.text))
        .collect()
}

fn registries(npm: &NpmProject) -> Vec<String> {
    let own = npm
        .registry_sources
        .iter()
        .filter(|registry| registry.declared == Declared::Project);
    own.map(|registry| match &registry.scope {
        Some(scope) => format!("{scope}={}", registry.url),
        None => registry.url.to_string(),
    })
    .collect()
}

/// `path fingerprint` of every local folder and archive that an importer asks for and that is wanted.
fn local(npm: &NpmProject, root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let ignored = npm.ignored_optional();
    for importer in &npm.importers {
        let wanted = importer.requirements.iter();
        for requirement in wanted.filter(|asked| !asked.is_ignored(&ignored)) {
            let (Spec::Directory(path) | Spec::File(path)) = &requirement.spec else {
                continue;
            };
            let absolute = importer.folder.join(path);
            let base = Base {
                root,
                folder: &importer.folder,
            };
            all.push(format!("{} {}", project_path(path, base), fingerprint(&absolute)));
        }
    }
    all
}

/// A digest of what a folder says about its requirements, or of an archive's bytes.
fn fingerprint(path: &Path) -> String {
    let bytes = if path.is_dir() {
        stated(&path.join("package.json"))
    } else {
        std::fs::read(path).unwrap_or_default()
    };
    blake3::hash(&bytes).to_hex()[..16].to_owned()
}

/// What of a `package.json` decides about requirements, in one form for equal contents.
fn stated(manifest: &Path) -> Vec<u8> {
    let text = std::fs::read(manifest).unwrap_or_default();
    let Ok(value) = serde_json::from_slice::<Value>(&text) else {
        return text;
    };
    let mut bytes = Vec::new();
    for key in [
        "name",
        "version",
        "dependencies",
        "optionalDependencies",
        "peerDependencies",
        "peerDependenciesMeta",
        "bundleDependencies",
        "bundledDependencies",
        "bin",
        "os",
        "cpu",
        "libc",
        "engines",
    ] {
        bytes.extend_from_slice(key.as_bytes());
        canonical(value.get(key).unwrap_or(&Value::Null), &mut bytes);
    }
    bytes
}

/// Appends a value with its keys sorted.
fn canonical(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Object(entries) => {
            let mut sorted: Vec<(&String, &Value)> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            bytes.push(b'{');
            for (key, value) in sorted {
                bytes.extend_from_slice(key.as_bytes());
                bytes.push(b':');
                canonical(value, bytes);
            }
            bytes.push(b'}');
        }
        Value::Array(values) => {
            bytes.push(b'[');
            values.iter().for_each(|value| canonical(value, bytes));
            bytes.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            bytes.extend_from_slice(value.to_string().as_bytes());
        }
    }
}
