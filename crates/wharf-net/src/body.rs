//! Reading bodies: to a limit, decompressed for pages, in parts for ranges.
//!
//! Invariant: no body makes Wharf hold more bytes than its caller allows, whatever lengths are announced and
//! however well it compresses.

use std::cell::Cell;
use std::io::{self, Read};

use bytes::{Bytes, BytesMut};
use reqwest::header;
use wharf_core::WebUrl;

use crate::answer::{Range, RangeReply};
use crate::client::{broken, text};
use crate::error::NetError;
use crate::retry::Failure;
use crate::transport::Exchange;

/// The answer to a request for a range. Only exactly what was asked for is believed.
pub(crate) async fn range_reply(
    url: &WebUrl,
    exchange: Exchange,
    range: Range,
    limit: u64,
) -> Result<RangeReply, Failure> {
    let mut exchange = exchange;
    let headers = exchange.response.headers();
    let plain =
        text(headers, header::CONTENT_ENCODING).is_none_or(|coding| coding.eq_ignore_ascii_case("identity"));
    let length = exchange.response.content_length();
    match exchange.response.status().as_u16() {
        206 if plain => {
            let place = text(headers, header::CONTENT_RANGE).and_then(content_range);
            let Some((start, end, total)) = place else {
                return Ok(RangeReply::Unsupported);
            };
            let fits = match range {
                Range::Bytes(from, to) => start == from && end == to.min(total),
                Range::Suffix(length) => end == total && start == total.saturating_sub(length),
            };
            if !fits {
                return Ok(RangeReply::Unsupported);
            }
            let body = read_raw(url, &mut exchange, end - start).await?;
            if body.len() as u64 != end - start {
                let message = format!("{} bytes came where {} were announced", body.len(), end - start);
                return Err(Failure::again(broken(url, message)));
            }
            Ok(RangeReply::Partial(body, total))
        }
        200 if plain && length.is_some_and(|length| length <= limit) => {
            Ok(RangeReply::Whole(read_raw(url, &mut exchange, limit).await?))
        }
        // Dropping the exchange here ends the transfer: nobody reads what is too large.
        _ => Ok(RangeReply::Unsupported),
    }
}

/// Reads `Content-Range: bytes 0-99/1234` as start, end (exclusive) and total. `None` for unknown totals, other
/// units and nonsense. Source: RFC 9110, section 14.4.
#[must_use]
pub fn content_range(value: &str) -> Option<(u64, u64, u64)> {
    let (unit, rest) = value.trim().split_once(' ')?;
    let (range, total) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (start, end, total) = (number(first)?, number(last)?.checked_add(1)?, number(total)?);
    (unit.eq_ignore_ascii_case("bytes") && start < end && end <= total).then_some((start, end, total))
}

/// Reads a body as it comes, of at most `limit` bytes.
pub(crate) async fn read_raw(url: &WebUrl, exchange: &mut Exchange, limit: u64) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::stop(NetError::TooLarge {
            url: NetError::shown(url),
            limit,
        })
    };
    let announced = exchange.response.content_length();
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = exchange.chunk(url).await? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        if body.is_empty() && announced == Some(chunk.len() as u64) {
            return Ok(chunk);
        }
        if body.is_empty() {
            // Announced lengths are believed up to a point only.
            body.reserve(
                usize::try_from(announced.unwrap_or(0).min(16 << 20))
                    .unwrap_or(0)
                    .max(chunk.len()),
            );
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads a body and undoes its content coding.
pub(crate) async fn read_body(url: &WebUrl, exchange: &mut Exchange, limit: u64) -> Result<Bytes, Failure> {
    let coding = coding(exchange);
    let raw = read_raw(url, exchange, limit).await?;
    decode(url, raw, coding.as_deref(), limit)
}

/// The content coding of an answer, in lower case; `None` where its bytes are what they are.
pub(crate) fn coding(exchange: &Exchange) -> Option<String> {
    let coding = text(exchange.response.headers(), header::CONTENT_ENCODING).map(str::to_ascii_lowercase);
    coding.filter(|coding| !coding.is_empty() && coding != "identity")
}

/// Undoes a content coding. Computes: for large bodies not on an async thread.
pub(crate) fn decode(url: &WebUrl, raw: Bytes, coding: Option<&str>, limit: u64) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    match gunzip_at_once(&raw, coding, limit, &mut body) {
        Some(_) => Ok(body.into()),
        None => decode_slowly(url, raw, coding, limit),
    }
}

/// Undoes a content coding and shows what comes out of it. What is small, as nearly all is, lies in memory that the
/// thread keeps, and need not be had from the kernel, page by page, for each body.
pub(crate) fn decode_with<T>(
    url: &WebUrl,
    raw: Bytes,
    coding: Option<&str>,
    limit: u64,
    read: impl FnOnce(&[u8]) -> T,
) -> Result<T, Failure> {
    // Taken out, so that `read` may decode something itself.
    let mut body = KEPT.take();
    let result = match gunzip_at_once(&raw, coding, limit, &mut body) {
        Some(length) => Ok(read(&body[..length])),
        None => decode_slowly(url, raw, coding, limit).map(|body| read(&body)),
    };
    if body.len() <= MOST_KEPT {
        KEPT.set(body);
    }
    result
}

