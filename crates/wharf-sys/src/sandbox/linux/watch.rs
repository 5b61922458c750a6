//! The processes between Wharf and the program: forks that wait.
//!
//! They take signals from a descriptor, with all of them blocked, so that no handler of Wharf's runs in them and process 1 is
//! sent what others would be. A signal that somebody sends goes on to the program; one of the terminal's reaches it by
//! itself. They hold none of Wharf's files: a lock or a pipe would stay open with them.
//! Invariant: a watcher ends as its child did, and nothing that it watches over outlives Wharf.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

/// What becomes of the processes that the program leaves, when Wharf is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphans {
    /// They end with the watcher's child, or the watcher itself.
    EndWithIt,
    /// They are of the watcher's group, where that is its own.
    EndGroup,
}

/// A watcher.
pub(super) struct Watch {
    /// What it waits for.
    pub(super) child: Pid,
    /// Where it hears of signals.
    pub(super) signals: RawFd,
    /// Processes whose end is its own; -1 for none.
    pub(super) deaths: [RawFd; 2],
    /// Where the child's watcher tells how the program ended; -1 where the child is the program.
    pub(super) told: RawFd,
    /// Where it tells that itself.
    pub(super) tell: RawFd,
    /// What becomes of the rest.
    pub(super) orphans: Orphans,
}

/// The calling process has ended its preparations and becomes a watcher.
impl Watch {
    pub(super) fn run(self) -> ! {
        // What it holds must not be traced by the program, which has the same user.
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        self.let_go();
        loop {
            let [first, second] = self.deaths;
            let mut waiting = [self.signals, first, second].map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            });
            // SAFETY: the call reads and writes as many entries as there are. The kernel passes over negative numbers.
            let ready = unsafe { libc::poll(waiting.as_mut_ptr(), 3, -1) };
            // Every signal is blocked, so that nothing interrupts it.
            if ready < 0 || waiting[1..].iter().any(|entry| entry.revents != 0) {
                self.end_all();
            }
            self.hear();
        }
    }

    /// Closes everything but what it needs.
    fn let_go(&self) {
        let mut kept = [self.signals, self.deaths[0], self.deaths[1], self.told, self.tell];
        kept.sort_unstable();
        let mut from = 0;
        for kept in kept.into_iter().filter(|number| *number >= 0) {
            if kept > from {
                close_range(from, kept - 1);
            }
            from = kept + 1;
        }
        close_range(from, RawFd::MAX);
    }

    /// Takes the signals that arrived.
    fn hear(&self) {
        // SAFETY: the structure is one of plain numbers, for which zeros are valid.
        let mut heard: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        loop {
            // SAFETY: the call writes at most `size` bytes into a structure of that size.
            let read = unsafe { libc::read(self.signals, (&raw mut heard).cast(), size) };
            if read != size.cast_signed() {
                return;
            }
            let number = heard.ssi_signo.cast_signed();
            if number == libc::SIGCHLD {
                self.reap();
            } else if heard.ssi_code <= 0 {
                // SAFETY: the call takes numbers only.
                unsafe { libc::kill(self.child.as_raw_nonzero().get(), number) };
            }
        }
    }

    fn reap(&self) {
        while let Ok(Some((pid, status))) = waitpid(None, WaitOptions::NOHANG) {
            if pid == self.child {
                self.end_as(status);
            }
        }
    }

    /// Wharf or the other watcher is gone.
    fn end_all(&self) -> ! {
        let _ = kill_process(self.child, Signal::KILL);
        let group = rustix::process::getpgrp();
        if self.orphans == Orphans::EndGroup && group == rustix::process::getpid() {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        exit(128 + libc::SIGKILL)
    }

    fn end_as(&self, status: WaitStatus) -> ! {
        let mut number = status.as_raw().to_ne_bytes();
        if self.tell >= 0 {
            // SAFETY: it is open, and nothing else uses it.
            let tell = unsafe { OwnedFd::from_raw_fd(self.tell) };
            let _ = rustix::io::write(&tell, &number);
            exit(0);
        }
        if self.told >= 0 {
            // SAFETY: as above.
            let told = unsafe { OwnedFd::from_raw_fd(self.told) };
            if rustix::io::read(&told, &mut number) != Ok(number.len()) {
                // It was killed before it could tell.
                number = status.as_raw().to_ne_bytes();
            }
        }
        end_like(i32::from_ne_bytes(number))
    }
}

/// Ends this process as another did.
fn end_like(status: i32) -> ! {
    if libc::WIFSIGNALED(status) {
        let number = libc::WTERMSIG(status);
        // SAFETY: the calls take numbers, and structures on the stack that outlive them. The process has one thread. No
        // image of it is written: it would be Wharf's.
        unsafe {
            let none = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            libc::signal(number, libc::SIG_DFL);
            unblock();
            libc::kill(libc::getpid(), number);
        }
        exit(128 + number);
    }
    exit(libc::WEXITSTATUS(status))
}

fn exit(code: i32) -> ! {
    // SAFETY: the call takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Blocks all signals and opens a descriptor that tells of them.
pub(super) fn take_signals() -> Result<OwnedFd, Errno> {
    // SAFETY: the calls write and read a set on the stack that outlives them; what is opened belongs to nobody else.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        checked(libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut()).into())?;
        let number = libc::signalfd(-1, &raw const all, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        checked(number.into())?;
        Ok(OwnedFd::from_raw_fd(number))
    }
}

/// Lets signals through again, as the standard library has them for a program that it starts.
pub(super) fn give_signals_back() {
    // SAFETY: as in `unblock`.
    unsafe { unblock() };
}

/// # Safety
/// Handlers of the process may run from here on.
unsafe fn unblock() {
    // SAFETY: the calls write and read a set on the stack that outlives them.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Forks without the C library: its own takes locks that a thread of Wharf's may have held when this child was made.
/// Returns the child in the parent, nothing in the child.
pub(super) fn fork() -> Result<Option<Pid>, Errno> {
    let none: libc::c_long = 0;
    let signal = libc::c_long::from(libc::SIGCHLD);
    // SAFETY: no memory is shared with the child, and no stack is given: it goes on with a copy of this one. What the C
    // library remembers of threads is stale in it, and nothing that it is used for here asks.
    let pid = unsafe {
        if cfg!(target_arch = "s390x") {
            libc::syscall(libc::SYS_clone, none, signal, none, none, none)
        } else {
            libc::syscall(libc::SYS_clone, signal, none, none, none, none)
        }
    };
    let pid = checked(pid)?;
    // The kernel's process numbers are far below the largest that fits.
    Ok(i32::try_from(pid).ok().and_then(Pid::from_raw))
}

fn close_range(from: RawFd, to: RawFd) {
    let none: libc::c_long = 0;
    let (from, to) = (libc::c_long::from(from), libc::c_long::from(to));
    // SAFETY: the call takes numbers; what is closed is not used in this process any more.
    unsafe { libc::syscall(libc::SYS_close_range, from, to, none) };
}

/// The result of a call that tells of failure by -1.
pub(super) fn checked(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result < 0 { Err(last_error()) } else { Ok(result) }
}

/// What the last call of the C library that failed said.
fn last_error() -> Errno {
    // SAFETY: the C library keeps the number in memory of this thread.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}
