//! How the release binary is linked: with the functions that nearly every command runs side by side, and without symbols where the
//! linker can leave them out.
//!
//! The kernel maps code in pieces of 64 KiB. Of 27 MB of code a sync runs 2.4 MB, and before they lay together, it took 16 MB of
//! memory to have them. `symbol-order.txt` names them, most frequent work first; `cargo xtask bench --order` writes it. Names hold
//! digests of the compiler, the profile and the dependencies' features, some of the code beside them: a name that this build does not
//! have is passed over by the linker, and nothing else changes (ADR 23).
//!
//! Invariant: a linker that does not take an argument is not given it; it is asked with a program that does nothing.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where this variable is set, the symbols stay, for who measures; the code is the same.
const KEEP_SYMBOLS: &str = "WHARF_KEEP_SYMBOLS";
const ORDER: &str = "symbol-order.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rerun-if-env-changed={KEEP_SYMBOLS}");
    if env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    let order = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join(ORDER);
    let order = format!("-Wl,--symbol-ordering-file={}", order.display());
    let mut wishes = vec![vec![order.as_str(), "-Wl,--no-warn-symbol-ordering"]];
    if env::var_os(KEEP_SYMBOLS).is_none() {
        wishes.push(vec!["-Wl,--strip-all"]);
    }
    for arguments in wishes {
        if linker_takes(&arguments) {
            for argument in arguments {
                println!("cargo::rustc-link-arg-bins={argument}");
            }
        }
    }
}

/// Whether a program can be linked with these arguments, by the linker and with the flags of this build.
fn linker_takes(arguments: &[&str]) -> bool {
    let folder = PathBuf::from(variable("OUT_DIR"));
    let (source, program) = (folder.join("probe.rs"), folder.join("probe"));
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .arg(source)
        .args(["--crate-type", "bin", "--target", &variable("TARGET"), "-o"])
        .arg(program);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut argument = std::ffi::OsString::from("-Clinker=");
        argument.push(linker);
        rustc.arg(argument);
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    rustc.args(arguments.iter().map(|argument| format!("-Clink-arg={argument}")));
    let linked = rustc
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    linked.is_ok_and(|status| status.success())
}

/// A variable that cargo gives to every build script.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
