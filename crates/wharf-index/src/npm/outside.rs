//! Archives that no registry lists, by path or URL: what the package in one says of itself, and why one is none.
//!
//! Invariant: the store's own reader judges, from the first byte to the last. So no archive is refused here that could be installed, one
//! that could not is told of before anything is locked, and the `package.json` is the one that would be installed.

use std::io::{self, Read};

use bytes::Bytes;
use wharf_core::Digest;
use wharf_ecosystem::npm::PackageManifest;
use wharf_store::home::unpack::read_file_of_tgz;
use wharf_store::{ArchiveError, Limits, Refusal};

use super::direct::manifest;
use super::error::NpmError;
use crate::arrive::Check;
use crate::error::IndexError;

/// A `package.json` beyond this is none.
const LARGEST_MANIFEST: u64 = 16 << 20;

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
        let text = match find_manifest(&bytes) {
            Ok(Some(text)) => text,
            Ok(None) => {
                return Err(no_archive("it holds no package.json in its first folder".to_owned()).into());
            }
            Err(error) => {
                return Err(match why_none(&bytes, &error) {
                    Some(reason) => no_archive(reason).into(),
                    None => IndexError::unpack(place.clone())(error),
                });
            }
        };
        Ok((manifest(&place, &text)?, digest))
    })
    .await
}

/// The `package.json` of an archive: in its first folder, whatever that is called.
fn find_manifest(archive: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
    read_file_of_tgz(archive, "package.json", LARGEST_MANIFEST, &Limits::default())
}

/// Why bytes are no archive at all, in words; `None` where they are one, and something that it holds is refused.
fn why_none(bytes: &[u8], error: &ArchiveError) -> Option<String> {
    let start = &bytes[..bytes.len().min(BLOCK)];
    let text = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
    if bytes.is_empty() {
        return Some("the file is empty".to_owned());
    }
    if text.starts_with("version https://git-lfs") {
        return Some("it is a pointer of Git LFS, and `git lfs pull` fetches the file".to_owned());
    }
    if text.starts_with("<!doctype") || text.starts_with("<html") {
        return Some("it is a page of HTML".to_owned());
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Some("it is a zip archive, where a tar archive is needed".to_owned());
    }
    let ArchiveError::Refused { reason, .. } = error else {
        return None;
    };
    match reason {
        Refusal::Mislabelled { .. } => Some("it is neither a tar archive nor a gzip of one".to_owned()),
        Refusal::Truncated if holds_no_block(bytes) => Some("it is no gzip of a tar archive".to_owned()),
        Refusal::Truncated => Some("it ends in the middle".to_owned()),
        Refusal::Damaged(why) => Some(format!("it is damaged ({why})")),
        Refusal::Malformed(why) => Some(format!("what it holds is no tar archive ({why})")),
        _ => None,
    }
}

/// Whether this is the whole gzip of less than the least that a tar archive has.
fn holds_no_block(bytes: &[u8]) -> bool {
    let mut plain = flate2::read::MultiGzDecoder::new(bytes).take(BLOCK as u64);
    bytes.starts_with(&[0x1f, 0x8b])
        && io::copy(&mut plain, &mut io::sink()).is_ok_and(|length| length < BLOCK as u64)
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
        let error = find_manifest(bytes).err()?;
        Some(why_none(bytes, &error).unwrap_or_else(|| error.to_string()))
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
        let signed = odd_header("package/\u{e9}\u{e9}", b"00000000000\0", true);
        let mut link = tar::Header::new_ustar();
        link.set_path("package/package.json").unwrap();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        link.set_cksum();
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
            ("with a signed checksum", then(signed)),
            (
                "with a signed checksum before all",
                gzip(&[&signed, &plain[..]].concat()),
            ),
            (
                "with a link in the manifest's place before it",
                gzip(&[link.as_bytes(), &plain[..]].concat()),
            ),
            (
                "with another manifest before it",
                gzip(&archive(&[
                    ("package/package.json", b"{\"name\":\"other\"}"),
                    ("package/package.json", b"{}"),
                ])),
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
            let unpacked = store
                .unpack_tgz_bytes(&bytes, wharf_store::Shape::Tree("a"), &Limits::default())
                .unwrap();
            assert_eq!(unpacked.package_json().unwrap(), b"{}", "{name}");
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
        let words = why_none(&bomb, &error).unwrap();
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
        // What the store refuses of an archive's contents it says itself.
        let mut device = tar::Header::new_ustar();
        device.set_path("package/tty").unwrap();
        device.set_entry_type(tar::EntryType::Char);
        device.set_size(0);
        device.set_cksum();
        let special = refusal(&gzip(&[device.as_bytes(), &whole[..]].concat())).unwrap();
        assert!(special.contains("\"package/tty\": it is a device"), "{special}");
        let words = refusal(&damaged).unwrap();
        assert!(words.starts_with("it is damaged ("), "{words}");
    }
}
