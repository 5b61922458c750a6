//! Several programs at once, for `wharf run --parallel`: what they print comes line by line, and where one fails the others end.
//!
//! Each is the first of a process group of its own, so that it can be ended with all that it started. What a terminal sends to the group
//! in its foreground does not reach them, so signals are handed on. They read nothing: none of several could have the terminal for itself.
//!
//! Invariant: where this returns, each of the programs has ended.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a program that was asked to end may take for it.
const TO_END: Duration = Duration::from_secs(5);
/// How long what an ended program has left behind is listened to.
const TO_FALL_SILENT: Duration = Duration::from_millis(500);
/// How long a line becomes before it counts as one without its end.
const LONGEST_LINE: usize = 64 * 1024;

/// What becomes of the others where one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// They are asked to end, and those that do not are ended.
    EndsAll,
    /// They go on.
    EndsNone,
}

/// Where something was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// To standard output.
    Output,
    /// To standard error.
    Errors,
}

/// What is told of a program.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// It printed a line, which is given without its end.
    Line(Stream, &'a [u8]),
    /// It failed, and nobody had asked it to end.
    Failed(ExitStatus),
}

/// How it all ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Each succeeded.
    Well,
    /// One failed, before any other.
    Failed(ExitStatus),
    /// A signal came.
    Signalled(i32),
}

/// Runs all of them to their ends. Where nothing more can be told, they are ended.
///
/// # Errors
/// One cannot be started, or what is told of them gets nowhere.
pub fn together(
    commands: impl IntoIterator<Item = Command>,
    failing: Failing,
    tell: impl FnMut(usize, News<'_>) -> io::Result<()>,
) -> io::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(commands, failing, tell))
}

