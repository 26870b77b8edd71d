//! The file tree that layers make, laid over each other from the bottom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::Claims;
use super::layer::{Contents, Entry};
use crate::base::ImagePath;

/// Claimed files after some layers, with the links on the way to them.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<Vec<u8>, Node>,
}

/// A claimed file.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is, links resolved.
    pub path: ImagePath,
    /// Its bytes.
    pub content: Arc<[u8]>,
}

#[derive(Clone, Debug)]
enum Node {
    File(Arc<[u8]>),
    /// A file whose content was not kept: another name of a file that nobody claimed.
    Lost,
    Other,
    SymbolicLink(Vec<u8>),
}

impl Tree {
    /// Lays one more layer over the tree.
    pub fn apply(&mut self, layer: &Contents) {
        if layer.clears {
            self.nodes.clear();
        }
        // Layer.md, "Whiteouts": they hide what lower layers have and nothing of their own layer, whatever the order in the archive.
        for (path, entry) in &layer.entries {
            let path = self.place(path);
            match entry {
                Entry::Opaque => self.remove_below(&path),
                Entry::Whiteout => {
                    self.nodes.remove(&path);
                    self.remove_below(&path);
                }
                Entry::File(_)
                | Entry::Folder
                | Entry::HardLink(_)
                | Entry::Other
                | Entry::SymbolicLink(_) => {}
            }
        }
        for (path, entry) in &layer.entries {
            let place = self.place(path);
            let node = match entry {
                Entry::Opaque | Entry::Whiteout => continue,
                Entry::Folder => {
                    self.nodes.remove(&place);
                    continue;
                }
                Entry::File(content) => Node::File(Arc::clone(content)),
                Entry::HardLink(target) => match self.nodes.get(&self.place(target)) {
                    Some(node) => node.clone(),
                    None => Node::Lost,
                },
                Entry::Other => Node::Other,
                Entry::SymbolicLink(target) => Node::SymbolicLink(target.clone()),
            };
            self.remove_below(&place);
            self.nodes.insert(place, node);
        }
    }

    /// The file at `path`, links followed.
    pub fn file(&self, path: &ImagePath) -> Option<File> {
        let place = self.resolve(path.as_bytes(), Last::Follow)?;
        match self.nodes.get(&place)? {
            Node::File(content) => {
                let path = ImagePath::try_from(place.as_slice()).ok()?;
                Some(File { path, content: Arc::clone(content) })
            }
            Node::Lost | Node::Other | Node::SymbolicLink(_) => None,
        }
    }

    /// Every file that `claims` wants, by path, each once.
    pub fn files(&self, claims: &Claims) -> Vec<File> {
        let mut seen = BTreeSet::new();
        self.paths()
            .filter(|(path, _)| claims.wants(path))
            .filter_map(|(path, _)| self.file(&path))
            .filter(|file| seen.insert(file.path.clone()))
            .collect()
    }

    /// Paths that `claims` wants, or that lead there, whose content is out of reach: links out of what was kept.
    pub fn unread(&self, claims: &Claims) -> Vec<ImagePath> {
        let lost = |path: &ImagePath, node: &Node| match node {
            Node::File(_) => false,
            Node::Lost => claims.wants(path),
            Node::Other => claims.wants(path),
            Node::SymbolicLink(_) => match self.resolve(path.as_bytes(), Last::Follow) {
                None => true,
                Some(end) => match (self.nodes.get(&end), ImagePath::try_from(end.as_slice())) {
                    (Some(Node::File(_)), _) | (_, Err(_)) => false,
                    (Some(_), Ok(_)) => claims.wants(path),
                    (None, Ok(end)) if claims.wants(path) => !claims.wants(&end),
                    (None, Ok(end)) => !claims.pass(&end),
                },
            },
        };
        self.paths()
            .filter(|(path, node)| (claims.wants(path) || claims.pass(path)) && lost(path, node))
            .map(|(path, _)| path)
            .collect()
    }

    fn paths(&self) -> impl Iterator<Item = (ImagePath, &Node)> {
        self.nodes.iter().filter_map(|(path, node)| Some((ImagePath::try_from(path.as_slice()).ok()?, node)))
    }

    /// Where an entry named `path` lands: links in its folders are followed, the last name is not.
    fn place(&self, path: &ImagePath) -> Vec<u8> {
        self.resolve(path.as_bytes(), Last::Keep).unwrap_or_else(|| path.as_bytes().to_vec())
    }

