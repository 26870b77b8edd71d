//! Where a repository is really asked for: `registries.conf`.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::{Environment, FileError, Files};
use crate::base::{ReferenceError, Repository};
use crate::format::registries::{RegistriesConf, RegistriesError, Serves};

/// Reads the configuration when the first repository is opened.
#[derive(Debug)]
pub(super) struct Places {
    environment: Environment,
    conf: OnceLock<RegistriesConf>,
}

/// Where one repository is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) spot: Spot,
    /// Who has the same content, in the order in which they are asked.
    pub(super) mirrors: Vec<(Spot, Serves)>,
}

/// A repository, and how its registry is spoken to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Spot {
    pub(super) repository: Repository,
    /// Whether `insecure = false` is written of it. It goes without saying for all but this machine.
    pub(super) speaks_tls: bool,
}

impl Places {
    pub(super) fn new(environment: Environment) -> Self {
        Self { environment, conf: OnceLock::new() }
    }

    pub(super) fn find(&self, repository: &Repository) -> Result<Place, PlaceError> {
        let conf = match self.conf.get() {
            Some(conf) => conf,
            None => {
                let conf = self.read()?;
                self.conf.get_or_init(|| conf)
            }
        };
        let name = repository.to_string();
        let Some(entry) = conf.find(&name) else {
            let spot = Spot { repository: repository.clone(), speaks_tls: false };
            return Ok(Place { spot, mirrors: Vec::new() });
        };
        if entry.is_blocked {
            return Err(PlaceError::Blocked { repository: repository.clone(), prefix: entry.prefix.clone() });
        }
        if repository.is_catalog() {
            // Mirrors and other locations are for what is below a prefix.
            let spot = Spot { repository: repository.clone(), speaks_tls: entry.speaks_tls };
            return Ok(Place { spot, mirrors: Vec::new() });
        }
        let at = |location: &str| {
            let text = entry.rewrite(&name, location).unwrap_or_default();
            text.parse().map_err(|source| PlaceError::Name { repository: repository.clone(), text, source })
        };
        let mut mirrors = Vec::new();
        for mirror in &entry.mirrors {
            let spot = Spot { repository: at(&mirror.location)?, speaks_tls: mirror.speaks_tls };
            mirrors.push((spot, mirror.serves));
        }
        let repository = entry.location.as_deref().map_or(Ok(repository.clone()), at)?;
        Ok(Place { spot: Spot { repository, speaks_tls: entry.speaks_tls }, mirrors })
    }

    fn read(&self) -> Result<RegistriesConf, PlaceError> {
        let mut conf = RegistriesConf::default();
        for path in self.paths()? {
            let bytes = match Files.read(&path) {
                Ok(bytes) => bytes,
                // Whoever names a file means that there is one.
                Err(FileError::NotFound { .. }) if self.variable(NAMED).as_ref() != Some(&path) => continue,
                Err(error) => return Err(error.into()),
            };
            let later =
                RegistriesConf::parse(&bytes).map_err(|source| PlaceError::Malformed { path, source })?;
            conf.extend(later);
        }
        Ok(conf)
    }

    fn variable(&self, name: &str) -> Option<PathBuf> {
        self.environment.get(name).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    /// The files that podman reads, the one that decides last. A file that a variable names stands instead of the first, not of what a site
    /// puts beside it to block something.
    fn paths(&self) -> Result<Vec<PathBuf>, PlaceError> {
        let system = PathBuf::from("/etc/containers");
        let own = self.variable("HOME").map(|home| home.join(".config/containers"));
        let roots: Vec<PathBuf> = std::iter::once(system).chain(own).collect();
        // The user's own file stands instead of the system's.
        let mut paths: Vec<PathBuf> = roots.iter().map(|root| root.join("registries.conf")).collect();
        if paths.last().is_some_and(|own| Files.exists(own)) {
            paths.drain(..paths.len() - 1);
        }
        if let Some(named) = self.variable(NAMED) {
            paths = vec![named];
        }
        for root in roots {
            let folder = root.join("registries.conf.d");
            let unread = |source| FileError::Read { path: folder.clone(), source };
            // Only what is not there says nothing: in what cannot be read, something may be blocked.
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unread(error).into()),
            };
            let entries = entries.map(|entry| Ok(entry.map_err(unread)?.path()));
            let mut found = entries.collect::<Result<Vec<PathBuf>, FileError>>()?;
            found.retain(|path| path.extension().is_some_and(|end| end == "conf"));
            found.sort();
            paths.extend(found);
        }
        Ok(paths)
    }
}

