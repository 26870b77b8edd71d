//! Signatures by certificate: one part of a good bundle is replaced by what is made here.

use std::sync::LazyLock;

use plimsoll::base::{Digest, IdentityMatcher, TextMatcher};
use plimsoll::crypto::StampRequest;
use plimsoll::format::bundle::{Bundle, Material};
use plimsoll::verify::{
    Candidate, Content, IdentitySigner, Origin, Signed, Signer, Trust, TrustRoot, VerifyError,
    check_attestation, check_signature, unverified_certificate,
};

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../testdata/cosign/keyless/", $name))
    };
}

/// Its time is the log's promise.
static PROMISED: LazyLock<Bundle> = LazyLock::new(|| bundle(vector!("image-rekor1.sigstore.json")));

/// Its time is an authority's stamp.
static STAMPED: LazyLock<Bundle> = LazyLock::new(|| bundle(vector!("image-rekor2-tsa.sigstore.json")));

/// No root makes it good: the log of certificates did not promise anything.
static FORGED: LazyLock<Bundle> = LazyLock::new(|| bundle(vector!("neg-bad-sct.sigstore.json")));

static ROOT: LazyLock<TrustRoot> =
    LazyLock::new(|| TrustRoot::parse(vector!("trusted_root.json")).expect("a trusted root"));

fn bundle(bytes: &[u8]) -> Bundle {
    Bundle::parse(bytes).expect("a bundle")
}

fn check(bundle: Bundle, root: &TrustRoot) -> Result<Signed, VerifyError> {
    let subject = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
    let subject = TextMatcher::equals(subject).expect("a subject");
    let identity =
        IdentityMatcher::new("https://token.actions.githubusercontent.com", subject).expect("an identity");
    let signer = Signer::Identity(Box::new(IdentitySigner { identity, trust: Trust::strict(root.clone()) }));
    let content = Content::Bundle(bundle);
    let candidate = Candidate { origin: Origin::File, digest: Digest::of(b""), content };
    let image = Digest::of(vector!("image-manifest.json"));
    assert!(check_attestation(&candidate, &signer, image).is_err(), "it is a signature");
    assert!(check_signature(&candidate, &signer, Digest::of(b"")).is_err(), "of another image");
    check_signature(&candidate, &signer, image)
}

/// The signer's: only the one with which it was signed, and that was logged, is good.
pub(crate) fn certificate(bytes: &[u8]) {
    let _ = unverified_certificate(bytes);
    for good in [&*PROMISED, &*STAMPED] {
        let material = Material::Certificate { leaf: bytes.to_vec(), intermediates: Vec::new() };
        let is_good = material == good.material;
        let result = check(Bundle { material, ..good.clone() }, &ROOT);
        assert_eq!(result.is_ok(), is_good, "{result:?}");
    }
}

/// What was logged: the proof is of these bytes and no others.
pub(crate) fn log_entry(bytes: &[u8]) {
    for good in [&*PROMISED, &*STAMPED] {
        let mut bundle = good.clone();
        let entry = bundle.log_entries.first_mut().expect("an entry");
        let is_good = entry.body == bytes;
        entry.body = bytes.to_vec();
        let result = check(bundle, &ROOT);
        assert_eq!(result.is_ok(), is_good, "{result:?}");
    }
}

/// Outside of what the authority signed it may look different, but it never proves another time.
pub(crate) fn timestamp(bytes: &[u8]) {
    static TIME: LazyLock<Signed> = LazyLock::new(|| check(STAMPED.clone(), &ROOT).expect("a good bundle"));
    if let Ok(signed) = check(Bundle { timestamps: vec![bytes.to_vec()], ..STAMPED.clone() }, &ROOT) {
        assert_eq!(signed.authorship(), TIME.authorship());
    }
    let request = StampRequest::new(Digest::of(b""), 1).expect("a request");
    let _ = request.check(bytes);
}

pub(crate) fn trusted_root(bytes: &[u8]) {
    let Ok(root) = TrustRoot::parse(bytes) else { return };
    assert_eq!(root.digest(), Digest::of(bytes));
    for authority in &root.content().certificate_authorities {
        assert!(!authority.certificates.is_empty());
    }
    assert!(check(FORGED.clone(), &root).is_err());
    let _ = check(PROMISED.clone(), &root);
    let _ = check(STAMPED.clone(), &root);
}
