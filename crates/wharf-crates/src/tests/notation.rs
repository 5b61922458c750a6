//! Worlds and projects in a few lines. A line is a version of a crate, or something of the project:
//!
//! ```text
//! a 1.0.0 yanked links=z rust=1.70 at=2025-01-01 : b ^1, opt c 1 +x +y -default, dev d *, build e 1, r=f 1 | std = dep:c b/z | default = std
//! root app 0.1.0 : a 1                 a member; a tool: `tool app 0.1.0 +feature -default : a 1`
//! folder lib x 1.0.0 : a 1             a package in a folder, for needs with `@lib`
//! git https://example.org/r x 1.0.0 :  a package of a repository, for needs with `@https://example.org/r`
//! patch x * @lib                       what a patch of crates.io takes
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use wharf_ecosystem::cargo::features::feature_map;
use wharf_ecosystem::cargo::{
    CrateName, CrateVersions, Dependency, DependencyKind, FeatureValue, GitReference, Req, SourceId, Summary,
    VersionRow, crate_name,
};

use crate::*;

/// A registry, folders and repositories in memory.
#[derive(Default)]
pub(super) struct Index {
    pub(super) crates: BTreeMap<CrateName, Vec<Summary>>,
    sources: BTreeMap<SourceId, Vec<Arc<Summary>>>,
    /// What answers `Unknown` although it is there.
    pub(super) hidden: Mutex<Vec<CrateName>>,
    /// What answers with a failure.
    pub(super) broken: Vec<CrateName>,
}

/// Reads a world and a project.
pub(super) fn world(text: &str) -> (Index, Problem) {
    let mut index = Index::default();
    let mut problem = Problem::new(Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, rest) = line.split_once(" :").unwrap_or((line, ""));
        let mut words = head.split_whitespace();
        match words.next().unwrap() {
            "patch" => problem.patches.push(Patch {
                of: SourceId::crates_io(),
                dependency: need(line.strip_prefix("patch ").unwrap()),
            }),
            "root" => {
                let (summary, _) = summary(words, rest, SourceId::path);
                problem.roots.push(Root::member(Arc::new(summary)));
            }
            "tool" => {
                let (summary, marks) = summary(words, rest, |_| SourceId::crates_io());
                let features = marks
                    .iter()
                    .filter_map(|mark| mark.strip_prefix('+'))
                    .map(FeatureValue::parse);
                let default = !marks.contains(&"-default");
                problem
                    .roots
                    .push(Root::tool(Arc::new(summary), features.collect(), default));
            }
            "folder" | "git" => {
                let source = source(words.next().unwrap());
                let (summary, _) = summary(words, rest, |_| source.clone());
                index.sources.entry(source).or_default().push(Arc::new(summary));
            }
            _ => {
                let (summary, _) = summary(head.split_whitespace(), rest, |_| SourceId::crates_io());
                index
                    .crates
                    .entry(summary.name.clone())
                    .or_default()
                    .push(summary);
            }
        }
    }
    (index, problem)
}

fn source(text: &str) -> SourceId {
    match text.starts_with("https:") {
        true => SourceId::git(text, GitReference::DefaultBranch).unwrap(),
        false => SourceId::path(text),
    }
}

fn summary<'a>(
    mut words: impl Iterator<Item = &'a str>,
    rest: &str,
    source: impl Fn(&str) -> SourceId,
) -> (Summary, Vec<&'a str>) {
    let name = words.next().unwrap();
    let version = words.next().unwrap().parse().unwrap();
    let mut summary = Summary::new(crate_name(name).unwrap(), version, source(name));
    let mut marks = Vec::new();
    for word in words {
        match word.split_once('=') {
            None if word == "yanked" => summary.yanked = true,
            Some(("links", links)) => summary.links = Some(links.into()),
            Some(("rust", version)) => summary.rust_version = Some(version.parse().unwrap()),
            Some(("at", day)) => summary.published = Some(format!("{day}T00:00:00Z").parse().unwrap()),
            _ => marks.push(word),
        }
    }
    let mut parts = rest.split(" | ");
    let needs = parts.next().unwrap_or_default().split(',').map(str::trim);
    summary.dependencies = needs.filter(|text| !text.is_empty()).map(need).collect();
    let table: Vec<_> = parts
        .map(|part| {
            let (name, values) = part.split_once('=').unwrap();
            let values = values.split_whitespace().map(FeatureValue::parse).collect();
            (name.trim(), values)
        })
        .collect();
    summary.features = feature_map(table, &summary.dependencies).unwrap();
    (summary, marks)
}

fn need(text: &str) -> Dependency {
    let mut words = text.split_whitespace().peekable();
    let mut kind = DependencyKind::Normal;
    let mut optional = false;
    while let Some(word) = words.next_if(|word| ["dev", "build", "opt"].contains(word)) {
        match word {
            "dev" => kind = DependencyKind::Dev,
            "build" => kind = DependencyKind::Build,
            _ => optional = true,
        }
    }
    let name = words.next().unwrap();
    let (alias, package) = name.split_once('=').unwrap_or((name, name));
    let mut need = Dependency::new(crate_name(package).unwrap(), Req::Any, SourceId::crates_io());
    need.alias = alias.into();
    (need.kind, need.optional) = (kind, optional);
    let mut req = String::new();
    for word in words {
        if let Some(feature) = word.strip_prefix('+') {
            need.features.push(feature.into());
        } else if word == "-default" {
            need.default_features = false;
        } else if let Some(place) = word.strip_prefix('@') {
            need.source = source(place);
        } else {
            req.push_str(word);
        }
    }
    // `;` stands for the comma between two bounds.
    if req != "*" || need.source.is_registry() {
        need.req = Req::parse(&req.replace(';', ",")).unwrap();
    }
    need
}

