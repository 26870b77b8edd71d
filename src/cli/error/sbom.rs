//! Errors of `image` and `sbom`.

use super::CliError;
use crate::cli::Outcome;
use crate::image::ImageError;
use crate::sbom::SbomError;

impl From<SbomError> for CliError {
    fn from(error: SbomError) -> Self {
        match error {
            SbomError::Image(error) => error.into(),
            SbomError::Databases { .. } | SbomError::Names { .. } | SbomError::Packages { .. } => {
                Self::new(Outcome::Unknown, error)
            }
        }
    }
}

impl From<ImageError> for CliError {
    fn from(error: ImageError) -> Self {
        match &error {
            ImageError::DiffId { .. } => Self::new(Outcome::Unknown, error).hint(
                "do not use this image: its layers are not the ones its config lists; build or copy it again",
            ),
            ImageError::Archive { .. } | ImageError::Compression { .. } | ImageError::Read { .. } => {
                Self::new(Outcome::Unknown, error).hint(
                    "the layer is as its digest says, so whoever built the image made it so: build it again",
                )
            }
            ImageError::MediaType { .. } => Self::new(Outcome::Unknown, error)
                .hint("plimsoll reads layers that are tar archives, plain or compressed with gzip or zstd"),
            ImageError::FileTooLarge { .. }
            | ImageError::Files { .. }
            | ImageError::ImageUncompressed { .. }
            | ImageError::Layers { .. }
            | ImageError::Ratio { .. }
            | ImageError::TotalTooLarge { .. }
            | ImageError::Uncompressed { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}
