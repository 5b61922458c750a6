//! Times reading and printing a lock of 500 Python packages and of 1,500 of npm: `cargo run --release -p wharf-project --example lock_speed`.
#![expect(clippy::print_stdout, reason = "the figures are the point of this program")]

use std::time::Instant;

use wharf_core::{Algorithm, Digest, Ecosystem, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Package, To};
use wharf_project::{Lock, LockInputs, LockedEdge, LockedFile, LockedPackage, NpmLock};

fn main() {
    measure("500 of Python", &lock(500));
    let npm = Lock {
        npm: Some(npm(1500)),
        ..Lock::default()
    };
    measure("1,500 of npm", &npm);
}

fn measure(what: &str, lock: &Lock) {
    let text = lock.print();
    let best = |work: &dyn Fn()| {
        let time = |_| {
            let start = Instant::now();
            work();
            start.elapsed()
        };
        (0..50).map(time).min().unwrap_or_default()
    };
    println!("{what}: {} bytes", text.len());
    println!("parse {:?}", best(&|| drop(Lock::parse(&text))));
    println!("print {:?}", best(&|| drop(lock.print())));
}

fn lock(count: usize) -> Lock {
    let name = |number: usize| PackageName::pypi(&format!("package-{number}")).expect("a valid name");
    let edge = |number: usize| LockedEdge {
        name: name(number % count),
        version: None,
        extras: Vec::new(),
        when_extra: None,
        marker: number
            .is_multiple_of(3)
            .then(|| "sys_platform == 'linux'".to_owned()),
    };
    let package = |number: usize| LockedPackage {
        name: name(number),
        version: format!("{number}.1.0"),
        source: Source::Registry {
            index: WebUrl::parse("https://index.example.org/simple/").expect("a URL"),
        },
        files: vec![LockedFile {
            filename: format!("package_{number}-{number}.1.0-cp312-cp312-manylinux_2_17_x86_64.whl"),
            url: Some(format!(
                "https://files.example.org/packages/ab/cd/{}/package_{number}.whl",
                "0".repeat(60)
            )),
            digest: Digest::from_bytes(Algorithm::Sha256, &[7; 32]),
            size: Some(123_456),
            upload_time: None,
            targets: Vec::new(),
        }],
        dependencies: (1..5).map(|step| edge(number + step)).collect(),
        targets: Vec::new(),
        requires_python: Some(">=3.9".to_owned()),
    };
    Lock {
        version: 1,
        requires_python: Some(">=3.11".to_owned()),
        inputs: LockInputs::default(),
        targets: Vec::new(),
        packages: (0..count).map(package).collect(),
        cargo: None,
        deb: None,
        npm: None,
    }
}

/// Packages of npm with four needs each, every third name in two versions.
fn npm(count: usize) -> NpmLock {
    let index = WebUrl::parse("https://registry.example.org/").expect("a URL");
    let name = |number: usize| format!("@scope/package-{}", number - usize::from(number % 3 == 1));
    let edge = |number: usize| Edge {
        alias: name(number % count),
        range: format!("^{number}.1.0"),
        kind: EdgeKind::Prod,
        to: Some(To::Package(number % count)),
    };
    let package = |number: usize| Package {
        name: PackageName::new(Ecosystem::Npm, &name(number)).expect("a valid name"),
        version: format!("{number}.1.0"),
        peers: Vec::new(),
        source: Source::Registry { index: index.clone() },
        tarball: None,
        integrity: Digest::from_bytes(Algorithm::Sha512, &[7; 64])
            .into_iter()
            .collect(),
        dependencies: (1..5).map(|step| edge(number + step)).collect(),
        os: Vec::new(),
        cpu: Vec::new(),
        libc: Vec::new(),
        engines_node: Some(">=18".to_owned()),
        bin: Vec::new(),
        has_scripts: false,
        bundled: Vec::new(),
        deprecated: None,
    };
    let mut lock = NpmLock::default();
    lock.graph.packages = (0..count).map(package).collect();
    lock.normalize();
    lock
}
