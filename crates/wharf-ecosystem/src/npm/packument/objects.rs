//! The objects of versions without what nobody reads of them: of abbreviated documents two thirds are left, of full ones less.
//!
//! Invariant: [`PackageManifest`](crate::npm::PackageManifest) reads the same out of an object as out of what is kept of
//! it, but for what is needed to develop the package. What is kept is never longer than what it comes from.

/// Objects, one after the other.
pub(super) struct Objects<'o>(pub(super) &'o mut Vec<u8>);

impl Objects<'_> {
    /// How long all of them are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes back what came after the first `length` bytes.
    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Begins an object.
    pub(super) fn begin(&mut self) {
        self.0.push(b'{');
    }

    /// A member, key and value as they stand in the document.
    pub(super) fn member(&mut self, key: &[u8], value: &[u8]) {
        self.key(key);
        self.0.extend_from_slice(value);
        self.0.push(b',');
    }

    /// Begins a member whose value is an object; [`end_member`](Self::end_member) ends it.
    pub(super) fn begin_member(&mut self, key: &[u8]) {
        self.key(key);
        self.begin();
    }

    /// Ends a member that is an object.
    pub(super) fn end_member(&mut self) {
        self.end();
        self.0.push(b',');
    }

    /// Ends an object.
    pub(super) fn end(&mut self) {
        match self.0.last_mut() {
            // Of the last member.
            Some(comma @ b',') => *comma = b'}',
            _ => self.0.push(b'}'),
        }
    }

    fn key(&mut self, key: &[u8]) {
        self.0.reserve(key.len() + 4);
        self.0.push(b'"');
        self.0.extend_from_slice(key);
        self.0.extend_from_slice(b"\":");
    }
}

/// Whether anybody reads this member of a version's object: who installs the package, or who asks what it is. Keys are
/// raw: one with an escape in it may be any.
pub(super) fn is_read(key: &[u8]) -> bool {
    match key {
        b"name"
        | b"version"
        | b"dependencies"
        | b"optionalDependencies"
        | b"peerDependencies"
        | b"peerDependenciesMeta"
        | b"bundleDependencies"
        | b"bundledDependencies"
        | b"bin"
        | b"directories"
        | b"os"
        | b"cpu"
        | b"libc"
        | b"engines"
        | b"scripts"
        | b"hasInstallScript"
        | b"gypfile"
        | b"deprecated"
        | b"dist" => true,
        b"description" | b"license" | b"licenses" | b"homepage" | b"repository" | b"bugs" | b"author"
        | b"maintainers" | b"keywords" => true,
        other => other.contains(&b'\\'),
    }
}

/// The same of a member of `dist`.
pub(super) fn is_read_of_dist(key: &[u8]) -> bool {
    match key {
        b"tarball" | b"integrity" | b"unpackedSize" | b"fileCount" => true,
        other => other.contains(&b'\\'),
    }
}

/// Whether a raw value is one SHA-512 digest as Subresource Integrity writes it, beside which no weaker one counts.
pub(super) fn is_sha512(value: &[u8]) -> bool {
    let Some(base64) = value
        .strip_prefix(b"\"sha512-")
        .and_then(|rest| rest.strip_suffix(b"==\""))
    else {
        return false;
    };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() | (*byte == b'+') | (*byte == b'/');
    // The last digit has two bits; without an early end this is done for many bytes at once.
    base64.len() == 86
        && base64.iter().fold(true, |all, byte| all & is_digit(byte))
        && matches!(base64.last(), Some(b'A' | b'Q' | b'g' | b'w'))
}