/// Bytes that a thread keeps.
const MOST_KEPT: usize = 1 << 20;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn decode_slowly(url: &WebUrl, raw: Bytes, coding: Option<&str>, limit: u64) -> Result<Bytes, Failure> {
    let Some(coding) = coding.filter(|_| !raw.is_empty()) else {
        return Ok(raw);
    };
    let decoded = match coding {
        "gzip" | "x-gzip" => read_limited(flate2::read::MultiGzDecoder::new(raw.as_ref()), limit),
        "zstd" => {
            zstd::stream::read::Decoder::new(raw.as_ref()).and_then(|decoder| read_limited(decoder, limit))
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    };
    let url = NetError::shown(url);
    match decoded {
        Ok(Some(body)) => Ok(body),
        Ok(None) => Err(Failure::stop(NetError::TooLarge { url, limit })),
        Err(_) => Err(Failure::again(NetError::Encoding {
            url,
            encoding: coding.to_owned(),
        })),
    }
}

/// Decompresses a body of a single gzip member in one go, into the front of `body`, which grows to the size that its last
/// bytes tell: two to three times as fast as doing it piece by piece. `None` where that is not possible; then the slow way
/// says what is wrong, if anything is.
fn gunzip_at_once(raw: &[u8], coding: Option<&str>, limit: u64, body: &mut Vec<u8>) -> Option<usize> {
    /// DEFLATE cannot do better, so that a larger size is a lie.
    const BEST_RATIO: usize = 1032;
    const MAGIC: &[u8] = &[0x1f, 0x8b, 8];
    if !matches!(coding, Some("gzip" | "x-gzip")) {
        return None;
    }
    let told = u32::from_le_bytes(*raw.last_chunk::<4>()?);
    let length = usize::try_from(told).ok()?;
    let believable = u64::from(told) <= limit && length <= raw.len().saturating_mul(BEST_RATIO);
    // A second member would be left out silently.
    let single = memchr::memmem::find(raw.get(MAGIC.len()..)?, MAGIC).is_none();
    if !believable || !single {
        return None;
    }
    if body.len() < length {
        *body = vec![0; length];
    }
    let written = libdeflater::Decompressor::new().gzip_decompress(raw, &mut body[..length]);
    (written.ok()? == length).then_some(length)
}

/// Reads at most `limit` bytes; `None` if there are more.
fn read_limited(reader: impl Read, limit: u64) -> io::Result<Option<Bytes>> {
    let mut body = Vec::new();
    let length = reader.take(limit.saturating_add(1)).read_to_end(&mut body)?;
    Ok((length as u64 <= limit).then(|| body.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let check = |value: &str, expected| assert_eq!(content_range(value), expected, "{value}");
        check("bytes 0-99/1234", Some((0, 100, 1234)));
        check("Bytes 1233-1233/1234", Some((1233, 1234, 1234)));
        check("bytes 0-99/*", None);
        check("bytes */1234", None);
        check("bytes 5-4/10", None);
        check("bytes 0-10/10", None);
        check("bytes 0-18446744073709551615/18446744073709551615", None);
        check("pages 0-1/2", None);
        check("", None);
    }

    fn gzipped(text: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_of_every_kind() {
        let url = WebUrl::parse("https://example.org/").unwrap();
        let check = |raw: Vec<u8>, limit, expected: Option<&[u8]>| {
            let raw = Bytes::from(raw);
            let found = decode(&url, raw.clone(), Some("gzip"), limit).ok();
            assert_eq!(found.as_deref(), expected);
            // In the memory that the one before was in.
            let shown = decode_with(&url, raw, Some("gzip"), limit, <[u8]>::to_vec).ok();
            assert_eq!(shown.as_deref(), expected);
        };
        let long = b"a page ".repeat(1000);
        check(gzipped(&long), 7000, Some(&long));
        check(gzipped(&long), 6999, None);
        check(gzipped(b""), 10, Some(b""));
        // Members of equal length: the size at the end fits the first one too.
        check([gzipped(b"one"), gzipped(b"two")].concat(), 10, Some(b"onetwo"));
        let mut cut = gzipped(&long);
        cut.truncate(cut.len() - 9);
        check(cut, 7000, None);
        let mut lying = gzipped(&long);
        let end = lying.len();
        lying[end - 4..].copy_from_slice(&6_000u32.to_le_bytes());
        check(lying, 7000, None);
        check(b"garbage".to_vec(), 10, None);
    }

    #[test]
    fn decompression_ends_at_the_limit() {
        let zeros = vec![0; 1 << 20];
        let squeezed = zstd::encode_all(zeros.as_slice(), 1).unwrap();
        let read = |limit| {
            read_limited(
                zstd::stream::read::Decoder::new(squeezed.as_slice()).unwrap(),
                limit,
            )
        };
        assert_eq!(read(1 << 20).unwrap().unwrap().len(), 1 << 20);
        assert_eq!(read((1 << 20) - 1).unwrap(), None);
        assert!(read_limited(flate2::read::MultiGzDecoder::new(b"garbage".as_slice()), 10).is_err());
    }
}
