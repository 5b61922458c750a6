//! Processes that were started in a group of their own: waited for, or ended with all that they started.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// How long nobody looks whether somebody asks to stop.
pub const LOOK: Duration = Duration::from_millis(50);

/// Waits for the end; where somebody asks to stop first, the process is ended, and there is no status.
///
/// # Errors
/// The process cannot be waited for.
pub fn wait(child: &mut Child, cancel: &AtomicBool) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if cancel.load(Ordering::SeqCst) {
            end(child)?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOK);
    }
}

/// Ends a process that was not waited for yet, with all of its group.
///
/// # Errors
/// The process cannot be waited for.
pub fn end(child: &mut Child) -> io::Result<()> {
    // A failure means that it just ended.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    child.wait().map(drop)
}

/// How a process ended that did not succeed.
pub(crate) fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;

    fn started(script: &str) -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).process_group(0);
        command.stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn how_a_process_ended_is_told() {
        for (script, expected) in [
            ("exit 3", "failed with status 3"),
            ("kill -9 $$", "was killed by signal 9"),
        ] {
            let status = wait(&mut started(script), &AtomicBool::new(false)).unwrap();
            assert_eq!(words(status.unwrap()), expected);
        }
    }

    #[test]
    fn who_asks_to_stop_ends_the_whole_group() {
        let mut child = started("sleep 60 & sleep 60");
        let mut output = child.stdout.take().unwrap();
        assert_eq!(wait(&mut child, &AtomicBool::new(true)).unwrap(), None);
        // The pipe ends with the last process that holds it.
        let mut said = String::new();
        assert_eq!(output.read_to_string(&mut said).unwrap(), 0);
    }
}