impl Universe for Index {
    fn versions(&self, registry: &SourceId, name: &CrateName) -> Lookup<Arc<CrateVersions>> {
        if self.hidden.lock().unwrap().contains(name) {
            return Lookup::Unknown;
        }
        if self.broken.contains(name) {
            return Lookup::Failed("the registry is down".to_owned());
        }
        let summaries = self.crates.get(name).map(Vec::as_slice).unwrap_or_default();
        Lookup::Known(Arc::new(versions(registry, name, summaries)))
    }

    fn packages(&self, source: &SourceId) -> Lookup<Arc<Vec<Arc<Summary>>>> {
        match self.sources.get(source) {
            Some(packages) => Lookup::Known(Arc::new(packages.clone())),
            None => Lookup::Failed("there is no Cargo.toml".to_owned()),
        }
    }
}

/// The lines of an index for these versions.
fn versions(registry: &SourceId, name: &CrateName, summaries: &[Summary]) -> CrateVersions {
    let mut text = String::new();
    let mut rows = Vec::new();
    for summary in summaries {
        let start = u32::try_from(text.len()).unwrap();
        text.push_str(&line(summary));
        rows.push(VersionRow {
            version: summary.version.clone(),
            yanked: summary.yanked,
            rust_version: summary.rust_version,
            published: summary.published,
            span: start..u32::try_from(text.len()).unwrap(),
        });
    }
    CrateVersions::from_rows(name.clone(), registry.clone(), rows, Arc::new(text), Vec::new())
}

fn line(summary: &Summary) -> String {
    let deps: Vec<String> = summary
        .dependencies
        .iter()
        .map(|need| {
            let features: Vec<_> = need.features.iter().map(|feature| format!("{feature:?}")).collect();
            format!(
                r#"{{"name":"{}","package":"{}","req":"{}","kind":"{}","optional":{},"default_features":{},"features":[{}]}}"#,
                need.alias,
                need.package,
                need.req,
                need.kind.as_str(),
                need.optional,
                need.default_features,
                features.join(",")
            )
        })
        .collect();
    let features: Vec<String> = summary
        .features
        .iter()
        .map(|(name, values)| {
            let values: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
            format!("\"{name}\":[{}]", values.join(","))
        })
        .collect();
    let links = summary
        .links
        .as_ref()
        .map_or_else(String::new, |links| format!(r#","links":"{links}""#));
    let rust = summary
        .rust_version
        .map_or_else(String::new, |asked| format!(r#","rust_version":"{asked}""#));
    let checksum = format!(
        "{:0>64}",
        summary
            .version
            .to_string()
            .replace(|c: char| !c.is_ascii_hexdigit(), "0")
    );
    format!(
        r#"{{"name":"{}","vers":"{}","cksum":"{checksum}","yanked":{},"deps":[{}],"features":{{{}}}{links}{rust},"v":2}}"#,
        summary.name,
        summary.version,
        summary.yanked,
        deps.join(","),
        features.join(",")
    )
}

/// The outcome in words: one line for each package, its features and what it needs.
pub(super) fn told(outcome: &Outcome) -> String {
    let mut text = String::new();
    for package in &outcome.packages {
        text.push_str(&package.summary.label());
        if !package.features.is_empty() {
            text.push_str(&format!(" [{}]", package.features.join(" ")));
        }
        let needs: Vec<_> = package
            .needs()
            .map(|(_, to)| outcome.packages[to].summary.label())
            .collect();
        if !needs.is_empty() {
            text.push_str(&format!(" > {}", needs.join(", ")));
        }
        text.push('\n');
    }
    for patch in &outcome.unused_patches {
        text.push_str(&format!("unused patch {}\n", patch.label()));
    }
    text
}

/// What a world comes to: the outcome, or why there is none, with its hints.
pub(super) fn solve(text: &str) -> String {
    let (index, problem) = world(text);
    end(resolve(&problem, &index))
}

/// A run's end in words.
pub(super) fn end(end: Result<Outcome, Stop>) -> String {
    use wharf_core::Explain;
    match end {
        Ok(outcome) => told(&outcome),
        Err(Stop::Needs(needs)) => {
            let crates: Vec<_> = needs.crates.iter().map(|(_, name)| name.to_string()).collect();
            format!("needs {}", crates.join(", "))
        }
        Err(Stop::Failed(error)) => {
            let hints: Vec<_> = error
                .hints()
                .into_iter()
                .map(|hint| format!("\nhint: {hint}"))
                .collect();
            format!("{}: {error}{}", error.code(), hints.concat())
        }
    }
}
