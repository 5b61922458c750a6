//! How a mirror of a modern registry answers: tags, ranges for archives, and documents compressed once and kept so, as a registry's
//! caches do.

use std::io::{Read, Write};

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE, VARY,
};
use axum::http::{HeaderMap, HeaderName, Method, Response};
use bytes::Bytes;
use wharf_testkit::parse_range;

use super::tape::Answer;
use crate::shell::Failure;

/// What kind of file an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// The value of `Cache-Control`.
    pub(super) caching: &'static str,
    /// How its body is kept.
    pub(super) kept: Kept,
}

/// How a body is kept, which decides what can be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// A document as it is.
    Plain,
    /// A document, compressed; it goes out so to whoever takes it.
    Compressed,
    /// An archive, which can be read in ranges.
    Archive,
    /// The same with a date, as web servers have for files.
    Dated,
}

/// When every file with a date was changed last.
const CHANGED: &str = "Mon, 01 Jun 2026 00:00:00 GMT";

/// The answer to a request.
pub(super) fn respond(answer: &Answer, form: Form, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::builder()
        .header(ETAG, &answer.tag)
        .header(CACHE_CONTROL, form.caching);
    if form.kept == Kept::Compressed {
        response = response.header(VARY, "accept-encoding, accept");
    }
    let is = |name: &HeaderName, text: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes() == text.as_bytes())
    };
    let mut known = is(&IF_NONE_MATCH, &answer.tag);
    if form.kept == Kept::Dated {
        response = response.header(LAST_MODIFIED, CHANGED);
        known |= is(&IF_MODIFIED_SINCE, CHANGED);
    }
    if answer.status == 200 && known {
        return response
            .status(304)
            .body(Body::empty())
            .expect("recorded headers are valid");
    }
    let mut body = answer.body.clone();
    let mut status = answer.status;
    match form.kept {
        Kept::Compressed if status == 200 && says(headers, &ACCEPT_ENCODING, "gzip") => {
            response = response.header(CONTENT_ENCODING, "gzip");
        }
        Kept::Compressed if status == 200 => body = decompressed(&body),
        Kept::Archive | Kept::Dated if status == 200 => {
            response = response.header(ACCEPT_RANGES, "bytes");
            let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
            if let Some((start, end)) = range.and_then(|range| parse_range(range, body.len())) {
                response =
                    response.header(CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, body.len()));
                body = body.slice(start..end);
                status = 206;
            }
        }
        Kept::Plain | Kept::Compressed | Kept::Archive | Kept::Dated => {}
    }
    let response = response
        .status(status)
        .header(CONTENT_TYPE, &answer.content_type)
        .header(CONTENT_LENGTH, body.len());
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(body)
    };
    response.body(body).expect("recorded headers are valid")
}

/// An answer without a recording.
pub(super) fn refused(status: u16, message: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .body(Body::from(message))
        .expect("a status and a text make an answer")
}

/// A document as it is kept: compressed, with a tag of its own.
pub(super) fn document(content_type: &str, text: &[u8]) -> Result<Answer, Failure> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    gzip.write_all(text)?;
    Ok(Answer {
        status: 200,
        content_type: content_type.to_owned(),
        tag: format!("\"{}\"", &wharf_testkit::hex_digest(text)[..32]),
        body: gzip.finish()?.into(),
    })
}

/// Whether a header has a word.
pub(super) fn says(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    headers
        .get(header)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains(word))
}

fn decompressed(body: &Bytes) -> Bytes {
    let mut text = Vec::new();
    let read = flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text);
    read.expect("what this process compressed is whole");
    text.into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const FORM: Form = Form {
        caching: "max-age=600",
        kept: Kept::Compressed,
    };

    fn answered(form: Form, header: HeaderName, value: &str) -> Response<Body> {
        let answer = document("text/plain", b"some text").expect("text compresses");
        let headers = [(header, HeaderValue::from_str(value).expect("a header"))];
        respond(&answer, form, &Method::GET, &headers.into_iter().collect())
    }

    #[test]
    fn documents_go_out_compressed_to_those_who_take_it_and_plain_to_others() {
        let packed = answered(FORM, ACCEPT_ENCODING, "br, gzip");
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        let plain = answered(FORM, ACCEPT_ENCODING, "br");
        assert!(plain.headers().get(CONTENT_ENCODING).is_none());
        assert_eq!(plain.headers()[CONTENT_LENGTH], "9");
    }

    #[test]
    fn who_has_the_tag_is_told_that_nothing_changed() {
        let tag = document("text/plain", b"some text").expect("text compresses").tag;
        assert_eq!(answered(FORM, IF_NONE_MATCH, &tag).status(), 304);
        assert_eq!(answered(FORM, IF_NONE_MATCH, "\"other\"").status(), 200);
    }

    #[test]
    fn who_has_the_date_of_a_file_is_told_that_nothing_changed() {
        let dated = Form {
            kept: Kept::Dated,
            ..FORM
        };
        assert_eq!(answered(dated, IF_MODIFIED_SINCE, CHANGED).status(), 304);
        let before = "Mon, 01 Jun 2020 00:00:00 GMT";
        assert_eq!(answered(dated, IF_MODIFIED_SINCE, before).status(), 200);
        assert_eq!(answered(FORM, IF_MODIFIED_SINCE, CHANGED).status(), 200);
    }

    #[test]
    fn archives_can_be_read_in_ranges_and_documents_cannot() {
        let archive = Form {
            kept: Kept::Archive,
            ..FORM
        };
        let part = answered(archive, RANGE, "bytes=2-5");
        assert_eq!(
            (part.status().as_u16(), &part.headers()[CONTENT_LENGTH]),
            (206, &HeaderValue::from(4))
        );
        assert_eq!(answered(FORM, RANGE, "bytes=2-5").status(), 200);
    }
}
