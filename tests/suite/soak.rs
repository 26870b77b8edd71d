//! Many at once on a registry that misbehaves on every tenth request: what is said is right, or it is said that it could not be told, and
//! nothing is left lying about.
//!
//! `PLIMSOLL_SOAK` says how many operations; a few hundred without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use plimsoll::base::Digest;
use plimsoll::crypto::PrivateKey;
use plimsoll::sign;
use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Referrers, Registry, client};

/// Operations without the variable: enough that every fault meets every verb now and then.
const OPERATIONS: usize = 300;
const AT_ONCE: usize = 16;
/// Kinds of operations, each as often as any other.
const KINDS: usize = 20;
/// Bytes of a blob that goes in two chunks, and of which enough arrives before it breaks off to count as moving on.
const LARGE: usize = 6 << 20;

/// Two registries, one with and one without a referrers API, each with a signed image `app:1.0`, another `app:bare` that nobody signed, and
/// `crowd:1.0`, to which everybody attaches. `large:1.0` has a layer that no registry takes in one piece. `[DIR]/layout` is the signed image.
struct Sea {
    on: Registry,
    off: Registry,
    folder: TempDir,
    image: Digest,
    large: Large,
    bundles: Vec<Digest>,
    /// What the verbs say when nothing goes wrong.
    truth: Truth,
}

#[derive(Default)]
struct Truth {
    catalogue: String,
    tree: String,
    tags: String,
    config: String,
}

/// An image, and its layer.
struct Large {
    image: Digest,
    layer: Digest,
}

impl Large {
    fn put(registry: &Registry) -> Self {
        let config = registry.put_blob("large", b"{}");
        let mut dice = 1_u64;
        let bytes = std::iter::repeat_with(|| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            dice.to_le_bytes()
        });
        let bytes: Vec<u8> = bytes.take(LARGE / 8).flatten().collect();
        let layer = registry.put_blob("large", &bytes);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": kind,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config.to_string(), "size": 2 },
            "layers": [{ "mediaType": "application/octet-stream", "digest": layer.to_string(), "size": LARGE }],
        });
        Self { image: registry.put_manifest("large", "1.0", kind, manifest.to_string().as_bytes()), layer }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// With the right answer.
    Right,
    /// With the word that there is none.
    Honest,
}

