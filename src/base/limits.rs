//! Every size and count limit, each with the attack it stops. A limit that is reached is a named error, never a silent cut.

/// Bytes of a manifest or index. A registry that streams a "manifest" for ever must not fill the memory.
pub const MANIFEST: u64 = 8 << 20;
/// Bytes of an image config.
pub const CONFIG: u64 = 8 << 20;
/// Bytes of a signature bundle, envelope or payload; BuildKit's own cap for an attestation.
pub const ATTESTATION: u64 = 40 << 20;
/// Bytes of all attestations read for one verdict: many large ones must not add up.
pub const ATTESTATIONS_TOTAL: u64 = 128 << 20;
/// Bytes of what is read beside that total: so long are signatures, with certificates and log entries. Four strangers who only claim to be
/// large must not hide the signature that is listed after them.
pub const ATTESTATION_SMALL: u64 = 32 << 10;
/// Candidate signatures and attestations looked at for one image. A stranger may attach thousands.
pub const CANDIDATES: usize = 1000;
/// Images of one index whose attestations are looked at. An index may list thousands.
pub const PLATFORMS: usize = 100;
/// Bytes of one page of referrers or tags.
pub const PAGE: u64 = 4 << 20;
/// Bytes of all pages of one list.
pub const PAGES_TOTAL: u64 = 16 << 20;
/// Names in one list of tags or repositories: a short one costs ten times its bytes to hold.
pub const NAMES: usize = 100_000;
/// Texts in one manifest or page, keys and values: a short one costs twenty times its bytes to hold.
pub const MANIFEST_TEXTS: usize = 300_000;
/// Attached things around which is looked in turn, in one tree.
pub const TREE_NODES: usize = 200;
/// Pages followed: a server may link pages in a circle.
pub const PAGES: usize = 1000;
/// Pages after the first ones, of all lists of one run: what one endless list names may have endless lists of its own.
pub const FURTHER_PAGES: usize = 2000;
/// Seconds for all pages of one list, with every wait in between: each of them could come just in time, for more than a day. The longest list
/// that is read has a hundred pages of a thousand names, and six seconds for each.
pub const LIST_SECONDS: u64 = 600;
/// Bytes of a token answer.
pub const TOKEN: u64 = 128 << 10;
/// Bytes of an error body that are shown.
pub const ERROR_BODY: u64 = 64 << 10;
/// Redirects of one request.
pub const REDIRECTS: usize = 5;
/// Rounds of authentication for one request: a server may challenge for ever.
pub const AUTH_ROUNDS: usize = 2;
/// Nesting of indexes.
pub const INDEX_DEPTH: usize = 2;
/// Layers of one image.
pub const LAYERS: usize = 500;
/// Bytes of one compressed layer.
pub const LAYER: u64 = 16 << 30;
/// Bytes of one uncompressed layer: a small blob may expand without end.
pub const LAYER_UNCOMPRESSED: u64 = 64 << 30;
/// Bytes of all uncompressed layers: one small blob may be listed as every layer.
pub const IMAGE_UNCOMPRESSED: u64 = 256 << 30;
/// How many times larger than its blob a layer may become, past the first [`LAYER_FREE`] bytes: a decompression bomb.
pub const LAYER_RATIO: u64 = 1000;
/// Uncompressed bytes for which the ratio is not looked at: small layers of zeros are ordinary.
pub const LAYER_FREE: u64 = 256 << 20;
/// Files of one image.
pub const FILES: usize = 10_000_000;
/// Bytes of one file that a cataloger reads into memory (a dpkg status of 100,000 packages is 80 MiB).
pub const CATALOGED_FILE: u64 = 128 << 20;
/// Bytes of all files that catalogers hold at once.
pub const CATALOGED_TOTAL: u64 = 512 << 20;
/// Bytes of one extension header of a tar archive (long name, pax records), as Go's archive/tar: a name that never ends.
pub const TAR_EXTENSION: u64 = 1 << 20;
/// Packages of one image.
pub const PACKAGES: usize = 1_000_000;
/// Dependencies, provided names and licences of all packages of one image: two bytes of a database name one, and it costs a hundred to hold.
pub const PACKAGE_NAMES: usize = 4_000_000;
/// Package databases looked at, over all layers of one image: each layer may change one of a million files that hold a package each.
pub const DATABASES: usize = 4_000_000;
/// Bytes of a file that people write: Dockerfile, policy, key, predicate.
pub const INPUT_FILE: u64 = 16 << 20;
/// Bytes of a file whose signature needs the whole file in memory (Ed25519, which hashes it twice). Files for other keys have no limit.
pub const FILE_IN_MEMORY: usize = 256 << 20;
/// Bytes of a password on standard input: a wrong file must not be hashed for minutes.
pub const PASSWORD: u64 = 64 << 10;
/// Bytes of a policy: its checks compare patterns with one another.
pub const POLICY: u64 = 1 << 20;
/// Bytes of a predicate to attest: what BuildKit and readers of bundles accept.
pub const PREDICATE: u64 = 40 << 20;
/// Subjects of a statement, as sigstore-go.
pub const SUBJECTS: usize = 1024;
/// Digests of one subject, as sigstore-go.
pub const SUBJECT_DIGESTS: usize = 32;
/// Log entries of one bundle, as sigstore-go: each costs signatures to check (CVE-2024-45395).
pub const LOG_ENTRIES: usize = 32;
/// Time stamps of one bundle, as sigstore-go, for the same reason.
pub const TIMESTAMPS: usize = 32;
/// Bytes of one time stamp, certificate or checkpoint inside of a bundle or trusted root.
pub const PROOF_PART: usize = 64 << 10;
/// Bytes of one log entry.
pub const LOG_ENTRY: usize = 8 << 20;
/// Certificates of one chain.
pub const CHAIN: usize = 8;
/// Logs, or authorities, of one kind in a trusted root.
pub const AUTHORITIES: usize = 32;
/// Bytes of a trusted root.
pub const TRUSTED_ROOT: u64 = 1 << 20;
/// Nesting of JSON and YAML.
pub const DEPTH: usize = 32;
/// Bytes of a key file: those of RSA keys with 8192 bits have 13 KiB.
pub const KEY_FILE: u64 = 64 << 10;
/// Bytes of what a helper program prints: for credentials, or for keys.
pub const HELPER_OUTPUT: u64 = 64 << 10;
/// Seconds a helper program may run.
pub const HELPER_SECONDS: u64 = 30;
/// Bytes of one line of a Dockerfile with its end: BuildKit's reader stops there.
pub const DOCKERFILE_LINE: usize = 64 << 10;
/// Bytes that a variable of a Dockerfile may expand to: ten ARG lines that each repeat the one before ten times make ten gigabytes.
pub const EXPANSION: usize = 4096;
/// Nesting of `${a:-${b:-…}}`: each level is a call.
pub const EXPANSION_DEPTH: usize = 32;
/// Steps of matching one shell pattern against one value of a Dockerfile variable.
pub const PATTERN_STEPS: usize = 1 << 22;
/// Seconds to reach a server.
pub const CONNECT_SECONDS: u64 = 15;
/// Seconds without any byte of an answer.
pub const READ_SECONDS: u64 = 60;
/// Seconds of an upload in which no byte is taken and no answer comes.
pub const UPLOAD_SECONDS: u64 = 300;
/// Bytes of a blob that is sent again in chunks when it broke off on its way: less of it is lost the next time.
pub const UPLOAD_WHOLE: u64 = 64 << 20;
/// Times one blob is sent from its start: a registry that forgets each session after the first chunk would get it for ever.
pub const UPLOAD_SESSIONS: usize = 8;
/// Bytes of one chunk of an upload.
pub const CHUNK: u64 = 5 << 20;
/// Bytes of one chunk if the registry wants larger ones: each is held in memory.
pub const CHUNK_LARGEST: u64 = 32 << 20;
/// Requests that one host gets at once, over everything in a run; it bans who asks for more.
pub const HOST_REQUESTS: usize = 8;
/// Uploads that one host gets at once.
pub const HOST_UPLOADS: usize = 4;
/// Bytes of what tags mean that is kept for the rest of a run.
pub const MEANINGS: u64 = 16 << 20;
/// Seconds that a token lives if it does not say, and at least: distribution's token authentication specification.
pub const TOKEN_SECONDS: u64 = 60;
/// Seconds for a whole body that is held in memory: a server may send a byte a minute.
pub const BODY_SECONDS: u64 = 120;
/// Bytes that must come of a large body while we wait that long for it: many bytes a minute are years, too.
pub const TRICKLE: u64 = 256 << 10;
/// Referrers listed for one image, over all pages. Pages that are within their limits still add up.
pub const REFERRERS: usize = 20_000;
/// Manifests of one copy, and those below one index that may be revoked: an index may list, and strangers may attach, any number.
pub const COPIED_MANIFESTS: usize = 10_000;
/// Bytes of all manifests of one copy, which are in memory together.
pub const COPIED_TOTAL: u64 = 128 << 20;
/// Signatures of SBOMs of images, and so on: what is attached to what is attached.
pub const REFERRER_DEPTH: usize = 4;
/// Files of a layout that are looked into for what its index does not list.
pub const LAYOUT_BLOBS: usize = 100_000;
/// Bytes of those files that may be manifests.
pub const LAYOUT_SCAN: u64 = 256 << 20;
/// Times a lost update of a referrers tag is repeated.
pub const UPDATE_ROUNDS: usize = 12;
/// Entries of an archive of an image: headers cost memory each.
pub const ARCHIVE_ENTRIES: usize = 100_000;
/// Bytes of all content kept for the next run: a cache that only grows fills the disk.
pub const STORE: u64 = 4 << 30;
/// Times one thing is asked for before its failure is final: a server may be busy for ever.
pub const TRIES: u32 = 5;
/// Milliseconds of the first wait before something is asked for again, on average half of it; each further one is up to twice as long.
pub const RETRY_FIRST_MILLIS: u64 = 500;
/// Seconds of the longest wait that no server asked for.
pub const RETRY_LONGEST_SECONDS: u64 = 30;
/// Seconds that a server may ask us to wait, unless the user says otherwise: a header must not hang a pipeline.
pub const MAX_WAIT_SECONDS: u64 = 60;
/// Bytes after which a transfer that breaks off counts as moving on.
pub const PROGRESS: u64 = 1 << 20;
/// Warnings of registries that are shown in one run, and bytes of each.
pub const NOTICES: usize = 16;
/// Bytes of a file of a TUF repository that is kept.
pub const TUF_METADATA: u64 = 5 << 20;
/// Services of one kind in a signing config: each is asked, and each answer is stored.
pub const SERVICES: usize = 32;
/// Bytes of an answer of a certificate authority, a transparency log or a time stamp authority.
pub const SERVICE_ANSWER: u64 = 1 << 20;
/// Seconds for one question to such a service, with its answer: a log waits for its next note before it answers.
pub const SERVICE_SECONDS: u64 = 60;
/// Seconds for everything that is asked of a TUF repository in one run: it could answer each of its many files just in time.
pub const TUF_SECONDS: u64 = 180;
/// Bytes of an identity token.
pub const IDENTITY_TOKEN: u64 = 64 << 10;
/// Hashes of one proof that a tree holds an entry: a tree has at most 2^63 entries.
pub const PROOF_HASHES: usize = 64;
