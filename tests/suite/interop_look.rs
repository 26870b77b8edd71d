//! `plimsoll digest`, `ls`, `manifest`, `config` and `blob` say of real registries what crane says.

use std::path::Path;

use crate::peers::{Peers, RealRegistry};
use crate::plimsoll::Plimsoll;
use crate::registry::client;

#[test]
fn real_registries_are_seen_as_crane_sees_them() {
    let Some(peers) = Peers::find("real_registries_are_seen_as_crane_sees_them") else { return };
    let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    for kind in [RealRegistry::Crane, RealRegistry::Docker] {
        let registry = peers.serve(kind);
        let host = registry.host();
        let app = format!("{host}/team/app");
        let pinned = format!("{app}@{}", client::push_layout(host, &layout, "team/app", "1.10"));
        for tag in ["1.9", "1.0"] {
            peers.succeed("crane", &["tag", &pinned, tag]);
        }
        let tagged = format!("{app}:1.9");
        peers.succeed("crane", &["index", "append", "-m", &pinned, "-t", &format!("{app}:multi")]);
        let ours = |args: &[&str]| Plimsoll::new().args(args.iter().copied()).run().exits(0).stdout;
        for (args, theirs) in [
            (&["digest", &tagged][..], &["digest", &tagged][..]),
            (&["manifest", &tagged], &["manifest", &tagged]),
            (&["manifest", &format!("{app}:multi")], &["manifest", &format!("{app}:multi")]),
            (&["config", &tagged], &["config", &tagged]),
        ] {
            assert_eq!(ours(args).trim_end(), peers.succeed("crane", theirs).trim_end(), "{kind:?} {args:?}");
        }
        let mut theirs: Vec<String> =
            peers.succeed("crane", &["ls", &app]).lines().map(str::to_owned).collect();
        let tags = ours(&["ls", &app]);
        assert!(tags.starts_with("1.0\n1.9\n1.10\n"), "{kind:?}: {tags}");
        let mut tags: Vec<String> = tags.lines().map(str::to_owned).collect();
        theirs.sort();
        tags.sort();
        assert_eq!(tags, theirs, "{kind:?}");
        let catalog = peers.succeed("crane", &["catalog", host]);
        let catalog: Vec<String> = catalog.lines().map(|path| format!("{host}/{path}")).collect();
        assert_eq!(ours(&["ls", host]).lines().collect::<Vec<_>>(), catalog, "{kind:?}");
        let config = peers.succeed("crane", &["config", &tagged]);
        let digest = plimsoll::base::Digest::of(config.trim_end_matches('\n').as_bytes());
        let blob = ours(&["blob", &format!("{app}@{digest}")]);
        assert_eq!(blob, peers.succeed("crane", &["blob", &format!("{app}@{digest}")]), "{kind:?}");
    }
}
