//! Views of small system roots over small hosts, a line a mount.

use std::os::unix::fs::symlink;

use super::*;

/// A host and a system root, by their files: a name that ends in `/` is a folder, `a -> b` a link.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new(host: &[&str], root: &[&str]) -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        for (base, entries) in [
            ("host", host),
            ("root", root),
            ("state", &["etc/", "var/", "run/"]),
        ] {
            fs::create_dir(ground.at(base)).unwrap();
            for entry in entries {
                let (name, to) = entry
                    .split_once(" -> ")
                    .map_or((*entry, None), |(name, to)| (name, Some(to)));
                let at = ground.at(base).join(name);
                fs::create_dir_all(at.parent().unwrap()).unwrap();
                match to {
                    Some(to) => symlink(to, at).unwrap(),
                    None if name.ends_with('/') => fs::create_dir_all(at).unwrap(),
                    None => fs::write(at, "").unwrap(),
                }
            }
        }
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn plan(&self, shown: &[&str], folder: &str) -> Result<Vec<String>, ViewError> {
        let mut view = View::new(self.at("root"), self.at("state"));
        view.shown.extend(shown.iter().map(PathBuf::from));
        let own = Own {
            etc: self.at("state/etc"),
            var: self.at("state/var"),
            run: self.at("state/run"),
            binds: Vec::new(),
            through: Through::Anything,
        };
        let plan = plan_over(&self.at("host"), &view, &own, Path::new(folder))?;
        let base = self.at("").to_str().unwrap().to_owned();
        let text = |path: &std::ffi::CString| path.to_str().unwrap().replace(&base, "");
        Ok(plan
            .ops
            .iter()
            .map(|op| match op {
                Op::Folder(at) => format!("folder {}", text(at)),
                Op::File(at) => format!("file {}", text(at)),
                Op::Link { at, to } => format!("link {} -> {}", text(at), text(to)),
                Op::Empty(at) => format!("empty {}", text(at)),
                Op::Attach(tree, at) => format!("{} < {}", text(at), text(&plan.trees[*tree].from)),
                Op::Seal(at) => format!("seal {}", text(at)),
                Op::Proc(at) => format!("proc {}", text(at)),
                Op::Root(at) => format!("root {}", text(at)),
            })
            .collect())
    }
}

const HOST: [&str; 7] = [
    "usr/bin/",
    "usr/local/",
    "etc/",
    "var/tmp/",
    "run/",
    "bin -> usr/bin",
    "home/me/",
];

#[test]
fn a_view_is_laid_over_a_host_that_is_named_alike() {
    let ground = Ground::new(&HOST, &["usr/bin/", "usr/local/"]);
    assert_eq!(
        ground.plan(&["/home/me"], "/home/me").unwrap(),
        [
            "/etc < state/etc",
            "/run < state/run",
            "/usr < root/usr",
            "/usr/local < host/usr/local",
            "/var < state/var",
            "/var/tmp < host/var/tmp",
        ]
    );
    assert!(ground.at("state/var/tmp").is_dir(), "room is made in the state");
}

#[test]
fn folders_at_the_place_of_links_are_covered() {
    let host = [
        "usr/bin/",
        "etc/",
        "var/",
        "run/",
        "bin/",
        "lib/x/",
        "lib64 -> usr/lib64",
    ];
    let ground = Ground::new(&host, &["usr/bin/x", "usr/lib/x", "usr/lib64/x", "usr/lib32/"]);
    assert_eq!(
        ground.plan(&[], "/").unwrap(),
        [
            "/bin < root/usr/bin",
            "/etc < state/etc",
            "/lib < root/usr/lib",
            "/run < state/run",
            "/usr < root/usr",
            "/var < state/var",
        ]
    );
}

