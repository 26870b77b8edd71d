//! A tar archive, entry by entry, as Go's `archive/tar` reads it, because that is what container runtimes unpack with: POSIX pax and ustar, GNU long names.
//!
//! The `tar` crate decodes header blocks; the walk from entry to entry is ours, because an extension header must not be read into memory
//! without a bound and pax records are told apart by their length, not by line ends.

use std::io::{self, Read as _};

use super::inflate::Stream;
use crate::base::limits;

const BLOCK: usize = 512;

/// What kind of thing an entry is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    File,
    Folder,
    HardLink,
    Other,
    Sparse,
    SymbolicLink,
}

/// One entry. Its content follows in the stream until [`Archive::next`] is called again.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) kind: Kind,
    pub(super) name: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) size: u64,
}

/// An archive that is read once, from its start.
pub(super) struct Archive<'a> {
    stream: &'a mut Stream,
    /// Bytes of the current entry, padding included, that nobody read.
    left: u64,
}

/// What the headers before an entry say about it.
#[derive(Default)]
struct Extensions {
    gnu_name: Option<Vec<u8>>,
    gnu_target: Option<Vec<u8>>,
    pax: Pax,
}

/// The records of one pax header that are of use; an empty value is none.
#[derive(Default)]
struct Pax {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    sparse_major: Option<Vec<u8>>,
    sparse_minor: Option<Vec<u8>>,
    sparse_map: bool,
    sparse_name: Option<Vec<u8>>,
}

impl Pax {
    /// As Go tells: versions 0.0, 0.1 and 1.0, or a map without a version. Other records of that kind change nothing.
    fn is_sparse(&self) -> bool {
        match (self.sparse_major.as_deref(), self.sparse_minor.as_deref()) {
            (Some(b"0"), Some(b"0" | b"1")) | (Some(b"1"), Some(b"0")) => true,
            (None, None) => self.sparse_map,
            _ => false,
        }
    }
}

impl<'a> Archive<'a> {
    pub(super) fn new(stream: &'a mut Stream) -> Self {
        Self { stream, left: 0 }
    }

    /// The next entry; none at the end of the archive.
    pub(super) fn next(&mut self) -> io::Result<Option<Member>> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_rest()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = size(&header)?;
            match header.as_bytes()[156] {
                b'L' => extensions.gnu_name = text(&self.extension(size)?),
                b'K' => extensions.gnu_target = text(&self.extension(size)?),
                // The last header of several counts, they do not add up.
                b'x' => extensions.pax = read_pax(&self.extension(size)?)?,
                // Global records do not change names or sizes of others in Go. It is an entry of its own: what came before was about it.
                b'g' => {
                    self.extension(size)?;
                    extensions = Extensions::default();
                }
                byte => return self.member(byte, &header, size, extensions).map(Some),
            }
        }
    }

    /// Reads the content of the current entry.
    pub(super) fn content(&mut self, size: u64) -> io::Result<Vec<u8>> {
        // A header may claim any size; memory is given only as bytes arrive.
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(1 << 20)).unwrap_or(0));
        io::Read::by_ref(self.stream).take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(size);
        Ok(bytes)
    }

    /// Bytes of the layer read so far.
    pub(super) fn offset(&self) -> u64 {
        self.stream.offset()
    }

    /// Reads on to the end of the layer, so that all of it is hashed. Says whether anything but zeros followed the archive.
    pub(super) fn drain(&mut self) -> io::Result<bool> {
        let mut hidden = false;
        loop {
            let chunk = self.stream.chunk()?;
            let length = chunk.len();
            if length == 0 {
                return Ok(hidden);
            }
            hidden |= chunk.iter().any(|byte| *byte != 0);
            self.stream.consume(length);
        }
    }

    fn member(
        &mut self,
        byte: u8,
        header: &tar::Header,
        size: u64,
        extensions: Extensions,
    ) -> io::Result<Member> {
        let Extensions { gnu_name, gnu_target, pax } = extensions;
        let is_sparse = pax.is_sparse();
        let name = pax.sparse_name.filter(|_| is_sparse).or(gnu_name).or(pax.name);
        let name = name.unwrap_or_else(|| name_of(header));
        let target = gnu_target.or(pax.target).unwrap_or_else(|| {
            header.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default()
        });
        let kind = match byte {
            // Only the oldest archives mark a folder by its name.
            b'\0' if name.ends_with(b"/") => Kind::Folder,
            b'0' | b'\0' | b'7' if is_sparse => Kind::Sparse,
            b'0' | b'\0' | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::SymbolicLink,
            b'5' => Kind::Folder,
            b'S' => Kind::Sparse,
            _ => Kind::Other,
        };
        // Only a header, whatever its size field says: a reader that believed the field would see other entries than the runtime does.
        let size = match (byte, kind) {
            (b'1'..=b'6', _) | (_, Kind::Folder) => 0,
            _ => pax.size.unwrap_or(size),
        };
        if byte == b'S' && header.as_gnu().is_some_and(tar::GnuHeader::is_extended) {
            self.skip_sparse_map()?;
        }
        self.expect(size)?;
        Ok(Member { kind, name, target, size })
    }

    fn header(&mut self) -> io::Result<Option<tar::Header>> {
        let mut header = tar::Header::new_old();
        let mut read = 0;
        while let Some(rest) = header.as_mut_bytes().get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.stream.read(rest)? {
                0 if read == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => read += count,
            }
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = |at: usize, byte: u8| if (148..156).contains(&at) { 32 } else { u32::from(byte) };
        let unsigned: u32 = header.as_bytes().iter().enumerate().map(|(at, byte)| sum(at, *byte)).sum();
        if header.cksum()? != unsigned {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the header's checksum does not match"));
        }
        Ok(Some(header))
    }

    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > limits::TAR_EXTENSION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an extension header is too large"));
        }
        self.expect(size)?;
        self.content(size)
    }

    fn expect(&mut self, size: u64) -> io::Result<()> {
        self.left = size
            .checked_next_multiple_of(BLOCK as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the size of an entry overflows"))?;
        Ok(())
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        while self.left > 0 {
            let chunk = self.stream.chunk()?.len();
            if chunk == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = usize::try_from(self.left).map_or(chunk, |left| left.min(chunk));
            self.stream.consume(step);
            self.left -= step as u64;
        }
        Ok(())
    }

    fn skip_sparse_map(&mut self) -> io::Result<()> {
        let mut block = [0; BLOCK];
        loop {
            self.stream.read_exact(&mut block)?;
            if block.get(504) != Some(&1) {
                return Ok(());
            }
        }
    }
}

