//! Certificates for the tests of this folder: one good Sigstore, and ways to bend what it signed.

use plimsoll::base::{Checked, Digest, IdentityMatcher, TextMatcher, Timestamp};
use plimsoll::format::manifest::OCI_MANIFEST;
use plimsoll::format::statement::{PAYLOAD_TYPE, SIGN_PREDICATE};
use plimsoll::verify::{
    Candidate, Content, IdentitySigner, Origin, Signed, Signer, Trust, TrustRoot, VerifyError,
    check_signature,
};
use serde_json::{Value, json};

use super::{BUNDLE, refused};
use crate::plimsoll::Run;
use crate::sigstore::{Signing, Sigstore, time};

pub(super) const SUBJECT: &str = "https://github.test/acme/app/.github/workflows/release.yml@refs/heads/main";
pub(super) const ISSUER: &str = "https://token.actions.githubusercontent.test";

/// What is signed.
pub(super) fn image() -> Digest {
    Digest::of(b"image")
}

/// When.
pub(super) fn at() -> Timestamp {
    time(1_770_000_000)
}

pub(super) fn statement(image: Digest) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{SIGN_PREDICATE}","predicate":{{}}}}"#,
        image.hex(),
    )
}

/// A bundle that signs the image, as this signer does it.
pub(super) fn signed(signing: &Signing<'_>) -> Value {
    signing.envelope(PAYLOAD_TYPE, statement(image()).as_bytes())
}

pub(super) fn matcher() -> IdentityMatcher {
    IdentityMatcher::new(ISSUER, TextMatcher::equals(SUBJECT).unwrap()).unwrap()
}

pub(super) fn trust(root: &Value) -> Trust {
    Trust::strict(TrustRoot::parse(root.to_string().as_bytes()).unwrap())
}

/// What is said about a bundle by who asks for `identity` under `trust`.
pub(super) fn check(bundle: &[u8], identity: IdentityMatcher, trust: Trust) -> Result<Signed, VerifyError> {
    let content = Content::from_bundle(&Checked::of(bundle.to_vec()));
    let candidate = Candidate { origin: Origin::File, digest: Digest::of(b"candidate"), content };
    let signer = Signer::Identity(Box::new(IdentitySigner { identity, trust }));
    check_signature(&candidate, &signer, image())
}

/// What the command line says when the bundle is stored beside the image.
fn by_command(bundle: &Value, sigstore: &Sigstore) -> Run {
    let (shop, layer) = (super::shop(), bundle.to_string());
    let blob = shop.registry.put_blob("team/app", layer.as_bytes());
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE, "config": empty,
        "layers": [{"mediaType": BUNDLE, "digest": blob.to_string(), "size": layer.len()}],
        "subject": {"mediaType": OCI_MANIFEST, "digest": image().to_string(), "size": 5},
    });
    shop.attach_manifest(manifest.to_string().as_bytes(), image(), BUNDLE);
    std::fs::write(shop.folder.path().join("root.json"), sigstore.trusted_root().to_string()).unwrap();
    let who = ["--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER];
    let how = ["--trusted-root", "[DIR]/root.json", &format!("[HOST]/team/app@{}", image())];
    shop.run([&["verify"], &who[..], &how].concat())
}

/// The code of the refusal; it must be one, and the command line's, too.
#[track_caller]
pub(super) fn code(bundle: &Value, sigstore: &Sigstore) -> &'static str {
    let code = check(bundle.to_string().as_bytes(), matcher(), trust(&sigstore.trusted_root()))
        .map_or_else(|error| error.code(), |signed| panic!("{signed:?} {bundle}"));
    refused(by_command(bundle, sigstore), 1, &[code]);
    code
}

#[track_caller]
pub(super) fn is_good(bundle: &Value, sigstore: &Sigstore) {
    let signed = check(bundle.to_string().as_bytes(), matcher(), trust(&sigstore.trusted_root()));
    assert_eq!(
        signed.map(|signed| signed.image()).map_err(|error| error.to_string()),
        Ok(image()),
        "{bundle}"
    );
    let said = by_command(bundle, sigstore).exits(0).stdout;
    assert!(said.starts_with("allowed "), "{said}");
}
