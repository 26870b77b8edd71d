//! HTTP/1.1, as much as a registry's clients need, written by hand so that it can lie about lengths.

use std::io::{self, BufRead, Write};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET`, `PUT`, …
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) target: String,
    /// Names in lower case, in the order sent.
    pub(crate) headers: Vec<(String, String)>,
    /// Decoded from its transfer encoding.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first header of that name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first query parameter of that name, percent-decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        pairs(self.target.split_once('?')?.1).find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// All query parameters of that name.
    pub(crate) fn queries(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        pairs(query).filter(|(n, _)| n == name).map(|(_, value)| value).collect()
    }

    /// A field of a form in the body.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        pairs(std::str::from_utf8(&self.body).ok()?).find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

/// What is sent back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// `Transfer-Encoding: chunked`, and the body again and again for ever.
    Endless,
    /// HTTP/2: GOAWAY with an error, at once, without an answer. HTTP/1.1: as [`Self::Hangup`].
    Gone,
    /// `Content-Length` is the body's length.
    Honest,
    /// The connection is closed without a word; HTTP/2: the stream is reset.
    Hangup,
    /// HTTP/2: the answer, and GOAWAY: no more streams on this connection. HTTP/1.1: as [`Self::Honest`].
    LastOnes,
    /// `Content-Length` says this; the body is sent as it is, then the connection is closed.
    Lie(u64),
    /// HTTP/2: the stream is refused, as nothing was done. HTTP/1.1: as [`Self::Hangup`].
    Refused,
    /// `Content-Length` says this; the body is sent as it is, and then nothing happens for long.
    Stall(u64),
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), framing: Framing::Honest }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with("Content-Type", content_type)
    }

    /// Replaces a header, or adds it.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }
}

/// Reads one request; `None` at the end of the connection.
pub(crate) fn read(
    stream: &mut (impl BufRead + ?Sized),
    reply: &mut dyn Write,
) -> io::Result<Option<Request>> {
    match stream.fill_buf()?.first() {
        None => return Ok(None),
        Some(first) if first.is_ascii_uppercase() => {}
        // A TLS greeting, most likely: clients that try TLS first take a plain answer for the sign to go on without, as from other servers.
        Some(_) => {
            reply.write_all(
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nthis registry speaks plain HTTP\n",
            )?;
            return Ok(None);
        }
    }
    let first = line(stream)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
        return Err(io::Error::other(format!("not a request line: {first:?}")));
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let text = line(stream)?;
        if text.is_empty() {
            break;
        }
        let (name, value) =
            text.split_once(':').ok_or_else(|| io::Error::other("a header without a colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        reply.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body =
        if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            chunks(stream)?
        } else {
            let length =
                request.header("content-length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
            take(stream, length)?
        };
    Ok(Some(request))
}

/// Writes one response. `Ok(false)`: the connection is over.
pub(crate) fn write(stream: &mut impl Write, request: &Request, response: &Response) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let bodyless = request.method == "HEAD" || matches!(response.status, 204 | 304);
    match response.framing {
        Framing::Gone | Framing::Hangup | Framing::Refused => return Ok(false),
        Framing::Endless if !bodyless => {
            head.push_str("Transfer-Encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            let piece = response.body.iter().copied().cycle().take(CHUNK).collect::<Vec<_>>();
            let piece = if piece.is_empty() { vec![b' '; CHUNK] } else { piece };
            loop {
                write!(stream, "{:x}\r\n", piece.len())?;
                stream.write_all(&piece)?;
                stream.write_all(b"\r\n")?;
            }
        }
        Framing::Lie(length) | Framing::Stall(length) => {
            head.push_str(&format!("Content-Length: {length}\r\nConnection: close\r\n\r\n"))
        }
        Framing::Endless | Framing::Honest | Framing::LastOnes if response.status == 204 => {
            head.push_str("\r\n")
        }
        Framing::Endless | Framing::Honest | Framing::LastOnes => {
            head.push_str(&format!("Content-Length: {}\r\n\r\n", response.body.len()))
        }
    }
    stream.write_all(head.as_bytes())?;
    if !bodyless {
        stream.write_all(&response.body)?;
    }
    stream.flush()?;
    if matches!(response.framing, Framing::Stall(_)) {
        std::thread::sleep(STALL);
        return Ok(false);
    }
    let close = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(!close && !matches!(response.framing, Framing::Lie(_)))
}

fn line(stream: &mut (impl BufRead + ?Sized)) -> io::Result<String> {
    let mut text = String::new();
    stream.read_line(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn take(stream: &mut (impl BufRead + ?Sized), length: usize) -> io::Result<Vec<u8>> {
    if length > BODY {
        return Err(io::Error::other("a request body larger than this registry takes"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn chunks(stream: &mut (impl BufRead + ?Sized)) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream)?;
        let length = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)
            .map_err(io::Error::other)?;
        body.extend(take(stream, length)?);
        // The end of this chunk, or of the (empty) trailer.
        line(stream)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}

/// How long nothing happens: longer than any test waits.
const STALL: std::time::Duration = std::time::Duration::from_secs(120);
/// Bytes of one chunk of an endless body.
const CHUNK: usize = 64 << 10;
/// Bytes of the largest request body.
const BODY: usize = 256 << 20;
