//! The skeleton of a virtual environment: everything in `.venv` that belongs to no package.
//!
//! Invariant: scripts name the root where the environment will stand, never the stage where it is built.
//! Source: PEP 405 (`pyvenv.cfg`), the `venv` module's documentation.

mod quote;

use std::path::Path;

use crate::error::InstallError;
use crate::layout::{Content, Item};
use crate::python::Interpreter;

/// Whether an environment sees the packages of the interpreter that it was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemSite {
    /// It stands alone.
    #[default]
    Hidden,
    /// It sees them.
    Visible,
}

/// What a skeleton is made from.
#[derive(Clone, Copy, Debug)]
pub struct Skeleton<'a> {
    /// The interpreter behind the environment.
    pub python: &'a Interpreter,
    /// Where the environment will stand.
    pub root: &'a Path,
    /// What shells show while it is active.
    pub prompt: &'a str,
    /// Whether the interpreter's own packages are visible.
    pub system_site: SystemSite,
}

impl Skeleton<'_> {
    /// The files and links of the skeleton, relative to the root.
    ///
    /// # Errors
    /// The root's path cannot be written into text files: it is not Unicode or has a line break.
    pub fn items(&self) -> Result<Vec<Item>, InstallError> {
        let bin = &self.python.scheme.scripts;
        let site = self.python.site_packages();
        let mut items = vec![
            Item::text("pyvenv.cfg", self.pyvenv_cfg()?),
            // Whoever versions the project by accident must not version this, nor back it up.
            Item::text(".gitignore", "*\n".to_owned()),
            Item::text(
                "CACHEDIR.TAG",
                "Signature: 8a477f597d28d172789f06886806bc55\n".to_owned(),
            ),
            Item {
                path: site,
                content: Content::Directory,
            },
        ];
        if self.python.pointer_bits == 64 && cfg!(target_os = "linux") {
            items.push(Item::link("lib64", "lib"));
        }
        items.extend(self.executables(bin)?);
        items.extend(self.activation(bin)?);
        Ok(items)
    }

    fn pyvenv_cfg(&self) -> Result<String, InstallError> {
        let base = unicode(&self.python.base_executable)?;
        let home = base.rsplit_once('/').map_or("/", |(home, _)| home);
        let system = match self.system_site {
            SystemSite::Hidden => "false",
            SystemSite::Visible => "true",
        };
        Ok(format!(
            "home = {home}\n\
             implementation = {}\n\
             version = {version}\n\
             version_info = {version}\n\
             include-system-site-packages = {system}\n\
             executable = {base}\n\
             prompt = {}\n\
             wharf = {}\n",
            self.python.markers.platform_python_implementation,
            one_line(self.prompt),
            env!("CARGO_PKG_VERSION"),
            version = self.python.version,
        ))
    }

    fn executables(&self, bin: &str) -> Result<Vec<Item>, InstallError> {
        let mut items = vec![Item::link(
            &format!("{bin}/python"),
            unicode(&self.python.base_executable)?,
        )];
        items.extend(
            executable_names(self.python)
                .into_iter()
                .skip(1)
                .map(|name| Item::link(&format!("{bin}/{name}"), "python")),
        );
        Ok(items)
    }

    fn activation(&self, bin: &str) -> Result<Vec<Item>, InstallError> {
        let root = unicode(self.root)?;
        let prompt = one_line(self.prompt);
        let fill = |name: &str, template: &str, quote: fn(&str) -> String| {
            let text = template
                .replace("@ROOT@", &quote(root))
                .replace("@BIN@", bin)
                .replace("@SITE@", &self.python.site_packages())
                .replace("@PROMPT@", &quote(&prompt));
            Item::text(&format!("{bin}/{name}"), text)
        };
        Ok(vec![
            fill("activate", include_str!("activate.sh"), quote::posix),
            fill("activate.fish", include_str!("activate.fish"), quote::fish),
            fill("activate.csh", include_str!("activate.csh"), quote::csh),
            fill("activate.nu", include_str!("activate.nu"), quote::nu),
            fill("activate.ps1", include_str!("activate.ps1"), quote::powershell),
            fill(
                "activate_this.py",
                include_str!("activate_this.py"),
                quote::python,
            ),
        ])
    }
}

/// The names under which the interpreter itself stands in `bin`; `python` first.
#[must_use]
pub fn executable_names(python: &Interpreter) -> Vec<String> {
    let end = if python.gil_disabled { "t" } else { "" };
    let mut names = vec![
        "python".to_owned(),
        "python3".to_owned(),
        format!("python{}{end}", python.minor),
    ];
    if python.implementation == "pypy" {
        names.extend([
            "pypy".to_owned(),
            "pypy3".to_owned(),
            format!("pypy{}", python.minor),
        ]);
    }
    names
}

/// A path as text, for files that hold it.
pub(crate) fn unicode(path: &Path) -> Result<&str, InstallError> {
    match path.to_str() {
        Some(text) if !text.contains(['\n', '\r']) => Ok(text),
        Some(_) => Err(InstallError::UnwritablePath {
            path: path.to_owned(),
            reason: "has a line break",
        }),
        None => Err(InstallError::UnwritablePath {
            path: path.to_owned(),
            reason: "is not Unicode",
        }),
    }
}

fn one_line(text: &str) -> String {
    text.chars().filter(|each| !each.is_control()).collect()
}
