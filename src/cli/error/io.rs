//! Errors of `io`.

use super::CliError;
use crate::cli::Outcome;
use crate::format::index::SelectError;
use crate::io::copy::CopyError;
use crate::io::image::ImageError;
use crate::io::{
    AuthError, FileError, HttpError, IoError, LayoutError, RegistryError, Sent, SourceError, Thing,
};

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        match &error {
            FileError::NoFolder { .. }
            | FileError::NotFound { .. }
            | FileError::NotAFile { .. }
            | FileError::TooLarge { .. }
            | FileError::NotUtf8 { .. } => Self::new(Outcome::Usage, error),
            FileError::Changed { .. }
            | FileError::Half { .. }
            | FileError::Read { .. }
            | FileError::Write { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}

impl From<IoError> for CliError {
    fn from(error: IoError) -> Self {
        match error {
            IoError::File(error) => error.into(),
            IoError::Variable { .. } => Self::new(Outcome::Usage, error),
        }
    }
}

impl From<SourceError> for CliError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Layout(error) => error.into(),
            SourceError::Offline { .. } => Self::new(Outcome::Unknown, error)
                .hint("leave out --offline, or name an image in files: oci:DIR, oci-archive:FILE, docker-archive:FILE"),
            SourceError::Registry(error) => error.into(),
        }
    }
}

impl From<RegistryError> for CliError {
    fn from(error: RegistryError) -> Self {
        if let RegistryError::Login(error) = error {
            return error.into();
        }
        let hint = match &error {
            RegistryError::Auth { thing: Thing::Catalog(_), .. }
            | RegistryError::Denied { thing: Thing::Catalog(_), .. }
            | RegistryError::NotFound { thing: Thing::Catalog(_) } => Some(
                "many registries tell nobody, or only administrators, which repositories they have: name one, as in `plimsoll ls ghcr.io/org/app`"
                    .to_owned(),
            ),
            RegistryError::NotFound { thing: Thing::Blob(..) } => Some(
                "a registry keeps manifests apart from blobs: `plimsoll manifest REF` reads those".to_owned(),
            ),
            RegistryError::Auth { source, .. } | RegistryError::Login(source) => auth_hint(source),
            RegistryError::Denied { .. } => Some(SIGN_IN.to_owned()),
            RegistryError::NotFound { .. } => Some(
                "check the spelling; a registry may also say so when you may not see it: then sign in, for example with `docker login`"
                    .to_owned(),
            ),
            RegistryError::Status { status: 429, .. } => {
                Some("the registry limits how much is asked: wait, or sign in, for example with `docker login`".to_owned())
            }
            RegistryError::Transport { source, .. } => http_hint(source),
            RegistryError::LostUpdate { .. } => {
                Some("others write to the same list right now: run the command again".to_owned())
            }
            RegistryError::Place(_) => Some("see containers-registries.conf(5) for what registries.conf may say".to_owned()),
            RegistryError::ContentType { .. }
            | RegistryError::Digest { .. }
            | RegistryError::DigestHeader { .. }
            | RegistryError::Size { .. } => {
                Some("do not use this content: the registry, or something on the way to it, changed it".to_owned())
            }
            RegistryError::ChunkLength { .. }
            | RegistryError::Endpoint { .. }
            | RegistryError::List { .. }
            | RegistryError::ListName { .. }
            | RegistryError::ListSlow { .. }
            | RegistryError::ListType { .. }
            | RegistryError::Malformed { .. }
            | RegistryError::NextPage { .. }
            | RegistryError::Range { .. }
            | RegistryError::Redirect { .. }
            | RegistryError::Status { .. }
            | RegistryError::Temporary { .. }
            | RegistryError::TooLarge { .. }
            | RegistryError::TooMany { .. }
            | RegistryError::UploadLocation { .. }
            | RegistryError::UploadProgress { .. }
            | RegistryError::UploadStuck { .. } => None,
        };
        let error = Self::new(Outcome::Unknown, error);
        hint.into_iter().fold(error, CliError::hint)
    }
}

impl From<AuthError> for CliError {
    fn from(error: AuthError) -> Self {
        let hint = auth_hint(&error);
        let outcome =
            if matches!(error, AuthError::OneLogin { .. }) { Outcome::Usage } else { Outcome::Unknown };
        hint.into_iter().fold(Self::new(outcome, error), CliError::hint)
    }
}

fn auth_hint(error: &AuthError) -> Option<String> {
    match error {
        AuthError::TokenRefused { realm, registry, sent: Sent::Withheld, .. } => Some(format!(
            "if {realm} may learn what is stored for {registry}, say so in ~/.config/plimsoll/config.toml: \
             [[realm]] registry = \"{registry}\" allow = \"{}\"",
            realm.trim_start_matches("https://")
        )),
        AuthError::NoCredentials { .. }
        | AuthError::TokenForBasic { .. }
        | AuthError::TokenRefused { .. } => Some(SIGN_IN.to_owned()),
        AuthError::Config { .. }
        | AuthError::ConfigFile(_)
        | AuthError::Entry { .. }
        | AuthError::HelperName { .. } => {
            Some("repair the file, or sign in anew, for example with `docker login`".to_owned())
        }
        AuthError::HelperNotRun { name, .. } => Some(format!(
            "install docker-credential-{name} in a folder of PATH, or remove `{name}` from the credentials file"
        )),
        AuthError::OneLogin { registry, .. } => Some(format!(
            "leave --username out, and sign in to both, for example with `docker login {registry}`"
        )),
        AuthError::HelperOutput { .. }
        | AuthError::HelperOutputTooLarge { .. }
        | AuthError::HelperRefused { .. }
        | AuthError::HelperSlow { .. }
        | AuthError::PlainPassword { .. }
        | AuthError::Realm { .. }
        | AuthError::Settings { .. }
        | AuthError::Scheme { .. }
        | AuthError::TokenBody { .. }
        | AuthError::TokenServer { .. } => None,
    }
}

