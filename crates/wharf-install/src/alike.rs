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
    /// What a security policy calls it: what is made in a folder is called alike, and keeps that name wherever it is moved.
    label: Option<Vec<u8>>,
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
            access: attribute(folder, DEFAULT_ACCESS)?,
            label: attribute(folder, LABEL)?,
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
const DEFAULT_ACCESS: &str = "system.posix_acl_default";
/// The label of SELinux. Source: selinux(8), xattr(7).
const LABEL: &str = "security.selinux";

/// An extended attribute of a folder; `None` where it has none of this name.
#[cfg(target_os = "linux")]
fn attribute(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, Errno> {
    let mut value = [0; 4096];
    match rustix::fs::getxattr(folder, name, &mut value) {
        Ok(length) => Ok(Some(value[..length].to_vec())),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(target_os = "linux"))]
fn attribute(_: &Path, _: &str) -> Result<Option<Vec<u8>>, Errno> {
    Ok(None)
}

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
            Err(Errno::OPNOTSUPP) => assert_eq!(attribute(&one, DEFAULT_ACCESS), Ok(None)),
            set => {
                set.unwrap();
                assert!(!made_alike(&one, &other));
                setxattr(&other, DEFAULT_ACCESS, &list, XattrFlags::empty()).unwrap();
                assert!(made_alike(&one, &other));
            }
        }
    }

    #[test]
    fn whatever_a_place_gives_to_what_is_made_there_counts() {
        type Change = dyn Fn(&mut Place);
        let place = |change: &Change| {
            let mut place = Place {
                device: 1,
                mount: Some(2),
                group: None,
                access: None,
                label: Some(b"unconfined_u:object_r:user_home_t:s0\0".to_vec()),
            };
            change(&mut place);
            place
        };
        let label = |text: &'static str| move |place: &mut Place| place.label = Some(text.into());
        let cases: [(&str, &Change, bool); 8] = [
            ("nothing", &|_| {}, true),
            ("a device", &|place| place.device = 3, false),
            ("a mount", &|place| place.mount = Some(3), false),
            ("a group", &|place| place.group = Some(100), false),
            (
                "an access list",
                &|place| place.access = Some(vec![2, 0, 0, 0]),
                false,
            ),
            ("no label", &|place| place.label = None, false),
            (
                "another type",
                &label("unconfined_u:object_r:data_home_t:s0\0"),
                false,
            ),
            (
                "another range",
                &label("unconfined_u:object_r:user_home_t:s0:c1\0"),
                false,
            ),
        ];
        for (what, change, expected) in cases {
            assert_eq!(place(change) == place(&|_| {}), expected, "{what}");
        }
    }

    /// Without SELinux the attribute is one like others, which the superuser may set.
    #[cfg(target_os = "linux")]
    #[test]
    fn labels_of_folders_are_read() {
        use rustix::fs::{XattrFlags, setxattr};

        let (_place, [one, other]) = folders();
        let set = |folder: &Path, label: &str| setxattr(folder, LABEL, label.as_bytes(), XattrFlags::empty());
        let before = attribute(&one, LABEL).unwrap();
        assert_eq!(attribute(&other, LABEL).unwrap(), before);
        // A policy refuses labels that it does not know, and others than the superuser may not set any.
        if set(&one, "wharf_u:object_r:one_t:s0").is_err() {
            assert!(made_alike(&one, &other));
            return;
        }
        assert!(!made_alike(&one, &other));
        set(&other, "wharf_u:object_r:other_t:s0").unwrap();
        assert!(!made_alike(&one, &other));
        set(&other, "wharf_u:object_r:one_t:s0").unwrap();
        assert!(made_alike(&one, &other));
    }
}
