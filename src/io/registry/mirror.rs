//! Mirrors: asked first for content that has a digest, and for the meaning of a tag only if the user believes them.

use std::sync::PoisonError;

use super::Remote;
use super::error::RegistryError;
use crate::base::Tag;
use crate::format::registries::Serves;
use crate::io::MirrorTags;
use crate::io::source::Fetched;

impl Remote {
    /// Asks the mirrors, then the registry, for something that `ask` checks against a digest. A mirror that has it not, or does not answer, is
    /// passed over; so is one that sends something else, for all of the run, and people are told: what it sent is not used.
    pub(super) async fn near<T>(
        &self,
        ask: impl AsyncFn(&Self) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        for (mirror, serves) in self.mirrors.iter() {
            if *serves == Serves::Tags || mirror.is_lost() {
                continue;
            }
            match ask(mirror).await {
                Err(error) if error.is_absence() || error.is_wrong_content() => mirror.pass_over(&error),
                answer => return answer,
            }
        }
        ask(self).await
    }

    /// What a tag means: to the registry, or to a mirror that the user believes.
    pub(super) async fn meaning(&self, tag: &Tag) -> Result<Option<Fetched>, RegistryError> {
        let believed = match self.shared.mirror_tags {
            MirrorTags::Believed => &self.mirrors[..],
            MirrorTags::Ignored => &[],
        };
        for (mirror, serves) in believed {
            if *serves == Serves::Digests || mirror.is_lost() {
                continue;
            }
            match mirror.manifest_by_tag(tag).await {
                Ok(None) => {}
                Err(error) if error.is_absence() || error.is_wrong_content() => mirror.pass_over(&error),
                answer => return answer,
            }
        }
        self.manifest_by_tag(tag).await
    }

    fn is_lost(&self) -> bool {
        let lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.contains(self.repository().registry())
    }

    fn pass_over(&self, error: &RegistryError) {
        let is_wrong = error.is_wrong_content();
        if is_wrong {
            let mirror = self.repository().registry();
            self.shared
                .patience()
                .remark(format!("mirror {mirror} is not used any more in this run: {error}"));
        }
        if is_wrong || matches!(error, RegistryError::Transport { .. }) {
            let mut lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.insert(self.repository().registry().clone());
        }
    }
}
