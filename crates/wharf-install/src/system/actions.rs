//! Programs of a root that finish it: caches whose form only they know. A fixed table: each is known to write nothing but its cache.
//!
//! Invariant: a job names all that it writes, by folders of the root without links on the way; what it is not given to write it
//! cannot change.

use wharf_store::{Extent, RootPath};

use super::Job;
use super::files::{Files, Last, NodeKind};
use super::packages::Loaded;
use super::report::ScriptKind;

/// The jobs that make sense in a root: their program is there, and what it reads.
pub(crate) fn of(files: &mut Files) -> Vec<Job> {
    // The longest first: they run side by side.
    let mut jobs = bytecode(files);
    for folder in libraries(files) {
        let mut job = |name: &str, program: &str, words: &[&str], writes: &str| {
            let program = format!("{folder}/{program}");
            let writes = format!("{folder}/{writes}");
            job(files, name, &program, words, &[Writes::Inside(&writes)])
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
            &[Writes::Inside(schemas)],
        ));
    }
    for (name, program, words, writes) in [
        (
            "MIME types",
            "usr/bin/update-mime-database",
            &["/usr/share/mime"][..],
            Writes::Below("usr/share/mime"),
        ),
        (
            "desktop entries",
            "usr/bin/update-desktop-database",
            &["-q"],
            Writes::Inside("usr/share/applications"),
        ),
        (
            "fonts",
            "usr/bin/fc-cache",
            &["-s"],
            Writes::Below("var/cache/fontconfig"),
        ),
        (
            "info pages",
            "usr/sbin/update-info-dir",
            &[],
            Writes::Inside("usr/share/info"),
        ),
        (
            "manual pages",
            "usr/bin/mandb",
            &["-cq"],
            Writes::Below("var/cache/man"),
        ),
    ] {
        jobs.extend(job(files, name, program, words, &[writes]));
    }
    let themes = files.list(b"usr/share/icons");
    let themes: Vec<String> = themes
        .iter()
        .map(|theme| format!("usr/share/icons/{}", String::from_utf8_lossy(theme)))
        .collect();
    for theme in themes {
        if files.is_file(format!("{theme}/index.theme").as_bytes()) {
            let program = "usr/bin/gtk-update-icon-cache";
            jobs.extend(job(
                files,
                "icons",
                program,
                &["-q", "-f", &format!("/{theme}")],
                &[Writes::Inside(&theme)],
            ));
        }
    }
    let settings = ["etc/pam.d", "var/lib/pam", "var/cache/debconf"].map(Writes::Below);
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

/// What an approved script is called with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call<'a> {
    /// Before and after the package's files are there.
    Install(ScriptKind),
    /// Something happened that it is interested in, by these names.
    Triggered(&'a [String]),
}

/// The job of an approved script.
pub(crate) fn script(package: &Loaded, call: Call<'_>) -> Job {
    let (kind, words) = match call {
        Call::Install(ScriptKind::Preinst) => (ScriptKind::Preinst, vec!["install".to_owned()]),
        Call::Install(ScriptKind::Postinst) => {
            (ScriptKind::Postinst, vec!["configure".to_owned(), String::new()])
        }
        Call::Triggered(names) => (
            ScriptKind::Postinst,
            vec!["triggered".to_owned(), names.join(" ")],
        ),
    };
    let path = format!("/var/lib/dpkg/info/{}.{}", package.record_name(), kind.as_str());
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Job {
        name: format!("{} of {}", kind.as_str(), package.label()),
        argv: std::iter::once(path).chain(words).collect(),
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
        input: None,
        writes: vec![Extent::Everything],
    }
}

/// The job that gives debconf its answers.
pub(crate) fn answers(lines: &[String]) -> Job {
    Job {
        name: "answers for debconf".to_owned(),
        argv: vec![format!("/{ANSWERING}")],
        environment: Vec::new(),
        input: Some(lines.iter().map(|line| format!("{line}\n")).collect()),
        writes: vec![Extent::Everything],
    }
}

/// The program that takes answers for debconf.
pub(crate) const ANSWERING: &str = "usr/bin/debconf-set-selections";

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

/// Where bytecode lies before it comes beside its sources: `run` is empty in every root.
pub(crate) const BYTECODE: &str = "run/bytecode";

