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

#[derive(Default)]
struct Extensions {
    gnu_name: Option<Vec<u8>>,
    gnu_target: Option<Vec<u8>>,
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
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
            let size = header.entry_size()?;
            match header.entry_type().as_byte() {
                b'L' => extensions.gnu_name = Some(until_nul(self.extension(size)?)),
                b'K' => extensions.gnu_target = Some(until_nul(self.extension(size)?)),
                b'x' => read_pax(&self.extension(size)?, &mut extensions)?,
                // Global records do not change names or sizes of others in Go; they are passed over.
                b'g' => drop(self.extension(size)?),
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
        let name =
            extensions.gnu_name.or(extensions.name).unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extensions.gnu_target.or(extensions.target).unwrap_or_else(|| {
            header.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default()
        });
        let kind = match byte {
            b'0' | b'\0' | b'7' if name.ends_with(b"/") && byte != b'7' => Kind::Folder,
            b'0' | b'\0' | b'7' if extensions.sparse => Kind::Sparse,
            b'0' | b'\0' | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::SymbolicLink,
            b'5' => Kind::Folder,
            b'S' => Kind::Sparse,
            _ => Kind::Other,
        };
        // Only a header, whatever its size field says: a reader that believed the field would see other entries than the runtime does.
        let size = match byte {
            b'1'..=b'6' => 0,
            _ => extensions.size.unwrap_or(size),
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

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(at);
    }
    bytes
}

/// Records `LENGTH KEY=VALUE\n`; the last one of a key counts, an empty value leaves the header's own.
fn read_pax(mut bytes: &[u8], into: &mut Extensions) -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a pax record is malformed");
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
            b"path" | b"GNU.sparse.name" => into.name = text,
            b"linkpath" => into.target = text,
            b"size" => {
                let number = |value: &[u8]| str::from_utf8(value).ok()?.parse().ok();
                into.size = if value.is_empty() { None } else { Some(number(value).ok_or_else(wrong)?) };
            }
            _ if key.starts_with(b"GNU.sparse.") => into.sparse = true,
            _ => {}
        }
    }
    Ok(())
}
