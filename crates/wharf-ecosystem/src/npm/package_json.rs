//! The whole `package.json` of an importer: its manifest, and what only a project's own file says.
//! Source: docs.npmjs.com, "package.json" and "workspaces"; pnpm.io, "package.json"; bun.sh, "catalogs"; nodejs.org, "packages".

use super::json::{InvalidJson, Json};
use super::manifest::PackageManifest;

/// A `package.json`. Fields that other modules read ([`super::overrides`], [`super::extensions`]) stand as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageJson {
    /// What every package's manifest says.
    pub manifest: PackageManifest,
    /// Whether it must not be published.
    pub private: bool,
    /// `type`: `module` or `commonjs`.
    pub kind: Option<String>,
    /// Patterns of folders that are members of its workspace, `!` in front excludes; `None` where it says nothing of workspaces.
    pub workspaces: Option<Vec<String>>,
    /// The default catalog: versions by name (`catalog`, at the top or in `workspaces`).
    pub catalog: Vec<(String, String)>,
    /// Named catalogs.
    pub catalogs: Vec<(String, Vec<(String, String)>)>,
    /// `overrides`, of npm.
    pub overrides: Json,
    /// `resolutions`, of yarn.
    pub resolutions: Json,
    /// `pnpm`: `overrides`, `packageExtensions`, `peerDependencyRules` and more.
    pub pnpm: Json,
    /// `wharf`: Wharf's own settings, such as `policy`.
    pub wharf: Json,
    /// `packageManager`: a package manager and its version (`pnpm@9.1.0+sha512.…`).
    pub package_manager: Option<String>,
    /// `devEngines`: `runtime`, `packageManager`.
    pub dev_engines: Json,
    /// `trustedDependencies`, of bun: packages whose scripts may run there.
    pub trusted_dependencies: Vec<String>,
}

/// A `package.json` that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPackageJson {
    /// It is not JSON.
    #[error("{0}")]
    Json(#[from] InvalidJson),
    /// It is JSON, but no object.
    #[error("line 1, column 1: it is {0}, not an object")]
    NoObject(&'static str),
}

impl InvalidPackageJson {
    /// The line and the column, from 1, at which it cannot be read.
    pub fn place(&self) -> (usize, usize) {
        match self {
            InvalidPackageJson::Json(error) => (error.line, error.column),
            InvalidPackageJson::NoObject(_) => (1, 1),
        }
    }
}

impl PackageJson {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it is not JSON or not an object. Fields are never an error: what is odd in them is told in the manifest's `oddities`.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidPackageJson> {
        let value = Json::parse(bytes)?;
        if value.object().is_none() {
            return Err(InvalidPackageJson::NoObject(value.kind()));
        }
        Ok(Self::from_json(value))
    }

    /// The same from a value that was read already.
    pub fn from_json(value: Json) -> Self {
        let workspaces = value.get("workspaces");
        let field = |key: &str| value.get(key).cloned().unwrap_or_default();
        let text = |key: &str| value.get(key).and_then(Json::text).map(str::to_owned);
        // bun has both names in either place.
        let in_either = |key: &str| workspaces.and_then(|own| own.get(key)).or_else(|| value.get(key));
        Self {
            private: value.get("private") == Some(&Json::Bool(true)),
            kind: text("type"),
            workspaces: workspaces.map(members),
            catalog: in_either("catalog").map(texts).unwrap_or_default(),
            catalogs: catalogs(in_either("catalogs")),
            overrides: field("overrides"),
            resolutions: field("resolutions"),
            pnpm: field("pnpm"),
            wharf: field("wharf"),
            package_manager: text("packageManager"),
            dev_engines: field("devEngines"),
            trusted_dependencies: list(value.get("trustedDependencies")),
            manifest: PackageManifest::from_json(value),
        }
    }

    /// The range of Node versions that `devEngines.runtime` asks for, of one runtime or of the one in a list that is node.
    pub fn dev_node(&self) -> Option<&str> {
        let runtime = self.dev_engines.get("runtime")?;
        let is_node = |one: &&Json| one.get("name").and_then(Json::text) == Some("node");
        let node = match runtime.list() {
            Some(list) => list.iter().find(is_node)?,
            None => Some(runtime).filter(is_node)?,
        };
        node.get("version").and_then(Json::text)
    }

    /// The package manager that it names, and that one's version without its hash.
    pub fn manager(&self) -> Option<(&str, &str)> {
        let (name, version) = self.package_manager.as_deref()?.split_once('@')?;
        Some((name, version.split('+').next().unwrap_or(version)))
    }
}

