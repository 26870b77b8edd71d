//! Misbehaviour, switched on by request: which, how often, what.

use std::io::Write as _;
use std::time::Duration;

use plimsoll::base::Digest;

use super::http::{Framing, Request, Response};

/// One misbehaviour. Several that match the same request are applied in the order in which they were given.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pattern: String,
    skip: usize,
    left: Option<usize>,
    /// One request in so many, and where the dice stand.
    odds: Option<(u64, u64)>,
    mode: Mode,
}

impl Fault {
    /// Misbehaves on every request that `pattern` matches: a method or `*`, a space, and a path in which `*` stands for any text.
    /// A pattern with a `?` is compared with path and query, any other with the path alone.
    pub(crate) fn on(pattern: &str, mode: Mode) -> Self {
        assert!(pattern.contains(' '), "a fault's pattern is `METHOD PATH`: {pattern}");
        Self { pattern: pattern.to_owned(), skip: 0, left: None, odds: None, mode }
    }

    /// Only the first `n` of them.
    pub(crate) fn first(mut self, n: usize) -> Self {
        self.left = Some(n);
        self
    }

    /// Not before `n` of them have passed.
    pub(crate) fn after(mut self, n: usize) -> Self {
        self.skip = n;
        self
    }

    /// Only one in `n` of them, as the dice fall; those of the same `seed` fall alike.
    pub(crate) fn one_in(mut self, n: u64, seed: u64) -> Self {
        self.odds = Some((n, seed));
        self
    }

    /// Whether this request is to be misbehaved on; counts it.
    pub(super) fn strikes(&mut self, request: &Request) -> Option<Mode> {
        let line = format!("{} {}", request.method, request.path());
        let line =
            if self.pattern.contains('?') { format!("{} {}", request.method, request.target) } else { line };
        if !matches(&self.pattern, &line) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if let Some((n, dice)) = &mut self.odds {
            // Knuth's generator; its high bits are good enough to sink a ship.
            *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if !(*dice >> 33).is_multiple_of(*n) {
                return None;
            }
        }
        match &mut self.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        Some(self.mode.clone())
    }
}

