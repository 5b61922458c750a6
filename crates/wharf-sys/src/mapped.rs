//! A file as it lies, in memory without being read.
//!
//! Invariant: only for files that are never written to in place: those of caches and stores, which appear whole and are
//! replaced by renaming. A file that somebody cuts short behind our back ends the process when the missing part is
//! touched, as it does for everyone who maps files.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// A mapped file. Unmapped when dropped; what replaces the file meanwhile is another file.
pub struct Mapped {
    start: *mut std::ffi::c_void,
    length: usize,
}

// SAFETY: the pages are private to this value and nobody writes to them; a shared view of bytes may be read anywhere.
#[expect(
    unsafe_code,
    reason = "a mapping is an address, which says nothing of threads"
)]
unsafe impl Send for Mapped {}
// SAFETY: as above.
#[expect(
    unsafe_code,
    reason = "a mapping is an address, which says nothing of threads"
)]
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Maps a file.
    ///
    /// # Errors
    /// Where it cannot be opened or mapped; an empty file cannot.
    #[expect(unsafe_code, reason = "the kernel is asked for addresses")]
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // SAFETY: no address is asked for, so that nothing that is mapped already is replaced; the file outlives the call,
        // and a mapping needs it no longer after that.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        match start == libc::MAP_FAILED {
            true => Err(io::Error::last_os_error()),
            false => Ok(Self { start, length }),
        }
    }
}

impl AsRef<[u8]> for Mapped {
    #[expect(unsafe_code, reason = "the mapping is read as bytes")]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped for reading from there until this value is dropped, which the lifetime of the
        // slice does not outlast. That the file is not written to is the invariant of this module.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

impl Drop for Mapped {
    #[expect(unsafe_code, reason = "the addresses are given back")]
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and nobody has a slice of it any more. Failing is harmless.
        let _ = unsafe { libc::munmap(self.start, self.length) };
    }
}

impl std::fmt::Debug for Mapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapped").field("bytes", &self.length).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_until_it_is_dropped_even_where_another_takes_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"first").unwrap();
        let mapped = Mapped::open(&path).unwrap();
        std::fs::write(folder.path().join("b"), b"second").unwrap();
        std::fs::rename(folder.path().join("b"), &path).unwrap();
        assert_eq!(mapped.as_ref(), b"first");
        assert_eq!(Mapped::open(&path).unwrap().as_ref(), b"second");
    }

    #[test]
    fn what_is_not_there_or_empty_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Mapped::open(&folder.path().join("none")).is_err());
        std::fs::write(folder.path().join("empty"), b"").unwrap();
        assert!(Mapped::open(&folder.path().join("empty")).is_err());
    }
}