async fn run(
    commands: impl IntoIterator<Item = Command>,
    failing: Failing,
    tell: impl FnMut(usize, News<'_>) -> io::Result<()>,
) -> io::Result<End> {
    let mut signals = signals()?;
    let (sender, mut happening) = channel(64);
    let mut all = All {
        groups: Vec::new(),
        failing,
        tell,
        first: None,
        signalled: None,
        error: None,
        limit: None,
    };
    for command in commands {
        match start(command, all.groups.len(), &sender) {
            Ok(group) => all.groups.push(Some(group)),
            Err(error) => {
                all.give_up(error);
                break;
            }
        }
    }
    drop(sender);
    loop {
        let limit = all.limit.unwrap_or_else(Instant::now);
        tokio::select! {
            happened = happening.recv() => match happened {
                Some(happened) => all.note(happened),
                // All have ended, and so has all that could still print.
                None => break,
            },
            Some(came) = signals.recv() => all.hand_on(came),
            () = sleep_until(limit), if all.limit.is_some() => if all.is_over() { break },
        }
    }
    match (all.error, all.signalled, all.first) {
        (Some(error), _, _) => Err(error),
        (None, Some(signal), _) => Ok(End::Signalled(signal)),
        (None, None, Some(status)) => Ok(End::Failed(status)),
        (None, None, None) => Ok(End::Well),
    }
}

/// What a task has seen.
enum Happened {
    Line(usize, Stream, Vec<u8>),
    Ended(usize, io::Result<ExitStatus>),
}

/// The programs, and what was seen of them.
struct All<T> {
    /// The process group of each that has not ended.
    groups: Vec<Option<Pid>>,
    failing: Failing,
    tell: T,
    first: Option<ExitStatus>,
    signalled: Option<i32>,
    error: Option<io::Error>,
    /// When patience ends.
    limit: Option<Instant>,
}

impl<T: FnMut(usize, News<'_>) -> io::Result<()>> All<T> {
    fn note(&mut self, happened: Happened) {
        match happened {
            Happened::Line(index, stream, line) => self.tell(index, News::Line(stream, &line)),
            Happened::Ended(index, status) => {
                self.groups[index] = None;
                match status {
                    Ok(status) if status.success() => {}
                    Ok(status) => self.failed(index, status),
                    Err(error) => self.give_up(error),
                }
                self.listen_out();
            }
        }
    }

    fn failed(&mut self, index: usize, status: ExitStatus) {
        if self.is_ending() {
            return;
        }
        self.tell(index, News::Failed(status));
        self.first.get_or_insert(status);
        if self.failing == Failing::EndsAll {
            self.end();
        }
    }

    fn tell(&mut self, index: usize, news: News<'_>) {
        if self.error.is_none()
            && let Err(error) = (self.tell)(index, news)
        {
            self.give_up(error);
        }
    }

    fn give_up(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
        self.end();
    }

    fn end(&mut self) {
        self.limit = Some(Instant::now() + TO_END);
        self.send(Signal::TERM);
        // What is stopped hears nothing else.
        self.send(Signal::CONT);
    }

    /// Where they were asked to end, and have: what they left behind may go on, and nobody waits for that.
    fn listen_out(&mut self) {
        if self.is_ending() && self.groups.iter().all(Option::is_none) {
            self.limit = Some(Instant::now() + TO_FALL_SILENT);
        }
    }

    /// Whether they were asked to end.
    fn is_ending(&self) -> bool {
        let by_failure = self.failing == Failing::EndsAll && self.first.is_some();
        by_failure || self.signalled.is_some() || self.error.is_some()
    }

    /// Where patience has ended: nothing is left but to listen, or those go on that would not end, and they are ended.
    fn is_over(&mut self) -> bool {
        self.limit = None;
        self.send(Signal::KILL);
        self.groups.iter().all(Option::is_none)
    }

    fn hand_on(&mut self, signal: Signal) {
        self.send(signal);
        if signal == Signal::TSTP {
            // A failure leaves it running, which is what it did.
            let _ = kill_process(getpid(), Signal::STOP);
        } else if signal != Signal::CONT {
            self.signalled.get_or_insert(signal.as_raw());
            self.listen_out();
        }
    }

    fn send(&self, signal: Signal) {
        for group in self.groups.iter().flatten() {
            // A failure means that it just ended.
            let _ = kill_process_group(*group, signal);
        }
    }
}

/// Starts one; its tasks tell of it.
fn start(mut command: Command, index: usize, sender: &Sender<Happened>) -> io::Result<Pid> {
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command).spawn()?;
    let id = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let output = child.stdout.take().expect("it has a pipe");
    let errors = child.stderr.take().expect("it has a pipe");
    let readers = [
        tokio::spawn(read(output, index, Stream::Output, sender.clone())),
        tokio::spawn(read(errors, index, Stream::Errors, sender.clone())),
    ];
    let sender = sender.clone();
    tokio::spawn(async move {
        let status = child.wait().await;
        // What it printed last comes first, unless something that it left behind could print as well.
        for reader in readers {
            let _ = timeout(TO_FALL_SILENT, reader).await;
        }
        // Nobody listens any more where all is over.
        let _ = sender.send(Happened::Ended(index, status)).await;
    });
    Ok(id.expect("it was not waited for yet"))
}

/// Hands on what comes, line by line.
async fn read(mut from: impl AsyncRead + Unpin, index: usize, stream: Stream, sender: Sender<Happened>) {
    let mut kept: Vec<u8> = Vec::new();
    let mut piece = vec![0; 8 * 1024];
    loop {
        // What cannot be read any more has ended.
        let length = from.read(&mut piece).await.unwrap_or_default();
        let mut rest = &piece[..length];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            kept.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            if send(&sender, index, stream, &mut kept).await.is_none() {
                return;
            }
        }
        kept.extend_from_slice(rest);
        let is_enough = kept.len() >= LONGEST_LINE || (length == 0 && !kept.is_empty());
        if is_enough && send(&sender, index, stream, &mut kept).await.is_none() {
            return;
        }
        if length == 0 {
            return;
        }
    }
}

/// `None` where nobody listens.
async fn send(sender: &Sender<Happened>, index: usize, stream: Stream, line: &mut Vec<u8>) -> Option<()> {
    let line = std::mem::take(line);
    sender.send(Happened::Line(index, stream, line)).await.ok()
}

