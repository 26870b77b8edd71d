//! A client as small as can be: one request a connection, by hand, so that nothing of the tool is trusted in its own tests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use plimsoll::base::Digest;

use super::layout;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// As it came: a chunked body keeps its chunks.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// One request, `METHOD TARGET`, to `host`; everything up to its end.
pub(crate) fn ask(host: &str, request: &str, headers: &str, body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(host).unwrap_or_else(|error| panic!("{host}: {error}"));
    let length = if headers.contains("chunked") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let head = format!("{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}{length}\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("the registry listens");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the registry answers");
    let end =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).expect("a head is text");
    let mut lines = head.trim_end().lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    Reply { status, headers: lines.filter_map(header).collect(), body }
}

/// Pushes the one image of an OCI layout (folder or tar file) over HTTP, and says its digest.
pub(crate) fn push_layout(host: &str, layout: &Path, repository: &str, tag: &str) -> Digest {
    let image = layout::read(layout);
    for blob in &image.blobs {
        push_blob(host, repository, blob);
    }
    let put = |reference: &str, (media_type, bytes): &(String, Vec<u8>)| {
        let kind = format!("Content-Type: {media_type}\r\n");
        let put = ask(host, &format!("PUT /v2/{repository}/manifests/{reference}"), &kind, bytes);
        assert_eq!(put.status, 201, "{host}: {put:?}");
    };
    for manifest in &image.manifests {
        put(&Digest::of(&manifest.1).to_string(), manifest);
    }
    put(tag, &image.root);
    Digest::of(&image.root.1)
}

/// Pushes one blob over HTTP, whether it is there or not.
pub(crate) fn push_blob(host: &str, repository: &str, bytes: &[u8]) {
    let begun = ask(host, &format!("POST /v2/{repository}/blobs/uploads/"), "", b"");
    assert_eq!(begun.status, 202, "{host}: {begun:?}");
    let place = begun.header("location").expect("a place to upload to");
    let place =
        place.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or(place);
    let join = if place.contains('?') { '&' } else { '?' };
    let octets = "Content-Type: application/octet-stream\r\n";
    let put = ask(host, &format!("PUT {place}{join}digest={}", Digest::of(bytes)), octets, bytes);
    assert_eq!(put.status, 201, "{host}: {put:?}");
}