/// Bytes up to a NUL; none if there are none.
fn text(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    (!text.is_empty()).then(|| text.to_vec())
}

/// The name in the header itself, with the prefix where its format has one.
fn name_of(header: &tar::Header) -> Vec<u8> {
    let bytes = header.as_bytes();
    let prefix = match &bytes[257..265] {
        // The version is not looked at. The last four bytes tell star's format, which has a shorter prefix.
        [b'u', b's', b't', b'a', b'r', 0, ..] if &bytes[508..] == b"tar\0" => text(&bytes[345..476]),
        [b'u', b's', b't', b'a', b'r', 0, ..] => text(&bytes[345..500]),
        // GNU has two times there. Old writers in Go put the prefix there all the same.
        b"ustar  \0" => {
            let odd = |time: &[u8]| time.first() != Some(&0) && number(time).is_none();
            let odd = odd(&bytes[345..357]) || odd(&bytes[357..369]);
            text(&bytes[345..500]).filter(|prefix| odd && prefix.is_ascii())
        }
        _ => None,
    };
    let name = text(&bytes[..100]).unwrap_or_default();
    match prefix {
        Some(prefix) => [&prefix, b"/".as_slice(), &name].concat(),
        None => name,
    }
}

fn size(header: &tar::Header) -> io::Result<u64> {
    number(&header.as_bytes()[124..136])
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the size of an entry is no number"))
}

/// Octal digits between spaces and NULs, or base 256 if the first bit is set; the second bit is the sign.
fn number(field: &[u8]) -> Option<i64> {
    if let Some(first) = field.first().filter(|first| **first & 0x80 != 0) {
        let sign = if first & 0x40 == 0 { 0 } else { -1 };
        let mut rest = field.iter().skip(1);
        let first = i64::from(first & 0x3f) | (sign & !0x3f);
        return rest.try_fold(first, |sum, byte| Some(sum.checked_mul(256)? | i64::from(*byte)));
    }
    let is_pad = |byte: &u8| matches!(byte, b' ' | 0);
    let from = field.iter().position(|byte| !is_pad(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_pad(byte)).map_or(from, |at| at + 1);
    let digits = text(field.get(from..end)?).unwrap_or_default();
    // `from_str_radix` would take a sign.
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits.is_empty() { Some(0) } else { i64::from_str_radix(str::from_utf8(&digits).ok()?, 8).ok() }
}

/// Records `LENGTH KEY=VALUE\n`; the last one of a key counts, an empty value leaves the header's own.
fn read_pax(mut bytes: &[u8]) -> io::Result<Pax> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a pax record is malformed");
    let mut pax = Pax::default();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length: usize = bytes
            .get(..space)
            .and_then(|digits| str::from_utf8(digits).ok()?.parse().ok())
            .ok_or_else(wrong)?;
        let record =
            bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(wrong)?;
        bytes = bytes.get(length..).ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        let (key, value) =
            (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
        let text = (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => pax.name = text,
            b"linkpath" => pax.target = text,
            b"size" => {
                let number = |value: &[u8]| str::from_utf8(value).ok()?.parse().ok();
                pax.size = if value.is_empty() { None } else { Some(number(value).ok_or_else(wrong)?) };
            }
            b"GNU.sparse.major" => pax.sparse_major = text,
            b"GNU.sparse.minor" => pax.sparse_minor = text,
            b"GNU.sparse.name" => pax.sparse_name = text,
            b"GNU.sparse.map" | b"GNU.sparse.numbytes" | b"GNU.sparse.offset" => {
                pax.sparse_map |= text.is_some()
            }
            _ => {}
        }
    }
    Ok(pax)
}