/// Why a repository is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Somebody forbade it.
    #[error("{repository} is blocked by `{prefix}` in registries.conf")]
    Blocked {
        /// Which.
        repository: Repository,
        /// Of the entry.
        prefix: String,
    },
    /// Not read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not understood.
    #[error("{}: malformed", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: RegistriesError,
    },
    /// What comes out is no name.
    #[error("registries.conf makes `{text}` of {repository}")]
    Name {
        /// As asked for.
        repository: Repository,
        /// As rewritten.
        text: String,
        /// Why that is none.
        source: ReferenceError,
    },
}

/// The variable that names a file.
const NAMED: &str = "CONTAINERS_REGISTRIES_CONF";

#[cfg(test)]
mod tests {
    use super::*;

    fn places(home: &std::path::Path, variable: Option<(&str, &str)>) -> Places {
        let home = [("HOME".to_owned(), home.display().to_string())];
        let variable = variable.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Places::new(home.into_iter().chain(variable).collect())
    }

    #[test]
    fn files_are_read_in_order() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join(".config/containers");
        std::fs::create_dir_all(root.join("registries.conf.d")).unwrap();
        let write = |name: &str, location: &str| {
            let text = format!("[[registry]]\nprefix = \"h.example\"\nlocation = \"{location}\"\n");
            std::fs::write(root.join(name), text).unwrap();
        };
        let find = |variable| {
            let place = places(home.path(), variable).find(&"h.example/a/b".parse().unwrap()).unwrap();
            place.spot.repository.to_string()
        };
        assert_eq!(find(None), "h.example/a/b");
        write("registries.conf", "one.example");
        assert_eq!(find(None), "one.example/a/b");
        write("registries.conf.d/20.conf", "two.example/x");
        write("registries.conf.d/10.conf", "three.example");
        write("registries.conf.d/30.txt", "four.example");
        assert_eq!(find(None), "two.example/x/a/b");
        // A variable names another first file, and what was put beside that one still decides.
        let named = home.path().join("named.conf");
        std::fs::write(&named, "[[registry]]\nprefix = \"i.example\"\nblocked = true\n").unwrap();
        let variable = Some(("CONTAINERS_REGISTRIES_CONF", named.to_str().unwrap()));
        assert_eq!(find(variable), "two.example/x/a/b");
        assert!(places(home.path(), variable).find(&"i.example/a".parse().unwrap()).is_err());
        assert!(places(home.path(), None).find(&"i.example/a".parse().unwrap()).is_ok());
        std::fs::remove_file(&named).unwrap();
        let error = places(home.path(), variable).find(&"i.example/a".parse().unwrap()).unwrap_err();
        assert!(matches!(error, PlaceError::File(FileError::NotFound { .. })), "{error:?}");
        std::fs::write(root.join("registries.conf"), "[[").unwrap();
        let error = places(home.path(), None).find(&"h.example/a/b".parse().unwrap()).unwrap_err();
        assert!(matches!(error, PlaceError::Malformed { .. }));
    }

    // In what cannot be read, something may be blocked.
    #[test]
    fn a_folder_that_cannot_be_read_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join(".config/containers");
        std::fs::create_dir_all(&root).unwrap();
        let find = || places(home.path(), None).find(&"h.example/a".parse().unwrap());
        assert!(find().is_ok());
        std::fs::write(root.join("registries.conf.d"), "not a folder").unwrap();
        let error = find().unwrap_err();
        assert!(error.to_string().contains("registries.conf.d"), "{error}");
        assert!(matches!(error, PlaceError::File(FileError::Read { .. })));
    }

    #[test]
    fn the_list_of_repositories_is_the_registrys_own() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.conf");
        let text = "[[registry]]\nprefix = \"h.example\"\nlocation = \"o.example/x\"\n[[registry.mirror]]\nlocation = \"m.example\"\n\
             [[registry]]\nprefix = \"b.example\"\nblocked = true\n";
        std::fs::write(&path, text).unwrap();
        let places = places(home.path(), Some(("CONTAINERS_REGISTRIES_CONF", path.to_str().unwrap())));
        let find = |registry: &str| places.find(&Repository::catalog(registry.parse().unwrap()));
        let place = find("h.example").unwrap();
        assert_eq!(place.spot.repository.registry().as_str(), "h.example");
        assert!(place.mirrors.is_empty());
        assert!(matches!(find("b.example"), Err(PlaceError::Blocked { .. })));
    }

    #[test]
    fn what_is_blocked_is_not_asked() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.conf");
        std::fs::write(&path, "[[registry]]\nprefix = \"docker.io\"\nblocked = true\n").unwrap();
        let places = places(home.path(), Some(("CONTAINERS_REGISTRIES_CONF", path.to_str().unwrap())));
        let error = places.find(&"alpine".parse().unwrap()).unwrap_err().to_string();
        assert_eq!(error, "docker.io/library/alpine is blocked by `docker.io` in registries.conf");
        assert!(places.find(&"ghcr.io/a".parse().unwrap()).is_ok());
    }
}
