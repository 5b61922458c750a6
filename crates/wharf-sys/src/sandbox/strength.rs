//! How strong a sandbox is on this machine, and what is missing for a stronger one.
//!
//! Invariant: nothing is concluded from version numbers or settings; each strength is tried. Settings are read only to say
//! which of them is in the way.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

/// How a program is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Not at all.
    None,
    /// It can open no connection (seccomp). Files are as open to it as to anybody.
    Offline,
    /// It can open no connection, not even to itself, reads nothing hidden and writes only where it may (seccomp and Landlock).
    Filtered,
    /// It has a file system, a network and users of its own (namespaces).
    Isolated {
        /// Whether it has processes of its own too, so that none of them survives it. A container may forbid that.
        processes: bool,
    },
}

impl Strength {
    /// From the strongest to the weakest that confines at all.
    pub const ALL: [Strength; 4] = [
        Strength::Isolated { processes: true },
        Strength::Isolated { processes: false },
        Strength::Filtered,
        Strength::Offline,
    ];

    /// Tries whether this can be had here.
    ///
    /// # Errors
    /// What is in the way.
    pub fn tried(self) -> Result<(), Lack> {
        let lacks = |error| {
            Lack::of(&error).unwrap_or(Lack {
                step: Step::Processes,
                error,
            })
        };
        attempt(self).map_err(lacks)
    }

    /// Whether network and files are both out of reach.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self >= Strength::Filtered
    }

    /// What it does, as the end of a sentence that begins with "builds".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Strength::None => "run without a sandbox",
            Strength::Offline => "run without network, and can read and write what you can",
            Strength::Filtered => {
                "run without network, and write only into their own folders (seccomp, Landlock)"
            }
            Strength::Isolated { .. } => {
                "run without network, and write only into their own folders (namespaces)"
            }
        }
    }
}

/// A step on the way into a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Making the namespaces.
    Namespaces = 1,
    /// Giving the namespaces their users.
    Users,
    /// Starting the loopback interface.
    Loopback,
    /// Starting and watching the processes between.
    Processes,
    /// Making the file system read-only.
    ReadOnly,
    /// Mounting what the program gets.
    Mounts,
    /// Mounting `/proc`.
    Proc,
    /// Giving up privileges.
    Privileges,
    /// Limiting files by Landlock.
    Landlock,
    /// Limiting system calls by seccomp.
    Seccomp,
    /// All of it: the system is none that Wharf has sandboxes for.
    System,
    /// Putting a system root in the place of the system's folders.
    View,
    /// Standing in the folder that the program was to start in.
    Folder,
}

impl Step {
    const ALL: [Step; 13] = [
        Step::Namespaces,
        Step::Users,
        Step::Loopback,
        Step::Processes,
        Step::ReadOnly,
        Step::Mounts,
        Step::Proc,
        Step::Privileges,
        Step::Landlock,
        Step::Seccomp,
        Step::System,
        Step::View,
        Step::Folder,
    ];

    fn words(self) -> &'static str {
        match self {
            Step::Namespaces => "user namespaces cannot be created",
            Step::Users => "a user namespace cannot be given its users",
            Step::Loopback => "a loopback interface cannot be started",
            Step::Processes => "a process of the sandbox cannot be started",
            Step::ReadOnly => "the file system cannot be made read-only (Linux 5.12 can)",
            Step::Mounts => "nothing can be mounted in a user namespace",
            Step::Proc => "/proc cannot be mounted in a user namespace",
            Step::Privileges => "privileges cannot be given up",
            Step::Landlock => "Landlock is not to be had (Linux 5.19 and later have what is needed)",
            Step::Seccomp => "seccomp filters are not to be had",
            Step::System => "there are no sandboxes for this system",
            Step::View => "a system root cannot be put in the place of the system's folders (Linux 5.12 can)",
            Step::Folder => "the working folder is not seen inside",
        }
    }

    /// The error number of a failure of this step, to pass through the pipe on which a child tells why it did not start.
    #[cfg(target_os = "linux")]
    pub(crate) fn failed(self, error: rustix::io::Errno) -> io::Error {
        io::Error::from_raw_os_error((self as i32) << SHIFT | error.raw_os_error())
    }
}

/// System errors are below 4096.
const SHIFT: u32 = 16;

/// What is missing for a sandbox.
#[derive(Debug)]
pub struct Lack {
    /// The step that failed.
    pub step: Step,
    /// What the system said.
    pub error: io::Error,
}

impl Lack {
    /// What an error of starting a confined command tells, where it tells of the sandbox.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        let number = error.raw_os_error()?;
        let step = Step::ALL
            .into_iter()
            .find(|step| number >> SHIFT == *step as i32)?;
        Some(Self {
            step,
            error: io::Error::from_raw_os_error(number & 0xffff),
        })
    }

    /// What can be done about it on this machine.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        hint(self.step, &|path| std::fs::read_to_string(path).ok(), &|path| {
            Path::new(path).exists()
        })
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the kernel says of the limit on namespaces is about disks.
        match (self.step, self.error.kind()) {
            (Step::Namespaces, io::ErrorKind::StorageFull) => {
                write!(f, "{}: the limit on their number is reached", self.step.words())
            }
            (step, _) => write!(f, "{}: {}", step.words(), self.error),
        }
    }
}

