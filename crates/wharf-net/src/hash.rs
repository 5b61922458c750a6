//! Digests of what streams by. Invariant: computes one pass over the bytes, whatever number of digests is asked for.

use md5::Digest as _;
use ring::digest;
use wharf_core::{Algorithm, Digest};

/// One running digest.
#[derive(Clone)]
enum Running {
    Ring(Algorithm, digest::Context),
    Blake3(Box<blake3::Hasher>),
    Md5(md5::Md5),
}

/// SHA-256 of a stream and, where that is not what was asked for, one more digest.
#[derive(Clone)]
pub(crate) struct Hashers {
    running: Vec<Running>,
}

impl Running {
    fn new(algorithm: Algorithm) -> Option<Self> {
        let ring = |hash: &'static digest::Algorithm| Some(Self::Ring(algorithm, digest::Context::new(hash)));
        match algorithm {
            Algorithm::Sha1 => ring(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::Sha256 => ring(&digest::SHA256),
            Algorithm::Sha384 => ring(&digest::SHA384),
            Algorithm::Sha512 => ring(&digest::SHA512),
            Algorithm::Blake3 => Some(Self::Blake3(Box::default())),
            Algorithm::Md5 => Some(Self::Md5(md5::Md5::new())),
            Algorithm::Sha224 | Algorithm::Blake2b => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Ring(_, context) => context.update(bytes),
            Self::Blake3(hasher) => drop(hasher.update(bytes)),
            Self::Md5(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        let digest = match self {
            Self::Ring(algorithm, context) => Digest::from_bytes(algorithm, context.finish().as_ref()),
            Self::Blake3(hasher) => Digest::from_bytes(Algorithm::Blake3, hasher.finalize().as_bytes()),
            Self::Md5(hasher) => Digest::from_bytes(Algorithm::Md5, &hasher.finalize()),
        };
        digest.expect("each algorithm gives as many bytes as wharf-core says")
    }
}

impl Hashers {
    /// SHA-256, and `also` where it is another algorithm that can be computed.
    pub(crate) fn new(also: Option<Algorithm>) -> Self {
        let also = also.filter(|algorithm| *algorithm != Algorithm::Sha256);
        let algorithms = [Some(Algorithm::Sha256), also];
        Self {
            running: algorithms
                .into_iter()
                .flatten()
                .filter_map(Running::new)
                .collect(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for running in &mut self.running {
            running.update(bytes);
        }
    }

    /// The digests, SHA-256 first.
    pub(crate) fn finish(self) -> Vec<Digest> {
        self.running.into_iter().map(Running::finish).collect()
    }
}

/// The strongest algorithm among the digests that can be computed here.
pub(crate) fn strongest(digests: &[Digest]) -> Option<Algorithm> {
    digests
        .iter()
        .map(Digest::algorithm)
        .filter(|algorithm| Running::new(*algorithm).is_some())
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let check = |algorithm, expected: &str| {
            let mut hashers = Hashers::new(Some(algorithm));
            hashers.update(b"a");
            hashers.update(b"bc");
            assert_eq!(hashers.finish().last().unwrap().hex(), expected, "{algorithm}");
        };
        check(Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72");
        check(Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        check(
            Algorithm::Sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        );
        check(
            Algorithm::Blake3,
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        );
        assert_eq!(Hashers::new(Some(Algorithm::Blake2b)).finish().len(), 1);
    }

    #[test]
    fn the_strongest_that_can_be_computed() {
        let digest =
            |algorithm: Algorithm| Digest::from_bytes(algorithm, &vec![0; algorithm.length()]).unwrap();
        let all = [Algorithm::Blake2b, Algorithm::Md5, Algorithm::Sha512].map(digest);
        assert_eq!(strongest(&all), Some(Algorithm::Sha512));
        assert_eq!(strongest(&all[..2]), Some(Algorithm::Md5));
        assert_eq!(strongest(&all[..1]), None);
    }
}
