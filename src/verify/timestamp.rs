//! RFC 3161 time stamps over a signature.

use sigstore_verify::tsa::{Error, verify_timestamp_for_authority};
use sigstore_verify::types::{SignatureBytes, TimestampToken};

use super::{TrustRoot, VerifyError};
use crate::base::Timestamp;

/// Checks every stamp; each must be by an authority of the root. A root that knows none cannot tell, and nothing is concluded.
pub(super) fn check(
    stamps: &[Vec<u8>],
    signature: &[u8],
    root: &TrustRoot,
) -> Result<Vec<Timestamp>, VerifyError> {
    if root.content().timestamp_authorities.is_empty() {
        return Ok(Vec::new());
    }
    stamps.iter().map(|stamp| check_one(stamp, signature, root)).collect()
}

fn check_one(stamp: &[u8], signature: &[u8], root: &TrustRoot) -> Result<Timestamp, VerifyError> {
    let (token, signature) = (TimestampToken::from_bytes(stamp), SignatureBytes::from_bytes(signature));
    let mut refusal = None;
    for (at, authority) in root.content().timestamp_authorities.iter().enumerate() {
        let Some(known) = root.stamper(at) else { continue };
        let time = match verify_timestamp_for_authority(&token, &signature, known) {
            Ok(time) => Timestamp::from_seconds(time.as_second())
                .map_err(|error| VerifyError::BadTimestamp { source: Box::new(error) })?,
            // The same for every authority.
            Err(Error::HashMismatch { .. }) => return Err(VerifyError::OtherTimestamp),
            Err(Error::TimestampOutsideValidity { time }) => {
                if let Ok(time) = Timestamp::from_seconds(time.as_second()) {
                    refusal = Some(VerifyError::TimestampWindow { time });
                }
                continue;
            }
            Err(error) => {
                refusal.get_or_insert(VerifyError::BadTimestamp { source: Box::new(error) });
                continue;
            }
        };
        // The library trusts the last certificate of the chain whatever its dates.
        let good = authority.window.contains(time)
            && root.stamp_validity(at).iter().all(|validity| validity.contains(time));
        if good {
            return Ok(time);
        }
        refusal = Some(VerifyError::TimestampWindow { time });
    }
    Err(refusal.unwrap_or(VerifyError::NoProvenTime))
}
