//! What of `/etc` and `/run` is the host's in a view: name servers, names, the time zone, sockets of its services.
//!
//! A file that may change while programs run is bound, or is a link into a bound folder as it is on the host. Sources:
//! resolv.conf(5), hostname(5), machine-id(5), localtime(5), file-hierarchy(7).
//! Invariant: what is made here is made in the project's own folders; the host's are only read.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::ViewError;
use super::state::{has_folders, write};

/// A file or folder of the host, seen at a place inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) from: PathBuf,
    pub(super) at: PathBuf,
}

impl Bind {
    /// At its own place. What a link leads to is seen where the link is.
    fn same(path: impl Into<PathBuf>) -> Self {
        let at = path.into();
        let from = at.canonicalize().unwrap_or_else(|_| at.clone());
        Self { from, at }
    }
}

/// Sockets, and files of services, that programs look for.
const RUN: [&str; 18] = [
    "avahi-daemon",
    "credentials",
    "cups",
    "current-system",
    "dbus",
    "docker.sock",
    "host-services",
    "media",
    "NetworkManager",
    "opengl-driver",
    "pcscd",
    "podman",
    "resolvconf",
    "secrets",
    "systemd/journal",
    "systemd/resolve",
    "udev",
    "user",
];
/// Files of `/etc` that are the host's.
const FILES: [&str; 3] = ["hosts", "hostname", "machine-id"];
/// Where systems keep the certificates that they trust, in one file.
const CERTIFICATES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Where Debian's programs look for them.
pub(super) const CERTIFICATES_INSIDE: &str = "/etc/ssl/certs/ca-certificates.crt";
const ZONES: &str = "/usr/share/zoneinfo";

/// The project's `/run`: one for each start of the machine, so that no lock or socket outlives what made it.
pub(super) fn run_folder(state: &Path) -> Result<PathBuf, ViewError> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot = match boot.trim() {
        "" => "always",
        boot => boot,
    };
    // On a disk that several machines share, each has its own.
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .replace('/', "_");
    let of_host = state.join("run").join(format!("on-{host}"));
    let run = of_host.join(boot);
    let lock = run.join("lock");
    if !lock.is_dir() {
        fs::create_dir_all(&lock).map_err(ViewError::state(&lock))?;
        for other in fs::read_dir(&of_host).into_iter().flatten().flatten() {
            if other.file_name() != boot {
                _ = fs::remove_dir_all(other.path());
            }
        }
    }
    Ok(run)
}

/// What of the host's is seen, with room made for it in the project's `/etc`.
pub(super) fn binds(root: &Path, etc: &Path) -> Result<Vec<Bind>, ViewError> {
    let mut binds: Vec<Bind> = RUN
        .iter()
        .map(|name| Path::new("/run").join(name))
        .filter(|path| path.exists())
        .map(Bind::same)
        .collect();
    for name in FILES {
        let host = Path::new("/etc").join(name);
        if host.is_file() {
            binds.extend(file(host.clone(), &host, etc)?);
        }
    }
    binds.extend(name_servers(etc)?);
    time_zone(root, etc)?;
    if lends_zones(root) {
        binds.push(Bind::same(ZONES));
    }
    if !has_certificates(etc)
        && let Some(found) = CERTIFICATES.iter().find(|path| Path::new(path).is_file())
    {
        binds.extend(file(found.into(), Path::new(CERTIFICATES_INSIDE), etc)?);
    }
    Ok(binds)
}

/// Whether the project has certificates of its own.
fn has_certificates(etc: &Path) -> bool {
    etc.join("ssl/certs/ca-certificates.crt")
        .metadata()
        .is_ok_and(|data| data.len() > 0)
}

/// Whether the system root has no rules of time zones, and the host has: programs that ask for a zone by its name would take it for UTC.
fn lends_zones(root: &Path) -> bool {
    let own = fs::read_dir(root.join("usr/share/zoneinfo"));
    own.is_ok_and(|mut entries| entries.next().is_none()) && Path::new(ZONES).is_dir()
}

/// Whether programs inside have the host's certificates alone, in one file.
pub(super) fn lends_certificates(root: &Path) -> bool {
    !has_certificates(&root.join("etc")) && CERTIFICATES.iter().any(|path| Path::new(path).is_file())
}

/// A file of the host over one of the project's `/etc`, which is made; `None` where a folder of the project's is a link, which leads
/// elsewhere.
fn file(from: PathBuf, at: &Path, etc: &Path) -> Result<Option<Bind>, ViewError> {
    let inner = at.strip_prefix("/etc").unwrap_or(at);
    let own = etc.join(inner);
    let failed = ViewError::state(&own);
    let made = || -> io::Result<bool> {
        if !has_folders(etc, inner.parent().unwrap_or(Path::new("")))? {
            return Ok(false);
        }
        match own.symlink_metadata() {
            Ok(data) if data.is_file() => return Ok(true),
            // Nothing is put over a link: it leads elsewhere.
            Ok(_) => fs::remove_file(&own)?,
            Err(_) => {}
        }
        fs::File::create(&own).map(|_| true)
    };
    let made = made().map_err(failed)?;
    let from = from.canonicalize().unwrap_or(from);
    Ok(made.then(|| Bind {
        from,
        at: at.to_owned(),
    }))
}

