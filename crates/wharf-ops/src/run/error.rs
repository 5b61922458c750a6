//! What `wharf run` cannot run.

use std::path::{Path, PathBuf};

use wharf_core::{Explain, Fault};

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No script of the name.
    #[error("there is no script `{name}` in {}", place.display())]
    NoScript {
        /// The name.
        name: String,
        /// The `package.json`, or the folder that none is found from.
        place: PathBuf,
        /// The scripts that there are.
        scripts: Vec<String>,
    },
    /// No script of the name in any of the members.
    #[error("none of the members of the workspace that were named has a script `{name}`: {}", members.join(", "))]
    NoScriptInMembers {
        /// The name.
        name: String,
        /// The members.
        members: Vec<String>,
    },
    /// No member of the name.
    #[error("no member of the workspace is called `{name}`, and none lies there")]
    NoMember {
        /// What was asked for.
        name: String,
        /// The members that there are.
        members: Vec<String>,
    },
    /// The program itself is gone, so that it cannot be started for a member.
    #[error("the file of this program is gone: it was replaced or deleted while it ran")]
    Gone,
}

impl RunError {
    /// No script of the name where somebody stands.
    pub(crate) fn no_script(name: String, directory: &Path, scripts: Vec<String>) -> Self {
        let manifests = directory.ancestors().map(|folder| folder.join("package.json"));
        let nearest = manifests.into_iter().find(|file| file.is_file());
        Self::NoScript {
            name,
            place: nearest.unwrap_or_else(|| directory.to_owned()),
            scripts,
        }
    }
}

impl Explain for RunError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoScript { .. } | Self::NoScriptInMembers { .. } => "run/no-script",
            Self::NoMember { .. } => "run/no-member",
            Self::Gone => "run/gone",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NoScript { .. } | Self::NoScriptInMembers { .. } | Self::NoMember { .. } => Fault::User,
            Self::Gone => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoScript { scripts, .. } if scripts.is_empty() => {
                vec!["a script is an entry of `scripts` in package.json".to_owned()]
            }
            Self::NoScript { scripts, .. } => {
                vec![format!("the scripts that there are: {}", scripts.join(", "))]
            }
            Self::NoScriptInMembers { .. } => {
                vec!["`--if-present` makes that no error".to_owned()]
            }
            Self::NoMember { members, .. } if members.is_empty() => vec![
                "the project has no workspace: `workspaces` of package.json, or pnpm-workspace.yaml, names members"
                    .to_owned(),
            ],
            Self::NoMember { members, .. } => {
                vec![format!("the members are: {}", members.join(", "))]
            }
            Self::Gone => vec!["start the command again".to_owned()],
        }
    }
}
