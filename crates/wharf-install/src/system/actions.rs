//! Programs of a root that finish it: caches whose form only they know. A fixed table: each is known to write nothing but its cache.
//!
//! Invariant: a job names every folder that it writes; what it is not given to write it cannot change.

use wharf_store::RootPath;

use super::Job;
use super::files::{Files, Last};
use super::packages::Loaded;
use super::report::ScriptKind;

/// The jobs that make sense in a root: their program is there, and what it reads.
pub(crate) fn of(files: &Files) -> Vec<Job> {
    let mut jobs = Vec::new();
    for folder in libraries(files) {
        let job = |name: &str, program: &str, words: &[&str], writes: &str| {
            let program = format!("{folder}/{program}");
            let writes = format!("{folder}/{writes}");
            job(files, name, &program, words, &[&writes])
        };
        let modules = format!("/{folder}/gio/modules");
        jobs.extend(job(
            "GIO modules",
            "glib-2.0/gio-querymodules",
            &[&modules],
            "gio/modules",
        ));
        let loaders = "gdk-pixbuf-2.0/gdk-pixbuf-query-loaders";
        jobs.extend(job(
            "image loaders",
            loaders,
            &["--update-cache"],
            "gdk-pixbuf-2.0/2.10.0",
        ));
        let methods = "libgtk-3-0/gtk-query-immodules-3.0";
        jobs.extend(job(
            "input methods",
            methods,
            &["--update-cache"],
            "gtk-3.0/3.0.0",
        ));
        let schemas = "usr/share/glib-2.0/schemas";
        let program = format!("{folder}/glib-2.0/glib-compile-schemas");
        jobs.extend(self::job(
            files,
            "GSettings schemas",
            &program,
            &[&format!("/{schemas}")],
            &[schemas],
        ));
    }
    for (name, program, words, writes) in [
        (
            "MIME types",
            "usr/bin/update-mime-database",
            &["/usr/share/mime"][..],
            "usr/share/mime",
        ),
        (
            "desktop entries",
            "usr/bin/update-desktop-database",
            &["-q"],
            "usr/share/applications",
        ),
        ("fonts", "usr/bin/fc-cache", &["-s"], "var/cache/fontconfig"),
        ("info pages", "usr/sbin/update-info-dir", &[], "usr/share/info"),
        ("manual pages", "usr/bin/mandb", &["-cq"], "var/cache/man"),
    ] {
        jobs.extend(job(files, name, program, words, &[writes]));
    }
    for theme in files.list(b"usr/share/icons") {
        let theme = format!("usr/share/icons/{}", String::from_utf8_lossy(theme));
        if files.is_file(format!("{theme}/index.theme").as_bytes()) {
            let program = "usr/bin/gtk-update-icon-cache";
            jobs.extend(job(
                files,
                "icons",
                program,
                &["-q", "-f", &format!("/{theme}")],
                &[&theme],
            ));
        }
    }
    jobs.extend(bytecode(files));
    let settings = ["etc/pam.d", "var/lib/pam", "var/cache/debconf"];
    jobs.extend(job(
        files,
        "PAM profiles",
        "usr/sbin/pam-auth-update",
        &["--package"],
        &settings,
    ));
    jobs.dedup();
    jobs
}

/// The job of an approved script.
pub(crate) fn script(package: &Loaded, kind: ScriptKind) -> Job {
    let path = format!("/var/lib/dpkg/info/{}.{}", package.record_name(), kind.as_str());
    let words: &[&str] = match kind {
        ScriptKind::Preinst => &["install"],
        ScriptKind::Postinst => &["configure", ""],
    };
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Job {
        name: format!("{} of {}", kind.as_str(), package.label()),
        argv: std::iter::once(path.as_str())
            .chain(words.iter().copied())
            .map(str::to_owned)
            .collect(),
        environment: vec![
            variable("DPKG_MAINTSCRIPT_PACKAGE", package.name()),
            variable("DPKG_MAINTSCRIPT_ARCH", package.architecture()),
            variable("DPKG_MAINTSCRIPT_NAME", kind.as_str()),
            variable("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
            variable("DPKG_RUNNING_VERSION", "1.21.22"),
            variable("DPKG_ADMINDIR", "/var/lib/dpkg"),
            variable("DPKG_ROOT", ""),
            variable("DEBIAN_FRONTEND", "noninteractive"),
            variable("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ],
        writes: Vec::new(),
    }
}

/// The folders of libraries that have GLib's programs.
fn libraries(files: &Files) -> Vec<String> {
    files
        .list(b"usr/lib")
        .iter()
        .map(|name| format!("usr/lib/{}", String::from_utf8_lossy(name)))
        .filter(|folder| {
            files.is_folder(format!("{folder}/glib-2.0").as_bytes())
                || files.is_folder(format!("{folder}/gdk-pixbuf-2.0").as_bytes())
        })
        .collect()
}

/// Bytecode of the Pythons of the root, checked against nothing: what is in a root never changes.
fn bytecode(files: &Files) -> Option<Job> {
    let python = files.resolve(b"usr/bin/python3", Last::Follow)?;
    let name = String::from_utf8(python).ok()?.rsplit('/').next()?.to_owned();
    let own = format!("usr/lib/{name}");
    let folders: Vec<String> = [own, "usr/lib/python3".to_owned(), "usr/share/python3".to_owned()]
        .into_iter()
        .filter(|folder| files.is_folder(folder.as_bytes()))
        .collect();
    let paths: Vec<String> = folders.iter().map(|folder| format!("/{folder}")).collect();
    let mut words = vec![
        "-S",
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        "-x",
        "(bad|test)_",
    ];
    words.extend(paths.iter().map(String::as_str));
    let writes: Vec<&str> = folders.iter().map(String::as_str).collect();
    job(
        files,
        "Python bytecode",
        &format!("usr/bin/{name}"),
        &words,
        &writes,
    )
}

fn job(files: &Files, name: &str, program: &str, words: &[&str], writes: &[&str]) -> Option<Job> {
    let there = files.is_executable(program.as_bytes())
        && writes.iter().any(|folder| files.is_folder(folder.as_bytes()));
    there.then(|| Job {
        name: name.to_owned(),
        argv: std::iter::once(format!("/{program}"))
            .chain(words.iter().map(|word| (*word).to_owned()))
            .collect(),
        environment: [("LC_ALL", "C.UTF-8"), ("DEBIAN_FRONTEND", "noninteractive")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        writes: writes
            .iter()
            .filter_map(|folder| RootPath::new(folder.as_bytes()).ok())
            .collect(),
    })
}