impl Sea {
    fn new(operations: usize) -> Self {
        let [on, off] =
            [Referrers::On, Referrers::Off].map(|kind| Registry::builder().referrers(kind).start());
        let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
        let folder = TempDir::new().unwrap();
        for name in ["tmp", "out", "cache"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let [ours, theirs] = ["ours", "theirs"].map(|name| {
            let key = PrivateKey::generate().unwrap();
            fs::write(folder.path().join(format!("{name}.pub")), key.public().to_pem()).unwrap();
            key
        });
        let image = on.push_layout(&layout, "app", "1.0");
        let (kind, bytes) = on.manifest("app", "1.0").unwrap();
        let mut bare: Value = serde_json::from_slice(&bytes).unwrap();
        bare["annotations"] = serde_json::json!({ "signed": "by nobody" });
        on.put_manifest("app", "bare", &kind, bare.to_string().as_bytes());
        for registry in [&on, &off] {
            registry.push_layout(&layout, "crowd", "1.0");
        }
        let signature =
            sign::image_signature("", image, &Default::default()).unwrap().signed_by(&ours).unwrap();
        fs::write(folder.path().join("signature.json"), &signature.bundle).unwrap();
        let bundles = (0..operations).map(|number| {
            let predicate = format!("{{\"number\":{number}}}");
            let unsigned =
                sign::attestation("", image, "https://example.com/p", predicate.as_bytes()).unwrap();
            let bundle = unsigned.signed_by(&theirs).unwrap().bundle;
            let digest = Digest::of(bundle.as_ref());
            fs::write(folder.path().join(format!("{number}.json")), bundle).unwrap();
            digest
        });
        let bundles = bundles.collect();
        let large = Large::put(&on);
        let mut sea = Self { on, off, folder, image, large, bundles, truth: Truth::default() };
        sea.run(&["attach", "--bundle", "[DIR]/signature.json", "[ON]/app:1.0"]).exits(0);
        sea.run(&["copy", "[ON]/app:1.0", "oci:[DIR]/layout:1.0"]).exits(0);
        let catalogue = sea.run(&["sbom", "[ON]/app:1.0"]).exits(0).stdout;
        let tree = sea.run(&["tree", "[ON]/app:1.0"]).exits(0).stdout;
        assert!(catalogue.contains("base-files") && tree.contains("signature, sha256:"), "{catalogue}{tree}");
        let tags = sea.run(&["ls", "[ON]/app"]).exits(0).stdout;
        let config = sea.run(&["config", "[ON]/app:1.0"]).exits(0).stdout;
        assert!(tags.starts_with("1.0\nbare\n") && config.contains("diff_ids"), "{tags}{config}");
        sea.truth = Truth { catalogue, tree, tags, config };
        sea
    }

    /// From now on every tenth request goes wrong, each way of going wrong about as often as any other.
    fn misbehave(&self) {
        for (at, registry) in [&self.on, &self.off].into_iter().enumerate() {
            let ways = [
                ("* *", Mode::Status(500, "UNKNOWN")),
                ("* *", Mode::Status(503, "UNAVAILABLE")),
                ("* *", Mode::TooMany("0".to_owned())),
                ("* *", Mode::TooMany("1".to_owned())),
                ("* *", Mode::Hangup),
                ("* *", Mode::Lost),
                ("* *", Mode::Delay(Duration::from_millis(20))),
                ("GET *", Mode::Truncated(0)),
                ("GET *", Mode::Truncated(100)),
                ("GET /v2/*/manifests/*", Mode::wrong_digest_header()),
                // What a digest names can be seen to be something else; a lie about a tag or a list cannot.
                ("GET /v2/*/manifests/sha256:*", Mode::Substitute(b"{}".to_vec())),
                ("GET /v2/*/blobs/*", Mode::FlipByte(50)),
                ("GET /v2/*/blobs/*", Mode::Trailing(b"more".to_vec())),
                ("GET /v2/*/blobs/*", Mode::IgnoreRange),
                ("GET /v2/large/blobs/*", Mode::Truncated(LARGE / 2)),
            ];
            for (number, (pattern, mode)) in ways.into_iter().enumerate() {
                let seed = (at * 100 + number) as u64;
                let one_in = match pattern {
                    _ if pattern.contains("large") => 3,
                    _ if pattern.starts_with("*") => 120,
                    _ => 60,
                };
                registry.fault(Fault::on(pattern, mode).one_in(one_in, seed));
            }
            registry.fault(Fault::on("* /v2/sent/*", Mode::AtMost(LARGE - 1)));
        }
    }

    fn run(&self, args: &[&str]) -> Run {
        let (on, off) = (self.on.host(), self.off.host());
        let fill = |arg: &&str| arg.replace("[ON]", &on).replace("[OFF]", &off);
        let tool = Plimsoll::new().dir(&self.folder).args(args.iter().map(fill));
        tool.env("TMPDIR", "[DIR]/tmp").env("XDG_CACHE_HOME", "[DIR]/cache").run()
    }

    /// The operation of this number: it ends right or honestly, or the test ends here.
    fn operate(&self, number: usize) -> End {
        let (name, key) = (format!("n{number}"), |key: &str| format!("[DIR]/{key}.pub"));
        let (kind, round) = (number % KINDS, number / KINDS);
        let fresh = if round.is_multiple_of(2) { &["--no-cache"][..] } else { &[] };
        let is_other = round % 4 > 1;
        let run = |args: &[&str]| self.run(&[args, fresh].concat());
        let is = |right: bool, run: &Run| {
            assert!(right, "operation {number} says what is not so: {run:?}");
        };
        match kind {
            0 => self.judge(run(&["resolve", "[ON]/app:1.0"]), 0, |run| {
                is(run.stdout.trim_end() == format!("{}@{}", self.on.repository("app:1.0"), self.image), run);
            }),
            1 | 2 => self.judge(run(&["sbom", "[ON]/app:1.0"]), 0, |run| {
                is(run.stdout == self.truth.catalogue, run);
            }),
            3 => self.judge(run(&["tree", "[ON]/app:1.0"]), 0, |run| is(run.stdout == self.truth.tree, run)),
            4 => self.judge(run(&["verify", "--key", &key("ours"), "[ON]/app:1.0"]), 0, |_| {}),
            5 => self.judge(run(&["verify", "--key", &key("theirs"), "[ON]/app:1.0"]), 1, |_| {}),
            6 => self.judge(run(&["verify", "--key", &key("ours"), "[ON]/app:bare"]), 1, |_| {}),
            7 | 8 => {
                let host = if kind == 7 { "[ON]" } else { "[OFF]" };
                let bundle = format!("[DIR]/{number}.json");
                self.judge(run(&["attach", "--bundle", &bundle, &format!("{host}/crowd:1.0")]), 0, |_| {})
            }
            9 => {
                let from = if is_other { "[ON]/app:1.0" } else { "oci:[DIR]/layout:1.0" };
                let run = run(&["copy", from, &format!("[ON]/copy/{name}:1.0")]);
                self.judge(run, 0, |run| {
                    let there = |reference: &str| self.on.manifest(&format!("copy/{name}"), reference);
                    is(there(&self.image.to_string()).is_some() && there("1.0").is_some(), run);
                })
            }
            10 => {
                let run = run(&["copy", "[ON]/app:1.0", &format!("oci:[DIR]/out/{name}:1.0")]);
                self.judge(run, 0, |run| is(self.is_whole(&format!("oci:[DIR]/out/{name}:1.0")), run))
            }
            11 if is_other => {
                let run = run(&["copy", "[ON]/app:1.0", &format!("oci-archive:[DIR]/out/{name}.tar:1.0")]);
                self.judge(run, 0, |run| {
                    is(self.is_whole(&format!("oci-archive:[DIR]/out/{name}.tar:1.0")), run)
                })
            }
            12 => self.judge(run(&["digest", "[ON]/app:1.0"]), 0, |run| {
                is(run.stdout == format!("{}\n", self.image), run);
            }),
            13 => self.judge(run(&["manifest", "[ON]/app:1.0"]), 0, |run| {
                is(Digest::of(run.stdout.as_bytes()) == self.image, run);
            }),
            14 => self
                .judge(run(&["config", "[ON]/app:1.0"]), 0, |run| is(run.stdout == self.truth.config, run)),
            15 if is_other => self.judge(run(&["ls", "[ON]"]), 0, |run| {
                let there = |name: &str| run.stdout.lines().any(|line| line.ends_with(name));
                is(there("/app") && there("/crowd") && there("/large"), run);
            }),
            15 => self.judge(run(&["ls", "[ON]/app"]), 0, |run| is(run.stdout == self.truth.tags, run)),
            16 | 17 => self.fetch_large(number, fresh),
            18 => self.send_large(number, fresh),
            // Somebody tidies up while others read.
            _ => self.judge(self.run(&["cache", "--clear"]), 0, |_| {}),
        }
    }

    /// A blob into a file: whole, or not there.
    fn fetch_large(&self, number: usize, fresh: &[&str]) -> End {
        let (file, blob) = (format!("out/{number}.blob"), format!("[ON]/large@{}", self.large.layer));
        let path = self.folder.path().join(&file);
        let run = self.run(&[&["blob", "-o", &format!("[DIR]/{file}"), &blob], fresh].concat());
        let end = self.judge(run, 0, |run| {
            assert_eq!(
                Digest::of(&fs::read(&path).unwrap()),
                self.large.layer,
                "operation {number}: {run:?}"
            );
        });
        assert_eq!(path.exists(), end == End::Right, "operation {number}");
        fs::remove_file(path).ok();
        end
    }

    /// Into the other registry, or into another repository that cannot mount: what is there under its tag is whole.
    fn send_large(&self, number: usize, fresh: &[&str]) -> End {
        let repository = format!("sent/n{number}");
        let to = format!("[OFF]/{repository}:1.0");
        let end = self.judge(self.run(&[&["copy", "[ON]/large:1.0", &to], fresh].concat()), 0, |run| {
            assert!(self.off.manifest(&repository, "1.0").is_some(), "operation {number}: {run:?}");
        });
        let is_there = self.off.manifest(&repository, "1.0").is_some();
        let blob = self.off.blob(&repository, self.large.layer);
        assert!(!is_there || blob.is_some_and(|blob| Digest::of(&blob) == self.large.layer), "{number}");
        let image = self.off.manifest(&repository, &self.large.image.to_string());
        assert!(end != End::Right || image.is_some(), "operation {number}");
        // It would add up.
        self.off.restore(&repository, &Default::default());
        end
    }

    /// The right answer has this code, and what is said with it is right; everything else is an error that says so.
    fn judge(&self, run: Run, right: i32, check: impl FnOnce(&Run)) -> End {
        if run.code == right {
            check(&run);
            return End::Right;
        }
        assert_eq!(run.code, 3, "{run:?}");
        // As an error; a tree and a verdict say it where the answer would be.
        let said = run.stderr.contains("plimsoll: error: ") || run.stdout.contains(" ? ");
        assert!(said && !run.stderr.contains("panicked"), "{run:?}");
        End::Honest
    }

    /// Whether a copy is the image with its signature, without any registry.
    fn is_whole(&self, place: &str) -> bool {
        let verify = ["--offline", "verify", "--key", "[DIR]/ours.pub", place];
        self.run(&verify).code == 0 && self.run(&["--offline", "sbom", place]).code == 0
    }

    /// The manifests that are listed as being about `crowd:1.0`, as they stand in the registry.
    fn attached(&self, registry: &Registry) -> String {
        let list = client::ask(&registry.host(), &format!("GET /v2/crowd/referrers/{}", self.image), "", b"");
        let list = match list.status {
            200 => list.body,
            _ => registry.manifest("crowd", &self.image.to_string().replace(':', "-")).unwrap().1,
        };
        let list: Value = serde_json::from_slice(&list).unwrap();
        let manifest =
            |entry: &Value| registry.manifest("crowd", entry["digest"].as_str().unwrap()).unwrap().1;
        let manifests = list["manifests"].as_array().unwrap().iter().map(manifest);
        manifests.map(|manifest| String::from_utf8(manifest).unwrap()).collect()
    }
}

#[test]
fn every_answer_is_right_or_none_and_nothing_is_left_over() {
    let operations = std::env::var("PLIMSOLL_SOAK").map_or(OPERATIONS, |text| text.parse().unwrap());
    let sea = Sea::new(operations);
    let asked_before = sea.on.requests().len() + sea.off.requests().len();
    sea.misbehave();
    let next = AtomicUsize::new(0);
    let ends: Vec<(usize, End)> = thread::scope(|scope| {
        let work = || {
            let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            let mine = numbers.take_while(|number| *number < operations);
            mine.map(|number| (number, sea.operate(number))).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let asked = sea.on.requests().len() + sea.off.requests().len() - asked_before;
    let struck = sea.on.struck() + sea.off.struck();
    for registry in [&sea.on, &sea.off] {
        registry.behave();
    }
    let begun_again = |request: &crate::registry::Request| {
        request.path().starts_with("/v2/large/blobs/") && request.header("range").is_some()
    };
    assert!(sea.on.requests().iter().any(begun_again), "no large blob broke off");
    assert!(sea.off.request_lines().iter().any(|line| line.starts_with("PATCH ")), "nothing went in chunks");
    let right = ends.iter().filter(|(_, end)| *end == End::Right).count();
    eprint_figures(operations, right, asked, struck);
    assert_eq!(ends.len(), operations);
    assert!(struck * 100 >= asked * 7, "{struck} of {asked} requests: hardly a storm");
    assert!(right * 2 > operations && right < operations, "{right} of {operations} ended right");
    // Whoever was told that it is attached finds it there.
    for (registry, kind) in [(&sea.on, 7), (&sea.off, 8)] {
        let listed = sea.attached(registry);
        for (number, _) in ends.iter().filter(|(number, end)| number % KINDS == kind && *end == End::Right) {
            assert!(listed.contains(&sea.bundles[*number].to_string()), "{number} is not listed");
        }
    }
    nothing_is_left(sea.folder.path());
}

#[expect(clippy::print_stderr, reason = "figures for whoever asks for them with --nocapture")]
fn eprint_figures(operations: usize, right: usize, asked: usize, struck: usize) {
    eprintln!("soak: {operations} operations, {right} right, {asked} requests, {struck} of them went wrong");
}

/// No temporary file anywhere, and every blob is what its name says.
fn nothing_is_left(root: &Path) {
    for empty in ["tmp", "cache/plimsoll/coming"] {
        assert_eq!(names(&root.join(empty)), [""; 0], "{empty}");
    }
    for name in names(&root.join("out")) {
        let place = root.join("out").join(&name);
        if place.is_dir() {
            for part in names(&place) {
                assert!(["blobs", "index.json", "oci-layout"].contains(&part.as_str()), "{name}/{part}");
            }
            blobs_are_right(&place.join("blobs"));
        } else {
            assert!(name.ends_with(".tar"), "{name}");
        }
    }
    blobs_are_right(&root.join("cache/plimsoll/blobs"));
}

fn blobs_are_right(folder: &Path) {
    for path in names(&folder.join("sha256")).iter().map(|name| folder.join("sha256").join(name)) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(Digest::of(&fs::read(&path).unwrap()).hex(), name, "{}", path.display());
    }
}

/// What a folder holds; nothing if it is not there.
fn names(folder: &PathBuf) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