/// A list of patterns, or an object with `packages`.
fn members(value: &Json) -> Vec<String> {
    match value {
        Json::List(_) => list(Some(value)),
        _ => list(value.get("packages")),
    }
}

fn catalogs(value: Option<&Json>) -> Vec<(String, Vec<(String, String)>)> {
    let entries = value.and_then(Json::object).unwrap_or_default();
    entries
        .iter()
        .map(|(name, own)| (name.clone(), texts(own)))
        .collect()
}

fn texts(value: &Json) -> Vec<(String, String)> {
    let entries = value.object().unwrap_or_default();
    let texts = entries
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.text()?.to_owned())));
    texts.collect()
}

fn list(value: Option<&Json>) -> Vec<String> {
    let items = value.and_then(Json::list).unwrap_or_default();
    items.iter().filter_map(Json::text).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> PackageJson {
        PackageJson::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_project() {
        let project = parse(
            r#"{"name": "web", "private": true, "type": "module", "packageManager": "pnpm@9.1.0+sha512.ab",
                "workspaces": {"packages": ["packages/*", "!packages/x", 7], "catalog": {"react": "^19"}},
                "catalogs": {"old": {"react": "^17"}}, "overrides": {"a": "1"}, "resolutions": {"b": "2"},
                "pnpm": {"overrides": {}}, "trustedDependencies": ["esbuild"], "dependencies": {"react": "catalog:"},
                "devEngines": {"runtime": [{"name": "bun"}, {"name": "node", "version": ">=22"}]}}"#,
        );
        assert!(project.private);
        assert_eq!(
            project.workspaces.as_deref(),
            Some(&["packages/*".to_owned(), "!packages/x".to_owned()][..])
        );
        assert_eq!(project.catalog, [("react".to_owned(), "^19".to_owned())]);
        assert_eq!(project.catalogs[0].0, "old");
        assert_eq!(project.manager(), Some(("pnpm", "9.1.0")));
        assert_eq!(project.dev_node(), Some(">=22"));
        assert_eq!(project.overrides.get("a").and_then(Json::text), Some("1"));
        assert_eq!(project.trusted_dependencies, ["esbuild"]);
        assert_eq!(project.manifest.dependencies.len(), 1);
    }

    #[test]
    fn forms_of_workspaces() {
        for (json, expected) in [
            ("{}", None),
            (r#"{"workspaces": []}"#, Some(0)),
            (r#"{"workspaces": ["a", "b"]}"#, Some(2)),
            (r#"{"workspaces": {"packages": ["a"]}}"#, Some(1)),
            (r#"{"workspaces": {"nohoist": ["a"]}}"#, Some(0)),
            (r#"{"workspaces": 7}"#, Some(0)),
        ] {
            assert_eq!(
                parse(json).workspaces.map(|members| members.len()),
                expected,
                "{json}"
            );
        }
    }

    #[test]
    fn errors_have_a_place() {
        for (json, place, error) in [
            (
                "{\n \"a\": 1,,\n}",
                (2, 9),
                "line 2, column 9: key must be a string",
            ),
            ("[]", (1, 1), "line 1, column 1: it is a list, not an object"),
            ("", (1, 0), "line 1, column 0: EOF while parsing a value"),
        ] {
            let invalid = PackageJson::parse(json.as_bytes()).unwrap_err();
            assert_eq!(
                (invalid.place(), invalid.to_string().as_str()),
                (place, error),
                "{json}"
            );
        }
    }

    #[test]
    fn one_runtime_without_a_list() {
        assert_eq!(
            parse(r#"{"devEngines": {"runtime": {"name": "node", "version": "22"}}}"#).dev_node(),
            Some("22")
        );
        assert_eq!(
            parse(r#"{"devEngines": {"runtime": {"name": "deno", "version": "2"}}}"#).dev_node(),
            None
        );
    }
}
