//! `plimsoll demo`: the whole job on a small real image that the binary carries, without network.

use std::path::Path;

use clap::Parser as _;

use crate::base::{Digest, ImageLocator, LayoutSelector, Tag, limits};
use crate::cli::args::{Cli, Format};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::manifest::Manifest;
use crate::io::{Access, Environment, Io, Mode, Source};

/// Run the whole job on a small image, without network
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Work in this new folder and keep it, instead of a temporary one
    #[arg(long, value_name = "DIR")]
    keep: Option<std::path::PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll demo
  plimsoll demo --keep /tmp/plimsoll-demo   # look around afterwards

Exits with 0 if the good image was allowed and the changed one denied.";

/// What the demo works on: an OCI layout in a tar file, made by `testdata/image/make`.
const IMAGE: &[u8] = include_bytes!("../../../testdata/image/image.oci.tar");

/// The name by which the image is known: pinned in the Dockerfile, named in the signature, matched by the policy.
const NAME: &str = "registry.example.com/harbour/base";

const TAG: &str = "1.0";

const DOCKERFILE: &str = "\
# The base image moves whenever somebody pushes this tag.
FROM registry.example.com/harbour/base:1.0 AS build
RUN make
FROM build
";

const POLICY: &str = "\
version: plimsoll.trust/v1
name: harbour
revision: 1
expires: 9999-01-01T00:00:00Z
signers:
  release:
    key: {file: release.pub}
rules:
  - name: ours
    images: [\"registry.example.com/harbour/**\"]
    require:
      signature: {by: release}
      sbom: {by: release}
";

/// Runs the demo.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    if ui.format() == Format::Json {
        return Err(CliError::usage("the demo is a text for people: leave out --format json"));
    }
    let temporary;
    let folder = match &args.keep {
        Some(folder) => {
            io.files.create_folder(folder)?;
            folder.as_path()
        }
        None => {
            temporary = io.files.temporary_folder("plimsoll-demo-")?;
            temporary.path()
        }
    };
    let demo = Demo::prepare(folder, io).await?;
    demo.walk(ui).await
}

struct Demo {
    io: Io,
    folder: String,
    image: ImageLocator,
}

impl Demo {
    /// Unpacks the image and writes the two files that a user would write.
    async fn prepare(folder: &Path, io: &Io) -> Result<Self, CliError> {
        let path = folder.to_string_lossy().into_owned();
        let archive = folder.join("image.tar");
        io.files.write(&archive, IMAGE, Mode::Public)?;
        io.files.write(&folder.join("Dockerfile"), DOCKERFILE.as_bytes(), Mode::Public)?;
        io.files.write(&folder.join("policy.yaml"), POLICY.as_bytes(), Mode::Public)?;
        let environment = io.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment: Environment =
            environment.chain([("PLIMSOLL_PASSWORD".to_owned(), "demo".to_owned())]).collect();
        let io = Io::new(environment, Access::Offline)?;
        let image = ImageLocator::Layout {
            folder: folder.join("image"),
            select: LayoutSelector::Tag(TAG.parse::<Tag>().map_err(CliError::bug)?),
        };
        let packed = ImageLocator::LayoutArchive { file: archive, select: LayoutSelector::Only };
        unpack(&io.open(&packed)?, &io.create_layout(&folder.join("image"), &LayoutSelector::Only)?).await?;
        Ok(Self { io, folder: path, image })
    }

    async fn walk(&self, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
        let at = |name: &str| format!("{}/{name}", self.folder);
        let image = self.image.to_string();
        let (dockerfile, layout, policy, key) =
            (at("Dockerfile"), at("image"), at("policy.yaml"), at("release.key"));
        let from = format!("{NAME}={layout}");
        let (spdx, release) = (format!("spdx-json={}", at("app.spdx.json")), at("release"));

        self.say(ui, "1. Pin the base image: the tag becomes a digest, no other byte changes.");
        self.step(ui, &["pin", "--diff", "--layout", &from, &dockerfile], Outcome::Yes).await?;
        self.step(ui, &["pin", "--layout", &from, &dockerfile], Outcome::Yes).await?;
        self.say(ui, "2. Catalogue it: what is inside, from the image's own package database.");
        self.step(ui, &["sbom", &image, "-o", "table", "-o", &spdx], Outcome::Yes).await?;
        self.say(
            ui,
            "3. Sign it, and attest its bill of materials. (The password is PLIMSOLL_PASSWORD=demo.)",
        );
        self.step(ui, &["keygen", "--output", &release], Outcome::Yes).await?;
        self.step(ui, &["sign", "--key", &key, "--as", NAME, &image], Outcome::Yes).await?;
        let sbom = ["attest", "--key", &key, "--as", NAME, "--sbom", "cyclonedx-json", &image];
        self.step(ui, &sbom, Outcome::Yes).await?;
        self.step(ui, &["tree", "--key", &at("release.pub"), &image], Outcome::Yes).await?;
        self.say(ui, "4. Verify it against the trust policy, as a deploy gate would.");
        let verify = ["verify", "--policy", &policy, "--as", NAME, &image];
        self.step(ui, &verify, Outcome::Yes).await?;
        self.say(ui, "5. Somebody flips one byte of a layer, gives it its right digests, and moves the signatures along.");
        let (old, new) = self.tamper().await?;
        self.say(ui, &format!("   {old} became\n   {new}, under the same tag."));
        self.step(ui, &verify, Outcome::No).await?;
        let name = NAME.parse().map_err(CliError::bug)?;
        let denial = super::verify::denial(&self.io, policy.as_ref(), &self.image, &name).await?;
        let reason = denial.ok_or_else(|| CliError::bug(Allowed))?;
        ui.answer(&format!("\ndenied, {reason}\n"));
        Ok(Outcome::Yes)
    }