    fn remove_below(&mut self, path: &[u8]) {
        // Every path below begins with `path/`; `0` is the byte after `/`.
        let from = [path, b"/"].concat();
        let to = [path, b"0"].concat();
        let bounds = (Bound::Included(from.as_slice()), Bound::Excluded(to.as_slice()));
        let below: Vec<Vec<u8>> = self.nodes.range::<[u8], _>(bounds).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    /// Follows links as in a file system whose root is the image's: `..` at the root stays there. None after too many links (a loop).
    fn resolve(&self, path: &[u8], last: Last) -> Option<Vec<u8>> {
        let mut left: VecDeque<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let mut at: Vec<u8> = Vec::new();
        let (mut hops, mut names) = (0, 0);
        while let Some(name) = left.pop_front() {
            names += 1;
            if names > NAMES {
                return None;
            }
            match name {
                b"" | b"." => continue,
                b".." => {
                    let end = at.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    at.truncate(end);
                    continue;
                }
                _ => {}
            }
            let folder = at.len();
            if folder > 0 {
                at.push(b'/');
            }
            at.extend_from_slice(name);
            let follow = last == Last::Follow || !left.is_empty();
            if let (true, Some(Node::SymbolicLink(target))) = (follow, self.nodes.get(&at)) {
                hops += 1;
                if hops > HOPS || target.len() > LONGEST {
                    return None;
                }
                at.truncate(if target.starts_with(b"/") { 0 } else { folder });
                for name in target.split(|byte| *byte == b'/').rev() {
                    left.push_front(name);
                }
            }
        }
        Some(at)
    }
}

/// What to do if the last name of a path is a symbolic link.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Last {
    Follow,
    Keep,
}

