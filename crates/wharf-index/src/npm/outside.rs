//! Archives that no registry lists, by path or URL: what the package in one says of itself, and why one is none.
//!
//! Invariant: a file of this machine is read to its end, so that one that was copied in part is told of before anything is locked.

use std::io::{self, Read};
use std::path::Component;

use bytes::Bytes;
use wharf_core::Digest;
use wharf_ecosystem::npm::PackageManifest;

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
        let found = find_manifest(&bytes, whose).map_err(|error| no_archive(why_none(&bytes, &error)))?;
        let text =
            found.ok_or_else(|| no_archive("it holds no package.json in its first folder".to_owned()))?;
        Ok((manifest(&place, &text)?, digest))
    })
    .await
}

/// The `package.json` of an archive: in its first folder, whatever that is called.
fn find_manifest(archive: &[u8], whose: Whose) -> io::Result<Option<Vec<u8>>> {
    if archive.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut tar = tar::Archive::new(plain(archive));
    let mut found = None;
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?;
        let mut parts = path.components().filter(|part| *part != Component::CurDir);
        let (folder, name, end) = (parts.next(), parts.next(), parts.next());
        let is_manifest =
            folder.is_some() && end.is_none() && name == Some(Component::Normal("package.json".as_ref()));
        if is_manifest && found.is_none() {
            let mut text = Vec::new();
            (&mut entry).take(LARGEST_MANIFEST).read_to_end(&mut text)?;
            found = Some(text);
        }
        match whose {
            Whose::Ours => drop(io::copy(&mut entry, &mut io::sink())?),
            Whose::Anybodys if found.is_some() => break,
            Whose::Anybodys => {}
        }
    }
    if whose == Whose::Ours
        && let Err(error) = io::copy(&mut tar.into_inner(), &mut io::sink())
        && !is_padding(&error)
    {
        return Err(error);
    }
    Ok(found)
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
    match io::copy(&mut plain(bytes), &mut io::sink()) {
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

    #[test]
    fn the_manifest_of_an_archive() {
        for (path, found) in [
            ("package/package.json", true),
            ("react-1.0/package.json", true),
            ("package.json", false),
            ("package/lib/package.json", false),
        ] {
            for whose in [Whose::Ours, Whose::Anybodys] {
                for bytes in [archive(&[(path, b"{}")]), gzip(&archive(&[(path, b"{}")]))] {
                    let text = find_manifest(&bytes, whose).unwrap();
                    assert_eq!(text.is_some(), found, "{path}");
                }
            }
        }
    }

    #[test]
    fn what_stands_behind_the_end_of_an_archive_is_nothing() {
        let mut padded = gzip(&archive(&[("package/package.json", b"{}")]));
        padded.extend([0; 600]);
        assert!(find_manifest(&padded, Whose::Ours).unwrap().is_some());
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
            let error = find_manifest(&bytes, Whose::Ours).unwrap_err();
            assert_eq!(why_none(&bytes, &error), expected, "{} bytes", bytes.len());
        }
        let error = find_manifest(&damaged, Whose::Ours).unwrap_err();
        let words = why_none(&damaged, &error);
        assert!(words.starts_with("it is damaged ("), "{words}");
    }
}
