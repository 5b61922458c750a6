//! A filter of system calls under which no connection can be opened: sockets of the file system alone.
//!
//! `io_uring` could open sockets past the filter, and calls of another architecture have other numbers, so that neither is
//! there. Source: seccomp(2), the kernel's seccomp_filter.rst. Invariant: what is not about sockets is let through.

use std::io;

use rustix::io::Errno;

use super::super::Step;
use super::watch;

/// A program for the kernel.
pub(super) struct Filter(Vec<libc::sock_filter>);

/// How the kernel names this architecture, in linux/audit.h.
const ARCHITECTURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xC000_003E)
} else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
    Some(0xC000_00B7)
} else if cfg!(target_arch = "riscv64") {
    Some(0xC000_00F3)
} else {
    None
};

/// Where the kernel puts the call's number, the architecture and the low half of the first argument.
const NUMBER: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
/// From here on numbers are those of the x32 interface, on x86-64.
const X32: u32 = 0x4000_0000;

impl Filter {
    /// # Errors
    /// The architecture is none that this is written for.
    pub(super) fn without_sockets() -> io::Result<Self> {
        let Some(architecture) = ARCHITECTURE else {
            return Err(Step::Seccomp.failed(Errno::NOSYS));
        };
        let load = |at| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at);
        let equal = |value, yes, no| jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, yes, no);
        let from = |value, yes, no| jump(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, value, yes, no);
        let end = |value| statement(libc::BPF_RET | libc::BPF_K, value);
        let call = |number: libc::c_long| u32::try_from(number).expect("numbers of calls are small");
        let fails = |error: i32| libc::SECCOMP_RET_ERRNO | error.cast_unsigned();
        Ok(Self(vec![
            load(ARCHITECTURE_AT),
            equal(architecture, 0, 9),
            load(NUMBER),
            from(X32, 7, 0),
            equal(call(libc::SYS_io_uring_setup), 6, 0),
            equal(call(libc::SYS_socket), 0, 3),
            load(FIRST_ARGUMENT),
            equal(libc::AF_UNIX.cast_unsigned(), 1, 0),
            equal(libc::AF_NETLINK.cast_unsigned(), 0, 1),
            end(libc::SECCOMP_RET_ALLOW),
            end(fails(libc::EACCES)),
            end(fails(libc::ENOSYS)),
        ]))
    }

    /// Under this filter files are given to any user, as it seems: the one user of a namespace can give them to nobody.
    ///
    /// # Errors
    /// As [`Filter::without_sockets`].
    pub(super) fn giving_files() -> io::Result<Self> {
        let Some(architecture) = ARCHITECTURE else {
            return Err(Step::Seccomp.failed(Errno::NOSYS));
        };
        let load = |at| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at);
        let equal = |value, yes, no| jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, yes, no);
        let end = |value| statement(libc::BPF_RET | libc::BPF_K, value);
        #[cfg(target_arch = "x86_64")]
        let old = [libc::SYS_chown, libc::SYS_lchown];
        #[cfg(not(target_arch = "x86_64"))]
        let old = [libc::SYS_fchown, libc::SYS_fchown];
        let [chown, lchown] = old;
        let calls = [
            chown,
            lchown,
            libc::SYS_fchown,
            libc::SYS_fchownat,
            libc::SYS_setgroups,
        ];
        // To the end that lets everything through; one further to the other.
        let mut program = vec![
            load(ARCHITECTURE_AT),
            equal(architecture, 0, calls.len() as u8 + 1),
            load(NUMBER),
        ];
        for (number, call) in calls.into_iter().enumerate() {
            let call = u32::try_from(call).expect("numbers of calls are small");
            program.push(equal(call, (calls.len() - number) as u8, 0));
        }
        program.push(end(libc::SECCOMP_RET_ALLOW));
        program.push(end(libc::SECCOMP_RET_ERRNO));
        Ok(Self(program))
    }

    /// From here on the filter holds for this process and all that it starts.
    pub(super) fn load(&self) -> Result<(), Errno> {
        let program = libc::sock_fprog {
            // It has a dozen instructions.
            len: self.0.len() as libc::c_ushort,
            filter: self.0.as_ptr().cast_mut(),
        };
        let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
        // SAFETY: the kernel reads as many instructions as it is told, and writes none.
        let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
        watch::checked(done.into()).map(|_| ())
    }
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    let code = code as u16;
    libc::sock_filter { code, jt, jf, k }
}
