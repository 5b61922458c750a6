//! The registries against clients that know nothing of them.

#[cfg(test)]
mod deb;
#[cfg(test)]
mod npm;
#[cfg(test)]
mod pypi;

use std::io::{Read, Write};
use std::net::TcpStream;

use wharf_testkit::Server;

/// One request over a connection of its own: status, head in lower case, and body.
fn get(server: &Server, path: &str, headers: &[&str]) -> (u16, String, Vec<u8>) {
    let authority = server.base_url().replace("http://", "");
    let mut stream = TcpStream::connect(&authority).expect("the server listens");
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    stream
        .write_all(format!("{request}\r\n").as_bytes())
        .expect("the server reads");
    let mut reply = Vec::new();
    // A truncated answer ends in a reset: what came before it counts.
    let _ = stream.read_to_end(&mut reply);
    let split = reply
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an answer has a head");
    let head = String::from_utf8_lossy(&reply[..split]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    (
        status.expect("an answer has a status"),
        head,
        reply[split + 4..].to_vec(),
    )
}
