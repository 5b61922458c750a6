//! Which part of a lock is meant, in the lockfile's own terms.

use wharf_project::{DevGroups, Project, Selection};

use crate::request::Selecting;

/// What the command line selects, as the lock understands it.
pub(crate) fn selection(selecting: &Selecting, project: &Project) -> Selection {
    let own = project.self_package.as_ref().filter(|_| selecting.no_project);
    Selection {
        groups: selecting.groups.iter().cloned().collect(),
        extras: selecting.extras.iter().cloned().collect(),
        all_groups: selecting.all_groups,
        all_extras: selecting.all_extras,
        dev: if selecting.no_dev {
            DevGroups::Exclude
        } else {
            DevGroups::Include
        },
        without: own.map(|own| own.name.clone()),
    }
}