/// Those signals that are handed on, as they come.
fn signals() -> io::Result<Receiver<Signal>> {
    const HANDED_ON: [Signal; 6] = [
        Signal::INT,
        Signal::TERM,
        Signal::HUP,
        Signal::QUIT,
        Signal::TSTP,
        Signal::CONT,
    ];
    let (sender, receiver) = channel(HANDED_ON.len());
    for which in HANDED_ON {
        let mut coming = signal(SignalKind::from_raw(which.as_raw()))?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while coming.recv().await.is_some() {
                if sender.send(which).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// How these shell texts end together, and what is told of each, in the order in which it came.
    fn run(texts: &[&str], failing: Failing) -> (End, Vec<String>) {
        let commands = texts.iter().map(|text| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", text]);
            command
        });
        let mut told = Vec::new();
        let end = together(commands, failing, |index, news| {
            told.push(match news {
                News::Line(Stream::Output, line) => format!("{index} {}", String::from_utf8_lossy(line)),
                News::Line(Stream::Errors, line) => format!("{index}! {}", String::from_utf8_lossy(line)),
                News::Failed(status) => format!("{index} failed {:?}", status.code()),
            });
            Ok(())
        });
        (end.expect("there is a shell"), told)
    }

    #[test]
    fn they_run_at_once_and_each_line_is_told_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        // Each waits for what the other one makes.
        let meet = |own: &str, other: &str| {
            format!(
                "printf 'a'; mkfifo {path}/{own}; while [ ! -p {path}/{other} ]; do sleep 0.01; done; echo b; echo >&2; printf c"
            )
        };
        let texts = [meet("x", "y"), meet("y", "x")];
        let (end, told) = run(&[&texts[0], &texts[1]], Failing::EndsAll);
        assert_eq!(end, End::Well);
        for index in [0, 1] {
            let of = |mark: &str| {
                let start = format!("{index}{mark} ");
                let own = told.iter().filter_map(|line| line.strip_prefix(&start));
                own.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(
                (of(""), of("!")),
                (vec!["ab".to_owned(), "c".to_owned()], vec![String::new()])
            );
        }
    }

    #[test]
    fn where_one_fails_the_others_end_with_all_that_they_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        // What was started tells that it was asked to end, and who started it does nothing about it.
        let lives = format!(
            "exec 2> /dev/null; (trap 'echo > {path}/ended; exit' TERM; echo > {path}/up; while :; do sleep 0.01; done) & wait; echo never"
        );
        let fails = format!("while [ ! -e {path}/up ]; do sleep 0.01; done; echo b; exit 7");
        let begin = std::time::Instant::now();
        let (end, told) = run(&[&fails, &lives], Failing::EndsAll);
        assert_eq!(end, End::Failed(ExitStatus::from_raw(7 << 8)));
        assert_eq!(told, ["0 b", "0 failed Some(7)"]);
        while !folder.path().join("ended").exists() {
            assert!(begin.elapsed().as_secs() < 60, "it was not asked to end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn or_they_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let fails = format!("echo > {path}/failed; exit 7");
        let goes_on =
            format!("while [ ! -e {path}/failed ]; do sleep 0.01; done; sleep 1; echo still; exit 3");
        let (end, told) = run(&[&goes_on, &fails], Failing::EndsNone);
        assert_eq!(end, End::Failed(ExitStatus::from_raw(7 << 8)));
        assert_eq!(told, ["1 failed Some(7)", "0 still", "0 failed Some(3)"]);
    }

    #[test]
    fn one_that_does_not_want_to_end_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let stays = format!("trap '' TERM; echo > {path}/up; while :; do sleep 1; done");
        let fails = format!("while [ ! -e {path}/up ]; do sleep 0.01; done; exit 2");
        let (end, told) = run(&[&stays, &fails], Failing::EndsAll);
        assert_eq!(end, End::Failed(ExitStatus::from_raw(2 << 8)));
        assert_eq!(told, ["1 failed Some(2)"]);
    }

    #[test]
    fn what_they_print_without_end_is_told_in_pieces() {
        let (end, told) = run(&["head -c 200000 /dev/zero | tr '\\0' x"], Failing::EndsAll);
        assert_eq!(end, End::Well);
        assert!(told.len() > 1, "{}", told.len());
        assert_eq!(told.iter().map(|line| line.len() - 2).sum::<usize>(), 200_000);
    }

    #[test]
    fn where_nobody_can_be_told_they_end() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "while :; do echo x; sleep 0.01; done"]);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let error = together([command], Failing::EndsAll, |_, _| Err(gone())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn where_one_cannot_be_started_the_others_end() {
        let mut lives = Command::new("/bin/sh");
        lives.args(["-c", "sleep 60"]);
        let missing = Command::new("/nonexistent/program");
        let error = together([lives, missing], Failing::EndsNone, |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
