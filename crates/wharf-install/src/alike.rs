//! Whether a folder that is made in one place and moved to another is what it would be if it were made there.
//!
//! Invariant: where that cannot be told, it is not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

/// The bit of a folder that gives its group to what is made in it, as folders do that several people share.
const HANDS_GROUP_ON: u32 = 0o2000;

/// Where a folder can be moved, and what those get that are made in it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    device: u64,
    /// The same file system may be mounted at several places. From one to the other nothing is moved.
    mount: Option<u64>,
    group: Option<u32>,
    /// Access that is granted beside the mode.
    access: Option<Vec<u8>>,
}

/// Whether folders made in these two are alike, and can be moved from the one to the other.
pub(crate) fn made_alike(one: &Path, other: &Path) -> bool {
    let (one, other) = (Place::of(one), Place::of(other));
    one.is_ok_and(|one| other.is_ok_and(|other| one == other))
}

impl Place {
    fn of(folder: &Path) -> std::io::Result<Self> {
        let data = fs::metadata(folder)?;
        // Elsewhere than on Linux every folder does.
        let hands_group_on = data.mode() & HANDS_GROUP_ON != 0 || !cfg!(target_os = "linux");
        Ok(Self {
            device: data.dev(),
            mount: mount(folder)?,
            group: hands_group_on.then(|| data.gid()),
            access: access(folder)?,
        })
    }
}

/// Which mount a folder is seen through; `None` where the kernel does not say.
#[cfg(target_os = "linux")]
fn mount(folder: &Path) -> Result<Option<u64>, Errno> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    match statx(CWD, folder, AtFlags::empty(), StatxFlags::MNT_ID) {
        Ok(data) => {
            let is_told = data.stx_mask & StatxFlags::MNT_ID.bits() != 0;
            Ok(is_told.then_some(data.stx_mnt_id))
        }
        Err(Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(target_os = "linux"))]
fn mount(_: &Path) -> Result<Option<u64>, Errno> {
    Ok(None)
}

/// The access control list for what is made in a folder. Source: acl(5).
#[cfg(target_os = "linux")]
fn access(folder: &Path) -> Result<Option<Vec<u8>>, Errno> {
    let mut list = [0; 4096];
    match rustix::fs::getxattr(folder, DEFAULT_ACCESS, &mut list) {
        Ok(length) => Ok(Some(list[..length].to_vec())),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(target_os = "linux"))]
fn access(_: &Path) -> Result<Option<Vec<u8>>, Errno> {
    Ok(None)
}

#[cfg(target_os = "linux")]
const DEFAULT_ACCESS: &str = "system.posix_acl_default";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Two new folders.
    fn folders() -> (tempfile::TempDir, [std::path::PathBuf; 2]) {
        let place = tempfile::tempdir().unwrap();
        let folders = ["one", "other"].map(|name| place.path().join(name));
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        (place, folders)
    }

    #[test]
    fn a_shared_folder_gives_what_others_do_not() {
        let (place, [one, other]) = folders();
        assert!(made_alike(&one, &other));
        for (folder, expected) in [(&one, !cfg!(target_os = "linux")), (&other, true)] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o2775)).unwrap();
            assert_eq!(made_alike(&one, &other), expected);
        }
        assert!(!made_alike(&one, &place.path().join("gone")));
        assert!(!made_alike(
            &place.path().join("gone"),
            &place.path().join("gone")
        ));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn other_file_systems_and_other_access_are_told_apart() {
        use rustix::fs::{XattrFlags, setxattr};

        let (_place, [one, other]) = folders();
        assert!(!made_alike(&one, Path::new("/proc")));
        assert!(mount(&one).unwrap().is_none() || mount(&one).unwrap() != mount(Path::new("/proc")).unwrap());
        // The owner, the group and others may do everything: version 2, then tag, permissions and id of each.
        let mut list = vec![2, 0, 0, 0];
        for tag in [0x01, 0x04, 0x20] {
            list.extend([tag, 0, 7, 0, 0xff, 0xff, 0xff, 0xff]);
        }
        match setxattr(&one, DEFAULT_ACCESS, &list, XattrFlags::empty()) {
            Err(Errno::OPNOTSUPP) => assert_eq!(access(&one), Ok(None)),
            set => {
                set.unwrap();
                assert!(!made_alike(&one, &other));
                setxattr(&other, DEFAULT_ACCESS, &list, XattrFlags::empty()).unwrap();
                assert!(made_alike(&one, &other));
            }
        }
    }
}