#[test]
fn another_systems_names_make_a_root_of_its_own() {
    let host = [
        "usr/",
        "etc/",
        "var/",
        "run/",
        "nix/",
        "lib64 -> usr/lib",
        "file",
        "srv -> nix",
    ];
    let ground = Ground::new(&host, &["usr/bin/x", "usr/lib64/x", "opt/tool/", "nix/more/"]);
    assert_eq!(
        ground.plan(&[], "/").unwrap(),
        [
            "empty root/",
            "link root/bin -> usr/bin",
            "folder root/etc",
            "root/etc < state/etc",
            "file root/file",
            "root/file < host/file",
            "link root/lib64 -> usr/lib64",
            "folder root/nix",
            "folder root/nix/more",
            "root/nix/more < root/nix/more",
            "folder root/opt/tool",
            "root/opt/tool < root/opt/tool",
            "folder root/run",
            "root/run < state/run",
            "link root/srv -> nix",
            "folder root/usr",
            "root/usr < root/usr",
            "folder root/var",
            "root/var < state/var",
            "seal root/",
            "root root/",
        ]
    );
}

#[test]
fn a_project_among_the_systems_folders_is_seen_there() {
    let ground = Ground::new(
        &[&HOST[..], &["usr/src/app/", "var/www/site/", "usr/src/other/"]].concat(),
        &["usr/bin/", "usr/local/", "usr/share/", "usr/games -> share"],
    );
    assert_eq!(
        ground.plan(&["/usr/src/app", "/var/www/site"], "/").unwrap(),
        [
            "/etc < state/etc",
            "/run < state/run",
            "empty /usr",
            "folder /usr/bin",
            "/usr/bin < root/usr/bin",
            "link /usr/games -> share",
            "folder /usr/local",
            "/usr/local < host/usr/local",
            "folder /usr/share",
            "/usr/share < root/usr/share",
            "folder /usr/src",
            "folder /usr/src/app",
            "/usr/src/app < host/usr/src/app",
            "/var < state/var",
            "/var/tmp < host/var/tmp",
            "/var/www/site < host/var/www/site",
            "seal /usr",
        ]
    );
    assert!(ground.at("state/var/www/site").is_dir());
    let error = ground.plan(&["/usr"], "/").unwrap_err();
    assert!(matches!(error, ViewError::Covers { .. }), "{error}");
}

#[test]
fn folders_that_links_of_the_host_lead_to_are_seen() {
    let host = [
        "usr/",
        "etc/",
        "var/home/me/",
        "run/",
        "home -> var/home",
        "tmp -> gone",
    ];
    let ground = Ground::new(&host, &["usr/"]);
    let plan = ground.plan(&[], "/").unwrap();
    assert!(plan.contains(&"/var/home < host/var/home".to_owned()), "{plan:?}");
}

#[test]
fn packages_in_opt_are_seen_beside_the_hosts() {
    let ground = Ground::new(
        &[&HOST[..], &["opt/mine/", "opt/link -> mine"]].concat(),
        &["usr/bin/", "usr/local/", "opt/theirs/bin/", "opt/mine/x/"],
    );
    let plan = ground.plan(&[], "/").unwrap();
    let opt: Vec<&String> = plan.iter().filter(|line| line.contains("/opt")).collect();
    assert_eq!(
        opt,
        [
            "empty /opt",
            "link /opt/link -> mine",
            "folder /opt/mine",
            "/opt/mine < host/opt/mine",
            "folder /opt/theirs",
            "/opt/theirs < root/opt/theirs",
            "seal /opt",
        ]
    );
}

#[test]
fn a_program_starts_only_where_it_is_seen() {
    let ground = Ground::new(&HOST, &["usr/bin/", "usr/local/", "usr/share/x/"]);
    for folder in ["/", "/home/me", "/usr", "/usr/share/x", "/var/tmp", "/etc"] {
        assert!(ground.plan(&[], folder).is_ok(), "{folder}");
    }
    for folder in [
        "/usr/share/nonexistent",
        "/var/lib/nonexistent",
        "/etc/nonexistent",
    ] {
        let error = ground.plan(&[], folder).unwrap_err();
        assert!(error.to_string().starts_with(folder), "{error}");
    }
}