/// What is in the way of a step, by what the system's files say.
fn hint(
    step: Step,
    read: &dyn Fn(&'static str) -> Option<String>,
    exists: &dyn Fn(&'static str) -> bool,
) -> Option<String> {
    let says = |path, value: &str| read(path).is_some_and(|text| text.trim() == value);
    if !matches!(
        step,
        Step::Namespaces | Step::Users | Step::Loopback | Step::ReadOnly | Step::Mounts | Step::View
    ) {
        return None;
    }
    let set = |setting: &str| Some(format!("the administrator can allow it: `sysctl -w {setting}`"));
    if says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return set("kernel.apparmor_restrict_unprivileged_userns=0");
    }
    if says("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return set("kernel.unprivileged_userns_clone=1");
    }
    if says("/proc/sys/user/max_user_namespaces", "0") {
        return set("user.max_user_namespaces=10000");
    }
    let contained = ["/.dockerenv", "/run/.containerenv"].into_iter().any(exists);
    contained.then(|| {
        "this is a container, which forbids them: with Docker and Podman `--security-opt seccomp=unconfined --security-opt systempaths=unconfined` allows them"
            .to_owned()
    })
}

/// The strongest sandbox that this machine gives this user.
#[derive(Debug)]
pub struct Support {
    /// How strong it is.
    pub strength: Strength,
    /// What was in the way of the strongest one.
    pub lack: Option<Lack>,
}

/// What this machine gives this user, tried once in a process; that takes some milliseconds.
#[must_use]
pub fn support() -> &'static Support {
    static SUPPORT: OnceLock<Support> = OnceLock::new();
    SUPPORT.get_or_init(|| Support::among(&Strength::ALL))
}

impl Support {
    /// The first of some strengths that can be had.
    fn among(strengths: &[Strength]) -> Self {
        let mut lack = None;
        for strength in strengths {
            match strength.tried() {
                Ok(()) => {
                    let strength = *strength;
                    return Self { strength, lack };
                }
                Err(missing) => lack = lack.or(Some(missing)),
            }
        }
        Self {
            strength: Strength::None,
            lack,
        }
    }
}

#[cfg(target_os = "linux")]
fn attempt(strength: Strength) -> io::Result<()> {
    super::linux::attempt(strength)
}

#[cfg(not(target_os = "linux"))]
fn attempt(_: Strength) -> io::Result<()> {
    Err(io::Error::from_raw_os_error((Step::System as i32) << SHIFT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_are_ordered() {
        assert!(Strength::ALL.is_sorted_by(|a, b| a > b));
        assert!(Strength::Offline > Strength::None && !Strength::Offline.is_whole());
        assert!(Strength::Filtered.is_whole() && Strength::Isolated { processes: false }.is_whole());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_step_and_its_error_pass_through_a_number() {
        for step in Step::ALL {
            let lack = Lack::of(&step.failed(rustix::io::Errno::PERM)).unwrap();
            assert_eq!(lack.step, step);
            assert_eq!(lack.error.kind(), io::ErrorKind::PermissionDenied);
            assert!(lack.to_string().starts_with(step.words()), "{lack}");
        }
        assert!(Lack::of(&io::Error::from_raw_os_error(2)).is_none());
        let limit = Lack::of(&Step::Namespaces.failed(rustix::io::Errno::NOSPC)).unwrap();
        assert!(
            limit
                .to_string()
                .ends_with("the limit on their number is reached"),
            "{limit}"
        );
    }

    #[test]
    fn what_forbids_user_namespaces_is_named() {
        let check = |files: &[(&str, &str)], expected: Option<&str>| {
            let read = |path: &'static str| {
                let found = files.iter().find(|(name, _)| *name == path);
                found.map(|(_, text)| (*text).to_owned())
            };
            let exists = |path: &'static str| files.iter().any(|(name, _)| *name == path);
            let hint = hint(Step::Namespaces, &read, &exists);
            match expected {
                Some(words) => assert!(
                    hint.as_deref().is_some_and(|hint| hint.contains(words)),
                    "{hint:?}"
                ),
                None => assert_eq!(hint, None),
            }
        };
        check(&[], None);
        check(
            &[("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0\n")],
            None,
        );
        check(
            &[("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")],
            Some("kernel.apparmor_restrict_unprivileged_userns=0"),
        );
        check(
            &[("/proc/sys/kernel/unprivileged_userns_clone", "0\n")],
            Some("kernel.unprivileged_userns_clone=1"),
        );
        check(
            &[("/proc/sys/user/max_user_namespaces", "0\n")],
            Some("user.max_user_namespaces"),
        );
        check(&[("/.dockerenv", "")], Some("container"));
    }
}