    fn say(&self, ui: &mut Ui<'_>, text: &str) {
        ui.answer(&format!("\n{}\n", ui.strong(text)));
    }

    /// Prints a command as a user would type it, runs it, and insists on how it ends.
    async fn step(&self, ui: &mut Ui<'_>, words: &[&str], want: Outcome) -> Result<(), CliError> {
        ui.answer(&format!("\n$ plimsoll {}\n", words.join(" ")));
        let words = std::iter::once("plimsoll").chain(words.iter().copied());
        let parsed = Cli::try_parse_from(words).map_err(CliError::bug)?;
        let outcome = Box::pin(super::run(parsed.command, &self.io, ui)).await?;
        if outcome != want {
            return Err(CliError::bug(UnexpectedOutcome { outcome, want }));
        }
        Ok(())
    }

    /// What somebody who controls the store can do: change a layer, name it rightly, rewrite manifest and tag, and copy the signatures over.
    async fn tamper(&self) -> Result<(Digest, Digest), CliError> {
        let source = self.io.open(&self.image)?;
        let old = source.resolve().await?;
        let mut manifest: serde_json::Value =
            serde_json::from_slice(old.content.bytes()).map_err(CliError::bug)?;
        let layer = manifest.pointer_mut("/layers/1").ok_or_else(|| CliError::bug(NoSecondLayer))?;
        let changed = flip(&source, layer).await?;
        layer["digest"] = changed.to_string().into();
        let bytes = serde_json::to_vec(&manifest).map_err(CliError::bug)?;
        let tag: Tag = TAG.parse().map_err(CliError::bug)?;
        let new = source.push_manifest(&old.media_type, &bytes, Some(&tag)).await?;
        for listed in source.referrers(old.digest).await? {
            let referrer = source.manifest(listed.descriptor.digest).await?;
            let mut moved: serde_json::Value =
                serde_json::from_slice(referrer.content.bytes()).map_err(CliError::bug)?;
            moved["subject"]["digest"] = new.to_string().into();
            moved["subject"]["size"] = bytes.len().into();
            let moved = serde_json::to_vec(&moved).map_err(CliError::bug)?;
            let artifact_type = listed.descriptor.artifact_type.unwrap_or_default();
            source.push_referrer(&moved, &artifact_type, &listed.descriptor.annotations, new).await?;
        }
        Ok((old.digest, new))
    }
}

/// Copies the one image of an archive into a new layout, under the tag `1.0`.
async fn unpack(from: &Source, to: &Source) -> Result<(), CliError> {
    let resolved = from.resolve().await?;
    let manifest = Manifest::parse(&resolved.content).map_err(CliError::bug)?;
    for descriptor in std::iter::once(&manifest.config).chain(&manifest.layers) {
        let blob = from.blob(descriptor.digest, descriptor.size, limits::ATTESTATION).await?;
        to.push_blob(blob.bytes()).await?;
    }
    let tag: Tag = TAG.parse().map_err(CliError::bug)?;
    to.push_manifest(&resolved.media_type, resolved.content.bytes(), Some(&tag)).await?;
    Ok(())
}

async fn flip(source: &Source, layer: &serde_json::Value) -> Result<Digest, CliError> {
    let digest: Digest = layer["digest"].as_str().unwrap_or_default().parse().map_err(CliError::bug)?;
    let size = layer["size"].as_u64().unwrap_or_default();
    let mut bytes = source.blob(digest, size, size).await?.bytes().to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    Ok(source.push_blob(&bytes).await?)
}

#[derive(Debug, thiserror::Error)]
#[error("the step ended with {outcome:?}, expected {want:?}")]
struct UnexpectedOutcome {
    outcome: Outcome,
    want: Outcome,
}

#[derive(Debug, thiserror::Error)]
#[error("the carried image has no second layer")]
struct NoSecondLayer;

#[derive(Debug, thiserror::Error)]
#[error("the changed image was allowed")]
struct Allowed;