fn name_servers(etc: &Path) -> Result<Vec<Bind>, ViewError> {
    let at = Path::new("/etc/resolv.conf");
    let Ok(real) = at.canonicalize() else {
        return Ok(Vec::new());
    };
    // The folder above is bound, so that a file which is replaced is seen.
    let folder = real
        .parent()
        .filter(|folder| folder.starts_with("/run") && *folder != Path::new("/run"));
    let outside = !["/run", "/etc", "/usr", "/var"]
        .iter()
        .any(|covered| real.starts_with(covered));
    if folder.is_some() || outside {
        let own = etc.join("resolv.conf");
        link(&real, &own).map_err(ViewError::state(&own))?;
        return Ok(folder.map(Bind::same).into_iter().collect());
    }
    Ok(file(real, at, etc)?.into_iter().collect())
}

/// The host's time zone: by its name where the system root knows it, by its rules where not.
fn time_zone(root: &Path, etc: &Path) -> Result<(), ViewError> {
    let own = etc.join("localtime");
    let host = Path::new("/etc/localtime");
    let Ok(real) = host.canonicalize() else {
        return Ok(());
    };
    let named = fs::read_link(host).ok();
    let zone = named.as_deref().unwrap_or(&real);
    let zone = zone
        .to_str()
        .and_then(|path| path.split_once("/zoneinfo/"))
        .map(|(_, zone)| zone);
    let failed = || ViewError::state(&own);
    if let Some(zone) = zone {
        let inside = Path::new(ZONES).join(zone);
        let timezone = etc.join("timezone");
        let line = format!("{zone}\n");
        if fs::read_to_string(&timezone).ok().as_deref() != Some(&line) {
            write(&timezone, line.as_bytes()).map_err(ViewError::state(&timezone))?;
        }
        if root.join("usr/share/zoneinfo").join(zone).exists() {
            return link(&inside, &own).map_err(failed());
        }
    }
    let Ok(rules) = fs::read(&real) else { return Ok(()) };
    let is_link = own.symlink_metadata().is_ok_and(|data| data.is_symlink());
    if is_link || fs::read(&own).ok().as_ref() != Some(&rules) {
        write(&own, &rules).map_err(failed())?;
    }
    Ok(())
}

/// Has a link there.
fn link(to: &Path, at: &Path) -> io::Result<()> {
    if fs::read_link(at).is_ok_and(|there| there == to) {
        return Ok(());
    }
    match fs::remove_file(at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match symlink(to, at) {
        // Another one was as quick.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_has_room_and_a_link_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path();
        symlink("/nonexistent", etc.join("hosts")).unwrap();
        let bind = file("/etc/hosts".into(), Path::new("/etc/hosts"), etc).unwrap();
        assert_eq!(bind.unwrap().at, Path::new("/etc/hosts"));
        assert!(etc.join("hosts").symlink_metadata().unwrap().is_file());
        file("/etc/hosts".into(), Path::new(CERTIFICATES_INSIDE), etc).unwrap();
        assert!(etc.join("ssl/certs/ca-certificates.crt").is_file());
        assert!(!has_certificates(etc));
        fs::write(etc.join("ssl/certs/ca-certificates.crt"), "x").unwrap();
        assert!(has_certificates(etc));
    }

    #[test]
    fn everything_bound_is_there_and_lies_in_etc_or_run() {
        let (root, etc) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for bind in binds(root.path(), etc.path()).unwrap() {
            assert!(bind.from.exists(), "{bind:?}");
            assert!(
                bind.at.starts_with("/etc") || bind.at.starts_with("/run"),
                "{bind:?}"
            );
        }
        // The system root knows no zones, so that the rules themselves are there.
        if Path::new("/etc/localtime").exists() {
            assert_eq!(
                fs::read("/etc/localtime").unwrap(),
                fs::read(etc.path().join("localtime")).unwrap()
            );
        }
    }

    #[test]
    fn run_is_new_with_each_start_of_the_machine() {
        let state = tempfile::tempdir().unwrap();
        let run = run_folder(state.path()).unwrap();
        let old = run.with_file_name("another-boot");
        fs::create_dir(&old).unwrap();
        assert_eq!(run_folder(state.path()).unwrap(), run);
        assert!(old.exists(), "looked for only once");
        fs::remove_dir_all(&run).unwrap();
        run_folder(state.path()).unwrap();
        assert!(run.join("lock").is_dir() && !old.exists());
    }

    #[test]
    fn a_link_is_made_anew_only_when_it_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("link");
        for to in ["/a", "/a", "/b"] {
            link(Path::new(to), &at).unwrap();
            assert_eq!(fs::read_link(&at).unwrap(), Path::new(to));
        }
        fs::remove_file(&at).unwrap();
        fs::write(&at, "").unwrap();
        link(Path::new("/a"), &at).unwrap();
        assert_eq!(fs::read_link(&at).unwrap(), Path::new("/a"));
    }
}
