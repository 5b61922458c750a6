//! Digests of streams: every algorithm that registries publish, and the store's own.
//! Invariant: one pass over the bytes, whatever the number of algorithms asked for.
//! SHA-1 and SHA-2 come from `ring`'s assembler, three times as fast as portable code without SHA instructions.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use blake2::Digest as _;
use wharf_core::{Algorithm, Digest};

use crate::error::StoreError;

/// Takes bytes and gives their digest.
pub struct Hasher(State);

enum State {
    Md5(md5::Md5),
    Sha224(sha2::Sha224),
    Ring(Algorithm, ring::digest::Context),
    Blake2b(Box<blake2::Blake2b512>),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        let ring = |kind| State::Ring(algorithm, ring::digest::Context::new(kind));
        Self(match algorithm {
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Sha1 => ring(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::Sha224 => State::Sha224(sha2::Sha224::new()),
            Algorithm::Sha256 => ring(&ring::digest::SHA256),
            Algorithm::Sha384 => ring(&ring::digest::SHA384),
            Algorithm::Sha512 => ring(&ring::digest::SHA512),
            Algorithm::Blake2b => State::Blake2b(Box::new(blake2::Blake2b512::new())),
            Algorithm::Blake3 => State::Blake3(Box::new(blake3::Hasher::new())),
        })
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Md5(state) => state.update(bytes),
            State::Sha224(state) => state.update(bytes),
            State::Ring(_, state) => state.update(bytes),
            State::Blake2b(state) => state.update(bytes),
            State::Blake3(state) => {
                state.update(bytes);
            }
        }
    }

    /// The digest of all that was taken.
    pub fn finish(self) -> Digest {
        let digest = |algorithm, bytes: &[u8]| {
            Digest::from_bytes(algorithm, bytes)
                .expect("a hash function gives as many bytes as its name says")
        };
        match self.0 {
            State::Md5(state) => digest(Algorithm::Md5, &state.finalize()),
            State::Sha224(state) => digest(Algorithm::Sha224, &state.finalize()),
            State::Ring(algorithm, state) => digest(algorithm, state.finish().as_ref()),
            State::Blake2b(state) => digest(Algorithm::Blake2b, &state.finalize()),
            State::Blake3(state) => digest(Algorithm::Blake3, state.finalize().as_bytes()),
        }
    }

    /// The digest of bytes at hand.
    pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Self::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }
}

/// The digests of a file, in the order asked for, in one pass.
///
/// # Errors
/// Where the file cannot be read.
pub fn hash_file(path: &Path, algorithms: &[Algorithm]) -> Result<Vec<Digest>, StoreError> {
    let mut file = File::open(path).map_err(StoreError::io("open", path))?;
    let mut hashers: Vec<Hasher> = algorithms.iter().copied().map(Hasher::new).collect();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(StoreError::io("read", path))?;
        if count == 0 {
            return Ok(hashers.into_iter().map(Hasher::finish).collect());
        }
        for hasher in &mut hashers {
            hasher.update(&buffer[..count]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_digests_of_abc() {
        for expected in [
            "md5:900150983cd24fb0d6963f7d28e17f72",
            "sha1:a9993e364706816aba3e25717850c26c9cd0d89d",
            "sha224:23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "blake2b:ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
            "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        ] {
            let digest = Digest::parse(expected).unwrap();
            assert_eq!(Hasher::digest(digest.algorithm(), b"abc"), digest);
        }
    }

    #[test]
    fn a_file_in_one_pass() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, b"abc").unwrap();
        let digests = hash_file(&path, &[Algorithm::Sha256, Algorithm::Md5]).unwrap();
        assert_eq!(digests[1], Hasher::digest(Algorithm::Md5, b"abc"));
    }
}
