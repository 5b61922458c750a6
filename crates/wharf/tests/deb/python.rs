//! Python among Debian packages: what a project is locked for follows from the locked packages alone.

use wharf_testkit::{DebPackage, Package, Registry};

use crate::{Case, views};

/// A project of Python whose Debian packages bring a Python and a C library in these versions.
fn case(python: &str, c_library: &str, registry: &Registry) -> Case {
    let mut case = Case::with(&[], "\n[python]\nversion = \">=3.8\"\n\n[pypi]\nnative = \"*\"\n");
    case.fixture.use_registry(registry);
    let (minor, _) = python.rsplit_once('.').expect("it has three numbers");
    let name = format!("python{minor}");
    DebPackage::new("python3", python)
        .depends(&name)
        .publish(&case.repository);
    DebPackage::new(&name, python)
        .depends("libc6")
        .publish(&case.repository);
    DebPackage::new("libc6", c_library)
        .native()
        .publish(&case.repository);
    case
}

fn registry() -> Registry {
    let registry = Registry::start();
    Package::new("native", "1.0")
        .wheel_for("cp39-cp39-manylinux_2_17_x86_64")
        .wheel_for("cp39-cp39-manylinux_2_28_x86_64")
        .wheel_for("cp39-cp39-manylinux_2_34_x86_64")
        .wheel_for("cp311-cp311-manylinux_2_34_x86_64")
        .publish(&registry);
    registry
}

#[test]
fn the_lock_is_made_for_the_python_and_the_c_library_of_the_packages_without_fetching_them() {
    if !views() || !cfg!(target_arch = "x86_64") {
        return;
    }
    let registry = registry();
    for (python, c_library, target, wheel) in [
        (
            "3.9.2-1",
            "2.31-13+deb11u11",
            "linux-x86_64-glibc2.31-py3.9",
            "2_28",
        ),
        (
            "3.9.2-1",
            "2.36-9+deb12u10",
            "linux-x86_64-glibc2.36-py3.9",
            "2_34",
        ),
        (
            "3.11.2-6+deb12u6",
            "2.36-9",
            "linux-x86_64-glibc2.36-py3.11",
            "cp311-manylinux_2_34",
        ),
    ] {
        let case = case(python, c_library, &registry);
        let locked = case.run(&["lock"]);
        assert!(locked.status.success(), "{}", locked.stderr);
        assert_eq!(
            case.repository.downloads(),
            0,
            "no archive of a package is needed"
        );
        let lock = case.lock();
        assert!(lock.contains(target), "{target}: {lock}");
        assert!(lock.contains(wheel), "{wheel}: {lock}");
        let tree = case.run(&["tree"]);
        assert!(tree.stdout.contains("native"), "{}{}", tree.stdout, tree.stderr);
        assert_eq!(case.repository.downloads(), 0, "nor to look at the lock");
    }
}
