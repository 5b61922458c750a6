//! Archives that no registry lists, by path or URL: what the package in one says of itself, and why one is none.
//!
//! Invariant: a file of this machine is read to its end, so that one that was copied in part is told of before anything is locked.
//! Whether it is whole is what the store's own reader says: no file is refused here that could be installed.

use std::io::{self, Read};
use std::path::Component;

use bytes::Bytes;
use wharf_core::Digest;
use wharf_ecosystem::npm::PackageManifest;
use wharf_store::home::unpack::read_through_tgz;
use wharf_store::{ArchiveError, Limits, Refusal};

use super::direct::manifest;
use super::error::NpmError;
use crate::arrive::Check;
use crate::error::IndexError;

/// A `package.json` beyond this is none.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// More than this is not unpacked to find words for what is no archive.
const LOOKED_AT: u64 = 4 << 20;

/// What tar archives are made of, in bytes.
const BLOCK: usize = 512;

/// Whose an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A file of this machine.
    Ours,
    /// What a URL leads to.
    Anybodys,
}

/// What a package in an archive says of itself, and the archive's SHA-512.
pub(super) async fn read(
    place: String,
    whose: Whose,
    bytes: Bytes,
) -> Result<(PackageManifest, Digest), IndexError> {
    wharf_sys::run_compute(move || {
        let mut check = Check::new(&[]);
        check.update(&bytes);
        let digest = check.finish(&place, &place, &[])?;
        let no_archive = |reason: String| NpmError::Archive {
            place: place.clone(),
            reason,
            is_local: whose == Whose::Ours,
        };
        let found = find_manifest(&bytes).map_err(|error| no_archive(why_none(&bytes, &error)))?;
        if whose == Whose::Ours {
            whole(&bytes).map_err(no_archive)?;
        }
        let text =
            found.ok_or_else(|| no_archive("it holds no package.json in its first folder".to_owned()))?;
        Ok((manifest(&place, &text)?, digest))
    })
    .await
}

