//! The maintainer scripts of all packages: which there are, in which order they are followed, and which need not be.

use wharf_store::{ObjectId, Store};

use super::super::SystemError;
use super::super::effects::Effects;
use super::super::files::Files;
use super::super::merge::Diversion;
use super::super::packages::Loaded;
use super::super::report::{ScriptClass, ScriptKind, ScriptReport};
use super::{MAX_TEXT, follow_one};

const TOO_LONG: &str = "it is too long to be read";

/// The scripts of all packages.
pub(crate) struct Scripts(Vec<Script>);

/// One of them, and its text if it is for the shell.
pub(super) struct Script {
    pub(super) package: usize,
    pub(super) kind: ScriptKind,
    object: ObjectId,
    pub(super) text: Result<String, &'static str>,
}

impl Scripts {
    /// Collects the scripts of a fresh install: all of `preinst`, then all of `postinst`, base packages first.
    pub(crate) fn of(store: &Store, packages: &[Loaded]) -> Result<Self, SystemError> {
        let mut found = Vec::new();
        for kind in [ScriptKind::Preinst, ScriptKind::Postinst] {
            for (index, package) in packages.iter().enumerate() {
                let Some(extra) = package.extras.get(kind.as_str()) else {
                    continue;
                };
                let text = match extra.size > MAX_TEXT as u64 {
                    true => Err(TOO_LONG),
                    false => shell_text(package.extra_text(store, kind.as_str())?),
                };
                found.push(Script {
                    package: index,
                    kind,
                    object: extra.object,
                    text,
                });
            }
        }
        let first = |name: &str| !matches!(name, "base-passwd" | "base-files");
        found.sort_by_key(|script| (script.kind, first(packages[script.package].name())));
        Ok(Self(found))
    }

    /// One script, of the first package.
    pub(crate) fn one(kind: ScriptKind, text: &str) -> Self {
        Self(vec![Script {
            package: 0,
            kind,
            object: ObjectId::from_bytes(*blake3::hash(text.as_bytes()).as_bytes()),
            text: match text.len() > MAX_TEXT {
                true => Err(TOO_LONG),
                false => shell_text(text.to_owned()),
            },
        }])
    }

    /// The diversions that scripts ask for before anything is unpacked.
    pub(crate) fn diversions(&self, store: &Store, packages: &[Loaded]) -> Vec<Diversion> {
        let mut effects = Effects::new(store, packages);
        for script in self.0.iter().filter(|script| script.kind == ScriptKind::Preinst) {
            if script
                .text
                .as_ref()
                .is_ok_and(|text| text.contains("dpkg-divert"))
            {
                follow_one(script, packages, &mut Files::default(), &mut effects);
            }
        }
        effects.diversions
    }

    /// Follows all of them.
    pub(crate) fn follow(
        &self,
        packages: &[Loaded],
        files: &mut Files,
        effects: &mut Effects<'_>,
    ) -> Result<Vec<ScriptReport>, SystemError> {
        let mut outcome = Vec::new();
        for script in &self.0 {
            let package = &packages[script.package];
            let (class, skipped) = match known(package.name(), script.kind) {
                Some(class) => (class, Vec::new()),
                None => follow_one(script, packages, files, effects),
            };
            outcome.push(ScriptReport {
                package: package.label(),
                kind: script.kind,
                digest: script.object.to_string(),
                class,
                skipped,
                matters: false,
                ran: false,
            });
        }
        match effects.failure.take() {
            Some(error) => Err(error.into()),
            None => Ok(outcome),
        }
    }
}

/// Scripts whose effect on a fresh root is made elsewhere in this module, whatever their text.
fn known(package: &str, kind: ScriptKind) -> Option<ScriptClass> {
    let covered = match (package, kind) {
        // Upgrades and running services; a compiled program in the case of bash.
        ("libc6" | "libc-bin" | "bash", ScriptKind::Preinst) | ("libc6", ScriptKind::Postinst) => true,
        // passwd and group come from their masters.
        ("base-passwd", _) => true,
        // The link of /bin/sh is in the package; diverting one's own file changes nothing.
        ("dash", _) => true,
        // /etc/ssl/certs is made by `certificates`.
        ("ca-certificates", _) => true,
        // /usr is merged from the start.
        ("usrmerge" | "usr-is-merged", _) => true,
        _ => false,
    };
    // These compile Python to bytecode, or list image loaders, by ways of their own.
    let finished = package.starts_with("python3.")
        || matches!(package, "python3-distutils" | "python3-lib2to3")
        || package.starts_with("libgdk-pixbuf-2.0");
    match (covered, finished && kind == ScriptKind::Postinst) {
        (true, _) => Some(ScriptClass::Covered),
        (_, true) => Some(ScriptClass::Triggers),
        _ => None,
    }
}

/// The text, if it is for the shell.
fn shell_text(text: String) -> Result<String, &'static str> {
    let first = text.lines().next().unwrap_or_default();
    let program = first.strip_prefix("#!").unwrap_or_default().trim();
    let name = program.split_whitespace().next().unwrap_or_default();
    match name.rsplit('/').next().unwrap_or_default() {
        "sh" | "dash" | "bash" => Ok(text),
        "" => Err("it is no text"),
        _ => Err("it is not written for the shell"),
    }
}
