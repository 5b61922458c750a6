//! The pages of an index, in both formats. Source: the simple repository API of packaging.python.org (PEP 503, 691, 700, 714).

use serde_json::{Value, json};

use crate::archive::hex_digest;
use crate::registry::{Options, Served};

/// The media type of a JSON page.
pub(crate) const JSON: &str = "application/vnd.pypi.simple.v1+json";
/// The media type of an HTML page, as old servers name it.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// The page of one project as JSON.
pub(crate) fn json_page(project: &str, files: &[Served], options: &Options) -> String {
    let entries: Vec<Value> = files.iter().map(|file| json_entry(file, options)).collect();
    json!({ "meta": { "api-version": "1.1" }, "name": project, "files": entries }).to_string()
}

fn json_entry(file: &Served, options: &Options) -> Value {
    let mut entry = json!({
        "filename": file.filename,
        "url": file.path(),
        "hashes": if options.hashes { json!({ "sha256": hex_digest(&file.content) }) } else { json!({}) },
        "size": file.content.len(),
    });
    if let Some(specifiers) = &file.requires_python {
        entry["requires-python"] = json!(specifiers);
    }
    if let Some(reason) = &file.yanked {
        entry["yanked"] = if reason.is_empty() {
            json!(true)
        } else {
            json!(reason)
        };
    }
    if let Some(time) = &file.uploaded {
        entry["upload-time"] = json!(time);
    }
    if let (true, Some(metadata)) = (options.announce_metadata, &file.metadata) {
        let digests = json!({ "sha256": hex_digest(metadata) });
        entry["core-metadata"] = digests.clone();
        entry["dist-info-metadata"] = digests;
    }
    entry
}

/// The page of one project as HTML.
pub(crate) fn html_page(project: &str, files: &[Served], options: &Options) -> String {
    let mut page =
        format!("<!DOCTYPE html>\n<html>\n<head><title>Links for {project}</title></head>\n<body>\n");
    for file in files {
        let fragment = if options.hashes {
            format!("#sha256={}", hex_digest(&file.content))
        } else {
            String::new()
        };
        page.push_str(&format!("<a href=\"{}{fragment}\"", file.path()));
        if let Some(specifiers) = &file.requires_python {
            page.push_str(&format!(" data-requires-python=\"{}\"", escape(specifiers)));
        }
        if let Some(reason) = &file.yanked {
            page.push_str(&format!(" data-yanked=\"{}\"", escape(reason)));
        }
        if let Some(time) = &file.uploaded {
            page.push_str(&format!(" data-upload-time=\"{}\"", escape(time)));
        }
        if let (true, Some(metadata)) = (options.announce_metadata, &file.metadata) {
            page.push_str(&format!(
                " data-core-metadata=\"sha256={}\"",
                hex_digest(metadata)
            ));
        }
        page.push_str(&format!(">{}</a><br/>\n", escape(&file.filename)));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
