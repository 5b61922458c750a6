//! Becoming another program, for `wharf run`.
//!
//! Invariant: on success nothing of Wharf remains between the terminal and the program: signals, exit status and
//! job control are the program's own.

use std::convert::Infallible;
use std::io;
use std::process::Command;

/// Replaces this process by the command. Returns only if that failed.
///
/// Destructors do not run: whoever holds locks or temporary files lets go of them first. The signal mask is
/// cleared and SIGPIPE reset by the standard library, so the program starts with ordinary signals.
///
/// # Errors
/// The program was not found or may not be executed.
#[cfg(unix)]
pub fn replace_process(command: &mut Command) -> io::Result<Infallible> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

/// Runs the command to its end and exits with its status: the nearest thing where a process cannot be replaced.
///
/// # Errors
/// The program was not found or may not be executed.
#[cfg(not(unix))]
pub fn replace_process(command: &mut Command) -> io::Result<Infallible> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1));
}

/// Whether a process that is started now may go on when this one has ended. Not inside a container: it ends with its first
/// process, and everything in it.
///
/// On Linux: whether this is the machine's own PID namespace, whose inode number is fixed (`PROC_PID_INIT_INO` of the kernel,
/// `include/linux/proc_ns.h`). Elsewhere: not known, so no.
#[must_use]
pub fn may_outlive() -> bool {
    const OF_THE_MACHINE: &str = "pid:[4026531836]";
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|target| target.as_os_str() == OF_THE_MACHINE)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_returns_the_error() {
        let mut command = Command::new("/nonexistent/program");
        let error = replace_process(&mut command).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