/// As Linux.
const HOPS: usize = 40;
/// Bytes of a link's target, as Linux.
const LONGEST: usize = 4096;
/// Names on the way through all links: an image may have millions of paths that begin with the longest way there is.
const NAMES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::Tar;

    fn claims() -> Claims {
        Claims::new(["lib/db/status", "usr/lib/db/status", "doc/*/copyright"])
    }

    fn tree(layers: Vec<Tar>) -> Tree {
        let layers: Vec<_> = layers.into_iter().map(Tar::layer).collect();
        let mut tree = Tree::default();
        for layer in crate::image::read(&layers, &claims()).unwrap() {
            tree.apply(&layer);
        }
        tree
    }

    fn show(layers: Vec<Tar>) -> Vec<String> {
        let file = |file: File| format!("{}={}", file.path, String::from_utf8_lossy(&file.content));
        tree(layers).files(&claims()).into_iter().map(file).collect()
    }

    fn new() -> Tar {
        Tar::default()
    }

    fn both() -> Tar {
        new().file("doc/a/copyright", "a").file("doc/b/copyright", "b")
    }

    #[test]
    fn whiteouts_hide_lower_layers_only() {
        let (a, b) = ("doc/a/copyright=a".to_owned(), "doc/b/copyright=b".to_owned());
        for (upper, want) in [
            (new().file("doc/a/.wh.copyright", ""), vec![b.clone()]),
            (new().file("doc/.wh.a", ""), vec![b.clone()]),
            (new().file(".wh.doc", ""), vec![]),
            (new().file("doc/.wh..wh..opq", ""), vec![]),
            (new().file(".wh..wh..opq", ""), vec![]),
            (new().file("doc/b/copyright", "b").file("./.wh..wh..opq", ""), vec![b.clone()]),
            (new().file("doc/.wh.a//", ""), vec![b.clone()]),
            (new().file("doc/.wh.a/.", ""), vec![b.clone()]),
            (new().file("doc/.wh..wh..opq", "").file("doc/a/copyright", "a"), vec![a.clone()]),
            (new().file("doc/a/copyright", "a").file("doc/.wh..wh..opq", ""), vec![a.clone()]),
            (new().file("doc/a/copyright", "a").file("doc/a/.wh.copyright", ""), vec![a.clone(), b.clone()]),
            (
                new().file("doc/.wh.c", "").file("doc/.wh.", "").file("doc/.wh..wh.plnk", ""),
                vec![a.clone(), b.clone()],
            ),
            // What was a folder becomes something else, and the other way round.
            (new().file("doc/a", "x"), vec![b.clone()]),
            (new().symlink("doc/a", "b"), vec![b.clone()]),
            (new().folder("doc/a/copyright"), vec![b.clone()]),
            (new().folder("doc/a/"), vec![a.clone(), b.clone()]),
        ] {
            assert_eq!(show(vec![both(), upper]), want);
        }
        assert_eq!(show(vec![both(), new().file(".wh.doc", ""), both()]), [a, b]);
    }

    #[test]
    fn links_lead_to_the_same_file() {
        let status = |name: &str| new().file(name, "s");
        let want = ["usr/lib/db/status=s"];
        assert_eq!(show(vec![new().symlink("lib", "usr/lib").file("usr/lib/db/status", "s")]), want);
        assert_eq!(show(vec![new().symlink("lib", "/usr/lib"), status("lib/db/status")]), want);
        assert_eq!(show(vec![new().symlink("lib", "./../../usr/lib/."), status("lib/db/status")]), want);
        assert_eq!(
            show(vec![
                status("usr/lib/db/status"),
                new().symlink("lib/db/status", "../../usr/lib/db/status")
            ]),
            want
        );
        // The whiteout goes through the link too.
        assert_eq!(
            show(vec![
                new().symlink("lib", "usr/lib"),
                status("lib/db/status"),
                new().file("lib/db/.wh.status", "")
            ]),
            [""; 0]
        );
        let doc = new().file("doc/a/copyright", "a").symlink("doc/b", "a");
        assert_eq!(
            tree(vec![doc]).file(&"doc/b/copyright".try_into().unwrap()).unwrap().path.to_string(),
            "doc/a/copyright"
        );
        // A folder that replaces the link ends its effect.
        let layers = vec![new().symlink("lib", "usr/lib"), new().folder("lib").file("lib/db/status", "own")];
        assert_eq!(show(layers), ["lib/db/status=own"]);
    }

    #[test]
    fn loops_end() {
        let looped =
            vec![new().symlink("lib", "lib"), new().symlink("usr", "usr/usr/usr").file("lib/db/status", "s")];
        assert_eq!(tree(looped).unread(&claims()).len(), 2);
        let long = (0..60).fold(new(), |tar, n| tar.symlink(&format!("doc/{n}"), &format!("{}", n + 1)));
        assert!(tree(vec![long]).file(&"doc/0/copyright".try_into().unwrap()).is_none());
    }

    #[test]
    fn long_ways_end() {
        let target = "./".repeat(500_000) + "usr/lib";
        let layer = new().pax(&[("linkpath", target.as_bytes())]).symlink("lib", "x");
        let layer = layer.file("usr/lib/db/status", "s");
        let many = (0..5000).fold(layer, |tar, _| tar.file("lib/db/status", "s"));
        let tree = tree(vec![many]);
        assert!(tree.file(&"lib/db/status".try_into().unwrap()).is_none());
        assert_eq!(tree.unread(&claims()), ["lib".try_into().unwrap()]);
        let ways = (0..40).fold(new(), |tar, n| {
            tar.symlink(&format!("doc/{n}"), &("./".repeat(45) + &(n + 1).to_string()))
        });
        assert!(
            self::tree(vec![ways.file("doc/40/copyright", "c")])
                .file(&"doc/0/copyright".try_into().unwrap())
                .is_none()
        );
    }

    #[test]
    fn hard_links_within_and_across_layers() {
        let twin = || new().hard_link("doc/b/copyright", "doc/a/copyright");
        let one = || new().file("doc/a/copyright", "a");
        let want = ["doc/a/copyright=a", "doc/b/copyright=a"];
        assert_eq!(show(vec![one().hard_link("doc/b/copyright", "/doc/a/copyright")]), want);
        assert_eq!(show(vec![one(), twin()]), want);
        // The content stays when the other name goes.
        assert_eq!(show(vec![one(), twin(), new().file("doc/.wh.a", "")]), want[1..]);
        let lost = tree(vec![new().file("x", "s").hard_link("lib/db/status", "x")]);
        assert!(lost.files(&claims()).is_empty());
        assert_eq!(lost.unread(&claims()), ["lib/db/status".try_into().unwrap()]);
    }

    #[test]
    fn links_out_of_what_was_kept_are_told() {
        for (name, target) in [("lib/db", "/opt/db"), ("lib", "opt"), ("lib/db/status", "/opt/status")] {
            let found = tree(vec![new().symlink(name, target)]).unread(&claims());
            assert_eq!(found, [ImagePath::try_from(name).unwrap()], "{name}");
        }
        assert_eq!(tree(vec![new().symlink("usr/lib/db", "../../lib/db")]).unread(&claims()), []);
    }

    #[test]
    fn only_links_on_the_way_to_these_claims_matter() {
        let tree = tree(vec![new().symlink("doc/a", "/opt/a")]);
        assert_eq!(tree.unread(&Claims::new(["lib/db/status"])), []);
        assert_eq!(tree.unread(&claims()).len(), 1);
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        assert_eq!(
            show(vec![new().file("doc/a/copyright", "1").file("./doc/a//copyright", "2")]),
            ["doc/a/copyright=2"]
        );
    }
}