/// Bytecode of the Pythons of the root, checked against nothing: what is in a root never changes. One job for each processor.
fn bytecode(files: &Files) -> Vec<Job> {
    let python = files.resolve(b"usr/bin/python3", Last::Follow);
    let name = python
        .and_then(|path| String::from_utf8(path).ok())
        .and_then(|path| path.rsplit('/').next().map(str::to_owned));
    let Some(name) = name.filter(|name| files.is_executable(format!("usr/bin/{name}").as_bytes())) else {
        return Vec::new();
    };
    let folders = [
        format!("usr/lib/{name}"),
        "usr/lib/python3".to_owned(),
        "usr/share/python3".to_owned(),
    ];
    let mut sources: Vec<(u64, String)> = Vec::new();
    for folder in folders {
        let found = files.below(folder.as_bytes()).filter_map(|(path, node)| {
            let text = std::str::from_utf8(path).ok()?;
            Some((source_size(text, node)?, format!("/{text}\n")))
        });
        sources.extend(found);
    }
    let among = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    shares(sources, among)
        .into_iter()
        .map(|input| Job {
            name: "Python bytecode".to_owned(),
            argv: [
                &format!("/usr/bin/{name}"),
                "-S",
                "-m",
                "compileall",
                "-q",
                "--invalidation-mode",
                "unchecked-hash",
                "-i",
                "-",
            ]
            .map(str::to_owned)
            .to_vec(),
            environment: vec![
                ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
                ("PYTHONPYCACHEPREFIX".to_owned(), format!("/{BYTECODE}")),
            ],
            input: Some(input),
            writes: RootPath::new(BYTECODE.as_bytes())
                .map(Extent::Below)
                .into_iter()
                .collect(),
        })
        .collect()
}

/// How large a Python source is; `None` for what is none, or is there to be wrong.
fn source_size(path: &str, node: &super::files::Node) -> Option<u64> {
    let wrong = path.contains("bad_") || path.contains("test_") || path.contains('\n');
    match &node.kind {
        NodeKind::Object { size, .. } if path.ends_with(".py") && !wrong => Some(*size),
        _ => None,
    }
}

/// Lines in as many texts, about as much work in each.
fn shares(mut sources: Vec<(u64, String)>, among: usize) -> Vec<String> {
    sources.sort_by(|one, other| other.cmp(one));
    let mut shares = vec![(0, String::new()); among.min(sources.len())];
    for (size, line) in sources {
        let share = shares.iter_mut().min_by_key(|(sum, _)| *sum);
        let (sum, text) = share.expect("where there is a source there is a share");
        // Opening and naming a file costs as much as some of its lines.
        *sum += size + 2000;
        text.push_str(&line);
    }
    shares.into_iter().map(|(_, text)| text).collect()
}

/// Where a file of bytecode belongs: in the folder for it beside its source. `None` for anything else.
pub(crate) fn beside_source(path: &RootPath) -> Option<RootPath> {
    let inner = path
        .as_bytes()
        .strip_prefix(BYTECODE.as_bytes())?
        .strip_prefix(b"/")?;
    let (folder, name) = wharf_store::system::split(inner);
    if !name.ends_with(b".pyc") {
        return None;
    }
    RootPath::new(&[folder?, b"/__pycache__/", name].concat()).ok()
}

/// What a job of the table writes.
#[derive(Clone, Copy)]
enum Writes<'a> {
    /// Files right in a folder.
    Inside(&'a str),
    /// Anything below it.
    Below(&'a str),
}

fn job(files: &mut Files, name: &str, program: &str, words: &[&str], writes: &[Writes<'_>]) -> Option<Job> {
    let folder = |writes: &Writes<'_>| match writes {
        Writes::Inside(folder) | Writes::Below(folder) => (*folder).to_owned(),
    };
    let there = files.is_executable(program.as_bytes())
        && writes.iter().any(|one| files.is_folder(folder(one).as_bytes()));
    if !there {
        return None;
    }
    let mut extents = Vec::new();
    for one in writes {
        let path = folder(one);
        files.make_folder(path.as_bytes(), 0o755);
        let real = RootPath::new(&files.resolve(path.as_bytes(), Last::Follow)?).ok()?;
        extents.push(match one {
            Writes::Inside(_) => Extent::Inside(real),
            Writes::Below(_) => Extent::Below(real),
        });
    }
    Some(Job {
        name: name.to_owned(),
        argv: std::iter::once(format!("/{program}"))
            .chain(words.iter().map(|word| (*word).to_owned()))
            .collect(),
        environment: [
            ("LC_ALL", "C.UTF-8"),
            ("DEBIAN_FRONTEND", "noninteractive"),
            // The database of MIME types is many small files, which need not reach the disk one by one.
            ("PKGSYSTEM_ENABLE_FSYNC", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        input: None,
        writes: extents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytecode_comes_beside_its_source_and_nothing_else_does() {
        let check = |from: &str, to: Option<&str>| {
            let place = beside_source(&RootPath::new(from.as_bytes()).unwrap());
            assert_eq!(place.map(|place| place.to_lossy()).as_deref(), to, "{from}");
        };
        check(
            "run/bytecode/usr/lib/python3/x/a.cpython-311.pyc",
            Some("usr/lib/python3/x/__pycache__/a.cpython-311.pyc"),
        );
        check("run/bytecode/usr/lib/python3/x/a.py", None);
        check("run/bytecode/a.pyc", None);
        check("usr/lib/a.pyc", None);
    }

    #[test]
    fn work_is_shared_out_evenly() {
        let source = |size: u64| (size, format!("{size}\n"));
        let shared = shares(
            vec![source(10), source(90_000), source(50_000), source(30_000)],
            2,
        );
        assert_eq!(shared, ["90000\n", "50000\n30000\n10\n"]);
        assert_eq!(shares(Vec::new(), 4), Vec::<String>::new());
    }
}
