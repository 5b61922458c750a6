//! The container around a `.deb`: Unix `ar`, in the plain form that dpkg writes and reads (no table of long names).
//!
//! Invariant: a member's bytes are exactly those that its header announces; the next header is read only after them.
//! Source: deb(5), ar(5).

use std::io::{self, Read};

use crate::archive::{Refusal, Trouble};

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;

/// An `ar` archive while it arrives.
pub(crate) struct Ar<R> {
    inner: R,
    /// Bytes of the current member that were not read yet.
    left: u64,
    /// Whether a byte of padding follows them.
    odd: bool,
}

/// One file of the archive, before its contents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Without the blanks or the slash that fill the field.
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl<R: Read> Ar<R> {
    /// Reads the mark that every archive begins with.
    pub(crate) fn new(mut inner: R) -> Result<Self, Trouble> {
        let mut magic = [0; MAGIC.len()];
        if fill(&mut inner, &mut magic)? < magic.len() {
            return Err(Refusal::Truncated.into());
        }
        if &magic != MAGIC {
            let actual = crate::archive::sniff(&magic).unwrap_or("something else");
            let expected = "a Debian package";
            return Err(Refusal::Mislabelled { expected, actual }.into());
        }
        Ok(Self {
            inner,
            left: 0,
            odd: false,
        })
    }

    /// The next member; `None` at the end. What is left of the one before is passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, Trouble> {
        io::copy(self, &mut io::sink()).map_err(|error| Trouble::decoding("", error))?;
        if self.odd {
            let mut padding = [0];
            // The last member of some archives has none.
            if fill(&mut self.inner, &mut padding)? == 0 {
                return Ok(None);
            }
        }
        let mut header = [0; HEADER];
        match fill(&mut self.inner, &mut header)? {
            0 => return Ok(None),
            HEADER => {}
            _ => return Err(Refusal::Truncated.into()),
        }
        if &header[58..] != b"`\n" {
            return Err(Refusal::Malformed("a member's header is damaged").into());
        }
        let size = number(&header[48..58])?;
        (self.left, self.odd) = (size, size % 2 == 1);
        Ok(Some(Member {
            name: name(&header[..16])?,
            size,
        }))
    }

    /// Whoever reads below, when all members were read.
    pub(crate) fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Ar<R> {
    /// Bytes of the current member.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        match self.inner.read(&mut buffer[..most])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.left -= count as u64;
                Ok(count)
            }
        }
    }
}

fn name(field: &[u8]) -> Result<String, Trouble> {
    let text = std::str::from_utf8(field).map_err(|_| Trouble::from(Refusal::NotText))?;
    let text = text.trim_end_matches(' ');
    Ok(text.strip_suffix('/').unwrap_or(text).to_owned())
}

fn number(field: &[u8]) -> Result<u64, Trouble> {
    let text = std::str::from_utf8(field)
        .unwrap_or_default()
        .trim_end_matches(' ');
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| Refusal::Malformed("a member's size is no number").into())
}

/// Reads until the buffer is full or the stream ends; says how much there was.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Trouble> {
    let mut count = 0;
    while count < buffer.len() {
        match from.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (name, body) in members {
            out.extend(
                format!(
                    "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                    0,
                    0,
                    0,
                    100_644,
                    body.len()
                )
                .bytes(),
            );
            out.extend_from_slice(body);
            if body.len() % 2 == 1 {
                out.push(b'\n');
            }
        }
        out
    }

    #[test]
    fn members_in_order_read_or_not() {
        let bytes = archive(&[("debian-binary", b"2.0\n"), ("odd/", b"abc"), ("last", b"")]);
        let mut ar = Ar::new(&bytes[..]).unwrap();
        let mut text = String::new();
        assert_eq!(ar.next().unwrap().unwrap().name, "debian-binary");
        ar.read_to_string(&mut text).unwrap();
        assert_eq!(text, "2.0\n");
        assert_eq!(
            ar.next().unwrap(),
            Some(Member {
                name: "odd".to_owned(),
                size: 3
            })
        );
        assert_eq!(ar.next().unwrap().unwrap().name, "last");
        assert_eq!(ar.next().unwrap(), None);
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let good = archive(&[("a", b"abc")]);
        let read = |bytes: &[u8]| -> Result<(), String> {
            let explain = |trouble| match trouble {
                Trouble::Refused { reason, .. } => reason.to_string(),
                other => panic!("{other:?}"),
            };
            let mut ar = Ar::new(bytes).map_err(explain)?;
            while ar.next().map_err(explain)?.is_some() {}
            Ok(())
        };
        assert_eq!(read(&good), Ok(()));
        assert_eq!(
            read(&good[..good.len() - 1]),
            Ok(()),
            "padding at the end may be missing"
        );
        for cut in [0, 4, 40, 69] {
            assert_eq!(read(&good[..cut]).unwrap_err(), "it is truncated", "{cut}");
        }
        assert_eq!(
            read(b"\x1f\x8b\x08\0\0\0\0\0\0").unwrap_err(),
            "it is gzip, not a Debian package"
        );
        let mut bad = good.clone();
        bad[8 + 58] = b'x';
        assert_eq!(read(&bad).unwrap_err(), "a member's header is damaged");
        let mut bad = good;
        bad[8 + 48..8 + 58].copy_from_slice(b"-3        ");
        assert_eq!(read(&bad).unwrap_err(), "a member's size is no number");
    }
}