/// What goes wrong. In texts, `{host}` stands for this registry's `HOST:PORT` and `{target}` for the path and query asked for.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// A body of more than so many bytes is refused with 413.
    AtMost(usize),
    /// Another body; digest header and media type stay those of what was asked for.
    Body(Vec<u8>),
    /// The answer is late.
    Delay(Duration),
    /// A body without end, in chunks, of the right body again and again.
    Endless,
    /// The byte at this place of the body is another.
    FlipByte(usize),
    /// HTTP/2: it is done, and the connection ends at once, with an error.
    Gone,
    /// `Content-Encoding: gzip`, and the body truly is.
    Gzip,
    /// The connection is closed without an answer.
    Hangup,
    /// This header has this value, whatever is right.
    Header(&'static str, String),
    /// So many headers more.
    HeaderFlood(usize),
    /// 200, and a page for people.
    Html,
    /// The header `Range` is overlooked.
    IgnoreRange,
    /// HTTP/2: this is answered, and the connection takes no more.
    LastOnes,
    /// `Content-Length` says this, whatever is sent.
    Length(u64),
    /// It is done, and the connection is closed without an answer.
    Lost,
    /// This header is missing.
    NoHeader(&'static str),
    /// 307 to this place. Another host is another name of this registry, or another [`super::Registry`].
    Redirect(String),
    /// HTTP/2: the stream is refused, and nothing is done.
    Refused,
    /// So many bytes of the body arrive, and then nothing more; the connection stays.
    Stall(usize),
    /// This status with the registry's error body of this code; nothing is done.
    Status(u16, &'static str),
    /// Another body, with the digest header of that other body: consistent, and not what was asked for.
    Substitute(Vec<u8>),
    /// 429 with this `Retry-After`.
    TooMany(String),
    /// Bytes after the body's end, counted in `Content-Length`.
    Trailing(Vec<u8>),
    /// Only so many bytes of the body arrive; `Content-Length` promises all.
    Truncated(usize),
    /// 401 with these `WWW-Authenticate` headers, whoever asks.
    Unauthorized(Vec<String>),
}

impl Mode {
    /// The wrong digest in `Docker-Content-Digest`.
    pub(crate) fn wrong_digest_header() -> Self {
        Self::Header("Docker-Content-Digest", Digest::of(b"something else").to_string())
    }

    /// A next page that is this page.
    pub(crate) fn link_circle() -> Self {
        Self::Header("Link", "<{target}>; rel=\"next\"".to_owned())
    }

    /// The answer, if the registry is not even asked.
    pub(super) fn instead(&self, request: &Request, host: &str) -> Option<Response> {
        Some(match self {
            Self::AtMost(most) if request.body.len() > *most => error(413, "SIZE_INVALID"),
            Self::Hangup => Response { framing: Framing::Hangup, ..Response::new(500) },
            Self::Refused => Response { framing: Framing::Refused, ..Response::new(500) },
            Self::Html => Response::new(200).with_body("text/html; charset=utf-8", HTML),
            Self::Redirect(to) => Response::new(307).with("Location", fill(to, request, host)),
            Self::Status(status, code) => error(*status, code),
            Self::TooMany(wait) => error(429, "TOOMANYREQUESTS").with("Retry-After", wait),
            Self::Unauthorized(challenges) => {
                let mut response = error(401, "UNAUTHORIZED");
                for challenge in challenges {
                    let challenge = fill(challenge, request, host);
                    response.headers.push(("WWW-Authenticate".to_owned(), challenge));
                }
                response
            }
            _ => return None,
        })
    }

    /// Changes the request before the registry sees it.
    pub(super) fn before(&self, request: &mut Request) {
        if matches!(self, Self::IgnoreRange) {
            request.headers.retain(|(name, _)| name != "range");
        }
    }

    /// Changes the registry's answer.
    pub(super) fn after(&self, request: &Request, host: &str, response: &mut Response) {
        match self {
            Self::Body(bytes) => response.body.clone_from(bytes),
            Self::Endless => response.framing = Framing::Endless,
            Self::FlipByte(at) => {
                if let Some(byte) = response.body.get_mut(*at) {
                    *byte ^= 1;
                }
            }
            Self::Gzip => {
                response.body = gzip(&response.body);
                response.set("Content-Encoding", "gzip");
            }
            Self::Gone => response.framing = Framing::Gone,
            Self::LastOnes => response.framing = Framing::LastOnes,
            Self::Header(name, value) => response.set(name, fill(value, request, host)),
            Self::HeaderFlood(count) => {
                response.headers.extend((0..*count).map(|n| (format!("X-Flood-{n}"), "x".repeat(100))));
            }
            Self::Length(length) => response.framing = Framing::Lie(*length),
            Self::Lost => response.framing = Framing::Hangup,
            Self::NoHeader(name) => response.remove(name),
            Self::Stall(at) => {
                response.framing = Framing::Stall(response.body.len() as u64);
                response.body.truncate(*at);
            }
            Self::Substitute(bytes) => {
                response.body.clone_from(bytes);
                response.set("Docker-Content-Digest", Digest::of(bytes).to_string());
            }
            Self::Trailing(bytes) => response.body.extend_from_slice(bytes),
            Self::Truncated(at) => {
                response.framing = Framing::Lie(response.body.len() as u64);
                response.body.truncate(*at);
            }
            // Done before or instead.
            Self::AtMost(_) | Self::Delay(_) | Self::Hangup | Self::Html | Self::IgnoreRange => {}
            Self::Redirect(_)
            | Self::Refused
            | Self::Status(..)
            | Self::TooMany(_)
            | Self::Unauthorized(_) => {}
        }
    }
}

/// The error body of the distribution specification.
pub(super) fn error(status: u16, code: &str) -> Response {
    let body = serde_json::json!({"errors": [{"code": code, "message": code.to_lowercase()}]});
    Response::new(status).with_body("application/json", body.to_string())
}

/// `*` stands for any text, also empty and with slashes.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(tail) = text.strip_prefix(head) else { return false };
    (0..=tail.len()).filter_map(|at| tail.get(at..)).any(|tail| matches(rest, tail))
}

fn fill(text: &str, request: &Request, host: &str) -> String {
    text.replace("{host}", host).replace("{target}", &request.target)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all bytes")
}

const HTML: &str = "<!DOCTYPE html><title>Sign in</title><p>Welcome to the airport network.\n";