pub(super) fn http_hint(error: &HttpError) -> Option<String> {
    match error {
        HttpError::Setup { .. } => Some(
            "install the CA certificates of your system, or name a file of them in SSL_CERT_FILE".to_owned(),
        ),
        // Nobody is to switch TLS off because a certificate is wrong: somebody may be in between.
        HttpError::Unreachable { source, .. } if source.is_certificate() => Some(
            "its certificate is not trusted here; for a CA of your own, name its file: `--ca-file FILE`"
                .to_owned(),
        ),
        HttpError::Unreachable { host, .. } => host.strip_prefix("https://").map(|host| match host {
            "registry-1.docker.io" => "check the network, and HTTPS_PROXY if there is a proxy".to_owned(),
            _ => format!(
                "check name and network; if {host} is a registry without TLS, add `--plain-http {host}`"
            ),
        }),
        HttpError::Busy { .. } => {
            Some("wait until then, sign in, or wait longer: `--max-wait SECONDS`".to_owned())
        }
        HttpError::Certificates { .. }
        | HttpError::Encoded { .. }
        | HttpError::Interrupted { .. }
        | HttpError::Proxy { .. }
        | HttpError::Slow { .. }
        | HttpError::TooLarge { .. }
        | HttpError::Trickle { .. } => None,
    }
}

impl From<LayoutError> for CliError {
    fn from(error: LayoutError) -> Self {
        match &error {
            LayoutError::Ambiguous { .. } => Self::new(Outcome::Usage, error)
                .hint("a layout: add :TAG or @sha256:… to its name; an archive of `docker save`: save the one image alone"),
            LayoutError::Digest { .. } | LayoutError::Size { .. } => Self::new(Outcome::Unknown, error)
                .hint("do not use this content: it is not what its name says; copy the image again"),
            LayoutError::NotThat { .. } => Self::new(Outcome::Unknown, error)
                .hint("oci:DIR is an OCI image layout, oci-archive:FILE a tar of one, docker-archive:FILE what `docker save` writes"),
            LayoutError::ReadOnly { .. } => Self::new(Outcome::Usage, error)
                .hint("unpack it with tar and name the folder: oci:DIR"),
            LayoutError::Exists { .. } => Self::new(Outcome::Usage, error),
            LayoutError::DuplicateEntry { .. }
            | LayoutError::EntryName { .. }
            | LayoutError::Json { .. }
            | LayoutError::Malformed { .. }
            | LayoutError::Missing { .. }
            | LayoutError::NoImage { .. }
            | LayoutError::NotFound { .. }
            | LayoutError::NotRegular { .. }
            | LayoutError::Read { .. }
            | LayoutError::TagTwice { .. }
            | LayoutError::TooLarge { .. }
            | LayoutError::TooMany { .. }
            | LayoutError::Truncated { .. }
            | LayoutError::Version { .. }
            | LayoutError::Write { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}

impl From<CopyError> for CliError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Source(error) => error.into(),
            CopyError::LostUpdate { .. } => Self::new(Outcome::Unknown, error)
                .hint("others write to the same tag right now: run the command again"),
            CopyError::TooFar { .. } | CopyError::TooMany | CopyError::TooLarge => {
                Self::new(Outcome::Unknown, error)
                    .hint("to copy the image and nothing that is attached: --no-attached")
            }
            CopyError::Join { .. }
            | CopyError::Manifest { .. }
            | CopyError::Size { .. }
            | CopyError::TooDeep { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}

impl From<ImageError> for CliError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Source(error) => error.into(),
            ImageError::Select(SelectError::NoMatch { .. }) => {
                Self::new(Outcome::Unknown, error).hint("choose one with --platform OS/ARCH")
            }
            ImageError::Config { .. }
            | ImageError::LayerCount { .. }
            | ImageError::Manifest(_)
            | ImageError::NotAnImage { .. }
            | ImageError::OtherPlatform { .. }
            | ImageError::Select(SelectError::NoImages | SelectError::Undeclared { .. })
            | ImageError::Size { .. }
            | ImageError::TooDeep
            | ImageError::TooMany { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}

const SIGN_IN: &str = "check the spelling, or sign in, for example with `docker login`: plimsoll reads the files of docker and podman";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Cause;

    #[test]
    fn tls_is_not_given_up_for_a_wrong_certificate() {
        let hint = |host: &str, cause: &str| {
            let source = Cause::because(cause);
            http_hint(&HttpError::Unreachable { host: host.to_owned(), source }).unwrap_or_default()
        };
        let refused = "Connection refused (os error 111)";
        assert!(hint("https://r.example:5000", refused).contains("--plain-http r.example:5000"));
        for (host, cause) in [
            ("https://r.example", "invalid peer certificate: UnknownIssuer"),
            ("https://registry-1.docker.io", refused),
            ("http://localhost:5000", refused),
        ] {
            assert!(!hint(host, cause).contains("plain-http"), "{host}: {cause}");
        }
    }
}
