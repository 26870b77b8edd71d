//! Names that mean something else than whoever wrote them thinks, most likely.

use super::{DOCKER_HUB, Reference, Repository};

/// What is odd about a reference that is good by the grammar.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Pitfall {
    /// `Foo/app`.
    #[error("`{typed}` is read as the name of a registry, because of its upper-case letter: {repository}")]
    Case {
        /// Before the first slash.
        typed: String,
        /// What it means.
        repository: Repository,
    },
    /// `localhost:5000`, `ghcr.io`.
    #[error(
        "`{typed}` is read as an image of Docker Hub, {repository}; a registry needs a repository behind it: {typed}/app"
    )]
    Host {
        /// Without digest.
        typed: String,
        /// What it means.
        repository: Repository,
    },
    /// `registry-1.docker.io/library/debian`.
    #[error("{repository} is Docker Hub by another name: credentials and policies for {DOCKER_HUB} do not hold for it; write {DOCKER_HUB}/{}", .repository.path())]
    Hub {
        /// Which.
        repository: Repository,
    },
}

impl Reference {
    /// What should be said about this reference before somebody relies on it.
    pub fn pitfall(&self) -> Option<Pitfall> {
        let repository = self.repository().clone();
        if repository.registry().as_str() == HUB_ENDPOINT {
            return Some(Pitfall::Hub { repository });
        }
        match self.name().split_once('/') {
            Some((first, _))
                if !first.contains(['.', ':']) && first.contains(|c: char| c.is_ascii_uppercase()) =>
            {
                Some(Pitfall::Case { typed: first.to_owned(), repository })
            }
            Some(_) => None,
            None => {
                let port = self.tag().filter(|tag| tag.as_str() == PORT);
                let is_like_a_host =
                    self.name() == "localhost" || self.name().contains('.') || port.is_some();
                let tag = self.tag().map_or(String::new(), |tag| format!(":{tag}"));
                is_like_a_host.then(|| Pitfall::Host { typed: format!("{}{tag}", self.name()), repository })
            }
        }
    }
}

/// Where Docker Hub answers.
const HUB_ENDPOINT: &str = "registry-1.docker.io";
/// The port of registries, as most people know it.
const PORT: &str = "5000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_noticed_and_others_are_not() {
        let said =
            |text: &str| text.parse::<Reference>().unwrap().pitfall().map(|pitfall| pitfall.to_string());
        for (text, part) in [
            (
                "localhost:5000",
                "docker.io/library/localhost; a registry needs a repository behind it: localhost:5000/app",
            ),
            ("localhost", "docker.io/library/localhost"),
            ("ghcr.io", "docker.io/library/ghcr.io"),
            ("registry.example.com:443", "registry.example.com:443/app"),
            ("myregistry:5000", "docker.io/library/myregistry"),
            ("registry-1.docker.io/library/debian:12", "write docker.io/library/debian"),
            ("Foo/app", "`Foo` is read as the name of a registry, because of its upper-case letter: foo/app"),
        ] {
            assert!(said(text).is_some_and(|said| said.contains(part)), "{text}: {:?}", said(text));
        }
        for text in [
            "debian",
            "debian:12",
            "ubuntu:2204",
            "a/b",
            "localhost/app",
            "localhost:5000/app",
            "Foo.Example/app",
            "ghcr.io/a/b:5000",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
