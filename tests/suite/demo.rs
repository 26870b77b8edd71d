//! `plimsoll demo`: the first thing that a new user runs.

use std::fs;

use tempfile::TempDir;

use crate::plimsoll::Plimsoll;

#[test]
fn the_whole_job_ends_with_a_denial_and_its_reason() {
    let run = Plimsoll::new().arg("demo").run().exits(0);
    let verdicts: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("allowed ") || line.starts_with("denied"))
        .collect();
    let [allowed, denied, last] = verdicts.as_slice() else { panic!("{}", run.stdout) };
    assert!(allowed.starts_with("allowed oci:"), "{allowed}");
    assert!(denied.starts_with("denied oci:"), "{denied}");
    assert_eq!(run.stdout.lines().last(), Some(*last));
    assert!(last.contains("it is about sha256:69deb3ac"), "{last}");
    assert!(last.ends_with("(PLM-S04)"), "{last}");
}

/// It shows commands that a user can type: each is run again on what `--keep` left behind.
#[test]
fn what_is_kept_can_be_used_and_is_not_overwritten() {
    let folder = TempDir::new().unwrap();
    let demo = || Plimsoll::new().args(["demo", "--keep", "[DIR]/kept"]).dir(&folder);
    let run = demo().run().exits(0);
    assert!(run.stdout.contains("$ plimsoll verify --policy [DIR]/kept/policy.yaml"), "{}", run.stdout);
    let kept = folder.path().join("kept");
    let dockerfile = fs::read_to_string(kept.join("Dockerfile")).unwrap();
    assert!(
        dockerfile.contains("FROM registry.example.com/harbour/base:1.0@sha256:69deb3ac"),
        "{dockerfile}"
    );
    for file in ["app.spdx.json", "release.key", "release.pub", "policy.yaml", "image/index.json"] {
        assert!(kept.join(file).is_file(), "{file}");
    }
    let good = "oci:[DIR]/kept/image@sha256:69deb3acbc6e23042f8ab64ab78451d8adacb05adc5eea64445e62eb57beb86e";
    Plimsoll::new().args(["verify", "--key", "[DIR]/kept/release.pub", good]).dir(&folder).run().exits(0);
    demo().run().exits(3);
}
