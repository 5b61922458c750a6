//! Times reading, printing and walking a lock of 500 packages: `cargo run --release -p wharf-project --example lock_speed`.
#![expect(clippy::print_stdout, reason = "the figures are the point of this program")]

use std::time::Instant;

use wharf_core::{Algorithm, Digest, PackageName, Source, WebUrl};
use wharf_project::{Lock, LockInputs, LockedEdge, LockedFile, LockedPackage};

fn main() {
    let lock = lock(500);
    let text = lock.print();
    let best = |work: &dyn Fn()| {
        let time = |_| {
            let start = Instant::now();
            work();
            start.elapsed()
        };
        (0..50).map(time).min().unwrap_or_default()
    };
    println!("{} bytes", text.len());
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
        npm: None,
    }
}