/// The `package.json` of an archive: in its first folder, whatever that is called.
fn find_manifest(archive: &[u8]) -> io::Result<Option<Vec<u8>>> {
    if archive.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut tar = tar::Archive::new(plain(archive).take(most_of(archive)));
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?;
        let mut parts = path.components().filter(|part| *part != Component::CurDir);
        let (folder, name, end) = (parts.next(), parts.next(), parts.next());
        let is_manifest =
            folder.is_some() && end.is_none() && name == Some(Component::Normal("package.json".as_ref()));
        if is_manifest {
            let mut text = Vec::new();
            (&mut entry).take(LARGEST_MANIFEST).read_to_end(&mut text)?;
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// What an archive may unpack to: the store refuses what is more.
fn most_of(archive: &[u8]) -> u64 {
    let limits = Limits::default();
    let by_ratio = (archive.len() as u64).saturating_mul(limits.max_ratio + 1);
    by_ratio.max(limits.ratio_matters_from)
}

/// Whether an archive is there to its end; else why not. What else the store has against one, it says itself.
fn whole(archive: &[u8]) -> Result<(), String> {
    match read_through_tgz(archive, &Limits::default()) {
        Err(ArchiveError::Refused { reason, .. }) => match reason {
            Refusal::Truncated => Err("it ends in the middle".to_owned()),
            Refusal::Damaged(why) => Err(format!("it is damaged ({why})")),
            _ => Ok(()),
        },
        Ok(()) | Err(_) => Ok(()),
    }
}

fn is_gzip(archive: &[u8]) -> bool {
    archive.starts_with(&[0x1f, 0x8b])
}

fn plain(archive: &[u8]) -> Box<dyn Read + '_> {
    match is_gzip(archive) {
        true => Box::new(flate2::read::MultiGzDecoder::new(archive)),
        false => Box::new(archive),
    }
}

/// Why bytes are no archive, in words.
fn why_none(bytes: &[u8], error: &io::Error) -> String {
    let start = &bytes[..bytes.len().min(BLOCK)];
    let text = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
    if bytes.is_empty() {
        return "the file is empty".to_owned();
    }
    if text.starts_with("version https://git-lfs") {
        return "it is a pointer of Git LFS, and `git lfs pull` fetches the file".to_owned();
    }
    if text.starts_with("<!doctype") || text.starts_with("<html") {
        return "it is a page of HTML".to_owned();
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return "it is a zip archive, where a tar archive is needed".to_owned();
    }
    if !is_gzip(bytes) && !is_tar(bytes) {
        return "it is neither a tar archive nor a gzip of one".to_owned();
    }
    match io::copy(&mut plain(bytes).take(LOOKED_AT), &mut io::sink()) {
        Err(inner) if is_end(&inner) => "it ends in the middle".to_owned(),
        Err(inner) if !is_padding(&inner) => format!("it is damaged ({inner})"),
        Ok(_) if is_end(error) => "it ends in the middle".to_owned(),
        Ok(length) if length < BLOCK as u64 => "it is no gzip of a tar archive".to_owned(),
        Ok(_) | Err(_) => format!("what it holds is no tar archive ({error})"),
    }
}

/// Whether something was missing at the end.
fn is_end(error: &io::Error) -> bool {
    let words = error.to_string();
    error.kind() == io::ErrorKind::UnexpectedEof
        || words.contains("unexpected EOF")
        || words.contains("incomplete")
}

/// Whether what stands behind the end is no part of it: some gzips are padded.
fn is_padding(error: &io::Error) -> bool {
    error.to_string().contains("invalid gzip header")
}

/// Whether the first header of a tar archive adds up.
fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..BLOCK) else {
        return false;
    };
    let header = tar::Header::from_byte_slice(header);
    let own = header.as_bytes();
    let sum: u32 = own.iter().map(|byte| u32::from(*byte)).sum();
    let field: u32 = own[148..156].iter().map(|byte| u32::from(*byte)).sum();
    header
        .cksum()
        .is_ok_and(|said| said == sum - field + 8 * u32::from(b' '))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    /// Why a file of this machine is not taken; nothing where it is.
    fn refusal(bytes: &[u8]) -> Option<String> {
        match find_manifest(bytes) {
            Ok(_) => whole(bytes).err(),
            Err(error) => Some(why_none(bytes, &error)),
        }
    }

    /// The header of an empty file, with other bytes in the field of its size, and summed as the bytes' type has it.
    fn odd_header(path: &str, size: &[u8; 12], is_signed: bool) -> [u8; BLOCK] {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(0o644);
        let bytes = header.as_mut_bytes();
        bytes[124..136].copy_from_slice(size);
        bytes[148..156].fill(b' ');
        let sum: i64 = bytes
            .iter()
            .map(|byte| match is_signed {
                true => i64::from(*byte as i8),
                false => i64::from(*byte),
            })
            .sum();
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        *bytes
    }

    #[test]
    fn the_manifest_of_an_archive() {
        for (path, found) in [
            ("package/package.json", true),
            ("react-1.0/package.json", true),
            ("package.json", false),
            ("package/lib/package.json", false),
        ] {
            for bytes in [archive(&[(path, b"{}")]), gzip(&archive(&[(path, b"{}")]))] {
                let text = find_manifest(&bytes).unwrap();
                assert_eq!(text.is_some(), found, "{path}");
            }
        }
    }

    #[test]
    fn what_the_store_can_unpack_is_whole() {
        let plain = archive(&[("package/package.json", b"{}"), ("package/x", b"x")]);
        let packed = gzip(&plain);
        let with = |behind: &[u8]| [&packed[..], behind].concat();
        let end = plain.len() - 2 * BLOCK;
        let then = |header: [u8; BLOCK]| gzip(&[&plain[..end], &header, &[0; 2 * BLOCK]].concat());
        for (name, bytes) in [
            ("padded to a tape's block", with(&[0; 600])),
            ("with a NUL behind it", with(b"\0")),
            ("with bytes behind it", with(b"garbage")),
            ("without the last padding", gzip(&plain[..end - BLOCK + 1])),
            ("without the end's mark", gzip(&plain[..end])),
            (
                "plain, without the last padding",
                plain[..end - BLOCK + 1].to_vec(),
            ),
            (
                "with a size of NULs",
                then(odd_header("package/y", &[0; 12], false)),
            ),
            (
                "with a size of blanks",
                then(odd_header("package/y", &[b' '; 12], false)),
            ),
            (
                "with a signed checksum",
                then(odd_header("package/\u{e9}\u{e9}", b"00000000000\0", true)),
            ),
        ] {
            assert_eq!(
                find_manifest(&bytes).unwrap().as_deref(),
                Some(&b"{}"[..]),
                "{name}"
            );
            assert_eq!(refusal(&bytes), None, "{name}");
            let store = tempfile::tempdir().unwrap();
            let store = wharf_store::Store::open(store.path()).unwrap();
            store.unpack_tgz_bytes(&bytes, &Limits::default()).unwrap();
        }
    }

    #[test]
    fn words_for_what_is_none_cost_little() {
        // Blocks that are no headers, a thousand times what they are packed.
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..64 {
            gzip.write_all(&vec![b'x'; 1 << 20]).unwrap();
        }
        let mut bomb = gzip.finish().unwrap();
        // What only unpacking all of it would find.
        let end = bomb.len() - 5;
        bomb[end] ^= 0xff;
        let error = find_manifest(&bomb).unwrap_err();
        let words = why_none(&bomb, &error);
        assert!(words.starts_with("what it holds is no tar archive ("), "{words}");
    }

    #[test]
    fn why_something_is_no_archive() {
        // What cannot be packed, so that half of the file is half of it.
        let mut noise = vec![0; 40_000];
        let mut state = 1_u64;
        for byte in &mut noise {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        let whole = archive(&[("package/package.json", b"{}"), ("package/blob", &noise)]);
        let packed = gzip(&whole);
        let mut damaged = packed.clone();
        damaged[9_000..9_400].fill(0xff);
        for (bytes, expected) in [
            (Vec::new(), "the file is empty"),
            (
                b"hello\n".to_vec(),
                "it is neither a tar archive nor a gzip of one",
            ),
            (noise.clone(), "it is neither a tar archive nor a gzip of one"),
            (b"\n<!DOCTYPE html><html>".to_vec(), "it is a page of HTML"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec(),
                "it is a pointer of Git LFS, and `git lfs pull` fetches the file",
            ),
            (
                b"PK\x03\x04rest".to_vec(),
                "it is a zip archive, where a tar archive is needed",
            ),
            (whole[..20_000].to_vec(), "it ends in the middle"),
            (packed[..20_000].to_vec(), "it ends in the middle"),
            (packed[..packed.len() - 4].to_vec(), "it ends in the middle"),
            (packed[..5].to_vec(), "it ends in the middle"),
            (gzip(&whole[..20_000]), "it ends in the middle"),
            (gzip(b"hello"), "it is no gzip of a tar archive"),
        ] {
            assert_eq!(
                refusal(&bytes).as_deref(),
                Some(expected),
                "{} bytes",
                bytes.len()
            );
        }
        let words = refusal(&damaged).unwrap();
        assert!(words.starts_with("it is damaged ("), "{words}");
    }
}
