//! Stable codes of verdicts. Scripts and documentation refer to them; a code is never given a second meaning. Codes of refused candidates
//! (`PLM-S…`) come with [`crate::verify::VerifyError`], codes of policy files (`PLM-P…`) with their problems.

/// The signed annotations are not the demanded ones.
pub const ANNOTATION: &str = "PLM-A01";
/// The SBOM has another format than the policy accepts.
pub const SBOM_FORMAT: &str = "PLM-B01";
/// The predicate is not an SBOM of its type.
pub const SBOM_MALFORMED: &str = "PLM-B02";
/// The SBOM lists fewer components than the policy demands.
pub const SBOM_TOO_SMALL: &str = "PLM-B03";
/// The attestation is of another type.
pub const PREDICATE_TYPE: &str = "PLM-B04";
/// Nothing is attached that could satisfy the demand.
pub const NOTHING_FOUND: &str = "PLM-E01";
/// Something could not be fetched, so that nobody knows.
pub const NOT_FETCHED: &str = "PLM-E02";
/// Of what is attached, nothing counts.
pub const NOTHING_COUNTS: &str = "PLM-E03";
/// Fewer different signers than the policy demands.
pub const THRESHOLD: &str = "PLM-E04";
/// Some platform of the index lacks it.
pub const PLATFORM: &str = "PLM-E05";
/// Another identity counts as this signer already.
pub const SPARE: &str = "PLM-E06";
/// The signature names another repository.
pub const IDENTITY: &str = "PLM-I01";
/// The signature is older than the signer.
pub const KEY_NOT_YET: &str = "PLM-K01";
/// The signature is younger than the signer.
pub const KEY_EXPIRED: &str = "PLM-K02";
/// The key, the identity or the signer is revoked.
pub const KEY_REVOKED: &str = "PLM-K03";
/// The image is revoked.
pub const IMAGE_REVOKED: &str = "PLM-K04";
/// The attestation is revoked.
pub const ATTESTATION_REVOKED: &str = "PLM-K05";
/// The reference has no digest.
pub const NO_DIGEST: &str = "PLM-N01";
/// The tag is none of the allowed ones.
pub const TAG_NOT_ALLOWED: &str = "PLM-N02";
/// The tag is forbidden.
pub const TAG_FORBIDDEN: &str = "PLM-N03";
/// The policy is not good yet.
pub const POLICY_NOT_YET: &str = "PLM-P02";
/// The policy has expired.
pub const POLICY_EXPIRED: &str = "PLM-P03";
/// No rule is about the image.
pub const NO_RULE: &str = "PLM-R01";
/// A rule denies the image.
pub const RULE_DENIES: &str = "PLM-R02";
/// A permission for unverified images has expired.
pub const PERMISSION_EXPIRED: &str = "PLM-R03";
/// A permission for unverified images is for other digests.
pub const PERMISSION_OTHER: &str = "PLM-R04";
/// The requirements that hold prove nothing.
pub const NO_PROOF: &str = "PLM-R05";
