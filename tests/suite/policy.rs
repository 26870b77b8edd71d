//! Every verdict, with real signatures: one case per way of being wrong.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use plimsoll::base::{Checked, Digest, Platform, Repository, Timestamp};
use plimsoll::crypto::PrivateKey;
use plimsoll::format::policy::UnvalidatedPolicy;
use plimsoll::format::statement::{CYCLONEDX, SPDX};
use plimsoll::policy::{
    Case, Certainty, Decision, Demand, Evidence, Finding, Found, Gap, Ground, Node, PlatformImage, Policy,
    Request, Ruling, Wants, decide,
};
use plimsoll::sign;
use plimsoll::verify::{Candidate, Content, Origin, Signer};

const NAME: &str = "registry.example.com/team/app";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

struct Keys {
    a: PrivateKey,
    b: PrivateKey,
    c: PrivateKey,
    stranger: PrivateKey,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let new = || PrivateKey::generate().unwrap();
    Keys { a: new(), b: new(), c: new(), stranger: new() }
});

fn image() -> Digest {
    Digest::of(b"image")
}

fn now() -> Timestamp {
    "2026-11-23T20:40:00Z".parse().unwrap()
}

/// A policy with the signers a, b and c, and these other parts.
fn policy(signer_a: &str, rest: &str) -> Policy {
    let pem = |key: &PrivateKey| serde_json::Value::from(key.public().to_pem()).to_string();
    let text = format!(
        "version: plimsoll.trust/v1\nname: test\nrevision: 1\nexpires: 2027-06-01T00:00:00Z\nsigners:\n  a: {{key: {{pem: {}}}{signer_a}}}\n  b: {{key: {{pem: {}}}}}\n  c: {{key: {{pem: {}}}}}\n{rest}",
        pem(&KEYS.a),
        pem(&KEYS.b),
        pem(&KEYS.c),
    );
    let parsed =
        UnvalidatedPolicy::parse(&text).unwrap_or_else(|error| panic!("{:?}\n{text}", error.problems()));
    parsed
        .validate(&|_| Err(std::io::Error::other("no files")))
        .unwrap_or_else(|error| panic!("{:?}\n{text}", error.problems()))
}

fn require(what: &str) -> Policy {
    policy("", &format!("rules:\n  - name: ours\n    images: [\"{NAME}\"]\n    require: {{{what}}}\n"))
}

fn request() -> Request {
    Request {
        repository: Some(NAME.parse().unwrap()),
        tag: Some("v1.2".parse().unwrap()),
        written: None,
        digest: image(),
        revocable: Vec::new(),
        platforms: Vec::new(),
    }
}

fn found(about: Digest, origin: Origin, content: Content) -> Found {
    Found { about, candidate: Candidate { origin, digest: Digest::of(b"candidate"), content } }
}

fn signature_of(about: Digest, name: &str, annotations: &[(&str, &str)], key: &PrivateKey) -> Content {
    let annotations: BTreeMap<String, String> =
        annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let bundle = sign::image_signature(name, about, &annotations).unwrap().signed_by(key).unwrap();
    Content::from_bundle(&Checked::of(bundle.bundle))
}

fn signed(key: &PrivateKey) -> Found {
    found(image(), Origin::ReferrersApi, signature_of(image(), NAME, &[], key))
}

fn attested(about: Digest, predicate_type: &str, predicate: &str, key: &PrivateKey) -> Found {
    let bundle =
        sign::attestation(NAME, about, predicate_type, predicate.as_bytes()).unwrap().signed_by(key).unwrap();
    found(about, Origin::ReferrersApi, Content::from_bundle(&Checked::of(bundle.bundle)))
}

fn legacy_signed(name: &str, about: Digest, key: &PrivateKey) -> Found {
    let layer = sign::legacy_signature(name, about, &BTreeMap::new()).signed_by(key).unwrap();
    let content = Content::from_signature_layer(Checked::of(layer.content), &layer.annotations);
    found(image(), Origin::SignatureTag, content)
}

fn legacy_attested(predicate_type: &str, predicate: &str, key: &PrivateKey) -> Found {
    let layer = sign::legacy_attestation(NAME, image(), predicate_type, predicate.as_bytes())
        .unwrap()
        .signed_by(key)
        .unwrap();
    found(
        image(),
        Origin::AttestationTag,
        Content::from_attestation_layer(&Checked::of(layer.content), &layer.annotations),
    )
}

/// `allowed`, `denied CODE…` or `unknown CODE…`, and then the codes of refused candidates in order.
fn told(decision: &Decision) -> String {
    let mut out = match decision.ruling() {
        Ruling::Allow { .. } => "allowed".to_owned(),
        Ruling::Deny { reasons, certainty } => {
            let codes: Vec<&str> = reasons.iter().map(|reason| reason.code).collect();
            let word = if *certainty == Certainty::Final { "denied" } else { "unknown" };
            format!("{word} {}", codes.join(" "))
        }
    };
    for report in decision.nodes().iter().flat_map(|node| &node.reports) {
        if let Finding::Refused { code, .. } = &report.finding {
            out.push_str(&format!(" /{code}"));
        }
    }
    out
}

fn ask(policy: &Policy, found: Vec<Found>) -> String {
    told(&decide(policy, &request(), &Evidence { found, gaps: Vec::new() }, now()))
}

#[test]
fn signatures() {
    let Keys { a, b, stranger, .. } = &*KEYS;
    let demand = require("signature: {by: a}");
    let other = Digest::of(b"other image");
    let unreadable =
        || found(image(), Origin::FallbackTag, Content::Unreadable { reason: "gzip".to_owned() });
    for (what, evidence, want) in [
        ("signed", vec![signed(a)], "allowed"),
        ("signed, older format", vec![legacy_signed(NAME, image(), a)], "allowed"),
        (
            "no name inside",
            vec![found(image(), Origin::ReferrersApi, signature_of(image(), "", &[], a))],
            "allowed",
        ),
        ("not signed", vec![], "denied PLM-E01"),
        ("other key", vec![signed(b)], "denied PLM-E03 /PLM-S02"),
        ("other key, older format", vec![legacy_signed(NAME, image(), b)], "denied PLM-E03 /PLM-S01"),
        (
            "other image",
            vec![found(image(), Origin::ReferrersApi, signature_of(other, NAME, &[], a))],
            "denied PLM-E03 /PLM-S04",
        ),
        ("other image, older format", vec![legacy_signed(NAME, other, a)], "denied PLM-E03 /PLM-S04"),
        ("found beside another image", vec![Found { about: other, ..signed(a) }], "denied PLM-E01"),
        ("an attestation only", vec![attested(image(), VULN, "{}", a)], "denied PLM-E03 /PLM-S05"),
        ("an SBOM only", vec![attested(image(), SPDX, "{}", a)], "denied PLM-E03 /PLM-S05"),
        (
            "an attestation only, older format",
            vec![legacy_attested(VULN, "{}", a)],
            "denied PLM-E03 /PLM-S05",
        ),
        ("unreadable only", vec![unreadable()], "denied PLM-E03 /PLM-S13"),
        (
            "strangers hide nothing",
            vec![unreadable(), signed(stranger), signed(a), signed(b)],
            "allowed /PLM-S13 /PLM-S02 /PLM-S02",
        ),
    ] {
        assert_eq!(ask(&demand, evidence), want, "{what}");
    }
}

/// Evidence that comes in parts is decided on as if it had come at once, and by the end what was found out before has been used.
#[test]
fn a_case_ends_as_a_decision_on_all_of_it() {
    let Keys { a, b, stranger, .. } = &*KEYS;
    let demand = require(&format!(
        "signature: {{by: {{all: [a, b]}}}}, attestations: [{{type: \"{VULN}\", by: a}}, {{type: \"{VULN}\", by: {{any: [b, a]}}}}]"
    ));
    let parts = [
        vec![
            signed(stranger),
            found(image(), Origin::FallbackTag, Content::Unreadable { reason: "gzip".into() }),
        ],
        vec![signed(a), attested(image(), SPDX, "{}", a)],
        vec![Found { about: Digest::of(b"other"), ..signed(b) }],
        vec![legacy_signed(NAME, image(), b), attested(image(), VULN, "{}", a)],
    ];
    let mut case = Case::new(&demand, now());
    let (mut all, mut last) = (Vec::new(), String::new());
    for part in parts {
        all.extend(part.clone());
        case.add(Evidence { found: part, gaps: Vec::new() });
        let (decision, whole) = (case.decide(&request()), ask(&demand, all.clone()));
        assert_eq!(told(&decision), whole);
        assert_eq!(told(&case.decide(&request())), whole);
        last = whole;
    }
    assert!(last.starts_with("allowed "), "{last}");
    case.add(Evidence { found: Vec::new(), gaps: vec![Gap { what: "x".into(), reason: "y".into() }] });
    assert!(told(&case.decide(&request())).contains("PLM-E02"));
}

#[test]
fn thresholds_count_keys() {
    let Keys { a, b, c, stranger } = &*KEYS;
    for (by, evidence, want) in [
        ("{threshold: 2, of: [a, b, c]}", vec![signed(a), signed(c)], "allowed"),
        ("{threshold: 2, of: [a, b, c]}", vec![signed(a)], "denied PLM-E04"),
        // Two signatures, two formats, one key.
        (
            "{threshold: 2, of: [a, b, c]}",
            vec![signed(a), signed(a), legacy_signed(NAME, image(), a)],
            "denied PLM-E04",
        ),
        ("{threshold: 2, of: [a, b]}", vec![signed(a), signed(c)], "denied PLM-E04 /PLM-S02"),
        ("{threshold: 2, of: [a, b]}", vec![signed(a), signed(stranger)], "denied PLM-E04 /PLM-S02"),
        ("{threshold: 1, of: [a, b]}", vec![signed(b)], "allowed"),
        ("{all: [a, b]}", vec![signed(a)], "denied PLM-E04"),
        ("{all: [a, b]}", vec![signed(b), signed(a)], "allowed"),
        ("{any: [a, b]}", vec![signed(b)], "allowed"),
        ("{any: [a, b]}", vec![signed(c)], "denied PLM-E03 /PLM-S02"),
    ] {
        let demand = require(&format!("signature: {{by: {by}}}"));
        assert_eq!(ask(&demand, evidence), want, "{by}");
    }
}

#[test]
fn identity_and_annotations_are_inside_the_signature() {
    let a = &KEYS.a;
    let named = |name: &str| vec![found(image(), Origin::ReferrersApi, signature_of(image(), name, &[], a))];
    let strict = require("signature: {by: a}");
    let loose = require("signature: {by: a, identity: ignore}");
    for (name, want) in [
        (NAME, "allowed"),
        ("registry.example.com/team/app:v1", "allowed"),
        ("registry.example.com/team/other", "denied PLM-E03 /PLM-I01"),
        ("mirror.example.com/team/app", "denied PLM-E03 /PLM-I01"),
        ("registry.example.com/team/app/x", "denied PLM-E03 /PLM-I01"),
        ("not a name", "denied PLM-E03 /PLM-I01"),
    ] {
        assert_eq!(ask(&strict, named(name)), want, "{name}");
        assert_eq!(ask(&loose, named(name)), "allowed", "{name}");
    }
    assert_eq!(
        ask(&strict, vec![legacy_signed("mirror.example.com/team/app", image(), a)]),
        "denied PLM-E03 /PLM-I01"
    );

    let annotated = |pairs| vec![found(image(), Origin::ReferrersApi, signature_of(image(), NAME, pairs, a))];
    let demand = require("signature: {by: a, annotations: {env: prod, team: x}}");
    for (pairs, want) in [
        (&[("env", "prod"), ("team", "x"), ("more", "y")][..], "allowed"),
        (&[("env", "prod")], "denied PLM-E03 /PLM-A01"),
        (&[("env", "test"), ("team", "x")], "denied PLM-E03 /PLM-A01"),
        (&[], "denied PLM-E03 /PLM-A01"),
    ] {
        assert_eq!(ask(&demand, annotated(pairs)), want, "{pairs:?}");
    }
}

#[test]
fn docker_hub_has_one_name() {
    let rest = "rules:\n  - name: hub\n    images: [\"docker.io/library/debian\"]\n    require: {signature: {by: a}}\n";
    let request = Request { repository: Some("debian".parse().unwrap()), ..request() };
    for name in [
        "index.docker.io/library/debian",
        "docker.io/library/debian",
        "debian",
        "registry-1.docker.io/library/debian",
    ] {
        let evidence = Evidence {
            found: vec![found(image(), Origin::ReferrersApi, signature_of(image(), name, &[], &KEYS.a))],
            gaps: Vec::new(),
        };
        assert_eq!(told(&decide(&policy("", rest), &request, &evidence, now())), "allowed", "{name}");
    }
}

#[test]
fn keys_have_an_end() {
    let rules = format!(
        "rules:\n  - name: ours\n    images: [\"{NAME}\"]\n    require: {{signature: {{by: {{any: [a, b]}}}}}}\n"
    );
    let fingerprint = KEYS.a.public().fingerprint();
    for (signer, more, want) in [
        (", not_before: 2026-01-01T00:00:00Z, not_after: 2027-01-01T00:00:00Z", String::new(), "allowed"),
        (", not_after: 2026-11-23T20:40:00Z", String::new(), "allowed"),
        (", not_after: 2026-11-23T20:39:59Z", String::new(), "denied PLM-E03 /PLM-K02"),
        (", not_before: 2026-11-23T20:40:00Z", String::new(), "allowed"),
        (", not_before: 2026-11-23T20:40:01Z", String::new(), "denied PLM-E03 /PLM-K01"),
        (
            "",
            "revoked: [{signer: a, reason: lost laptop, at: 2026-01-01T00:00:00Z}]".to_owned(),
            "denied PLM-E03 /PLM-K03",
        ),
        // Without a proven time nobody knows on which side of the moment a signature is.
        (
            "",
            "revoked: [{signer: a, reason: lost laptop, at: 2028-01-01T00:00:00Z}]".to_owned(),
            "denied PLM-E03 /PLM-K03",
        ),
        (
            "",
            format!(
                "revoked: [{{key_fingerprint: \"{fingerprint}\", reason: lost laptop, at: 2026-01-01T00:00:00Z}}]"
            ),
            "denied PLM-E03 /PLM-K03",
        ),
        ("", "revoked: [{signer: b, reason: lost laptop, at: 2026-01-01T00:00:00Z}]".to_owned(), "allowed"),
        (
            "",
            format!("revoked: [{{digest: \"{}\", reason: recalled, at: 2026-01-01T00:00:00Z}}]", image()),
            "denied PLM-K04",
        ),
        (
            "",
            format!(
                "revoked: [{{digest: \"{}\", reason: recalled, at: 2026-01-01T00:00:00Z}}]",
                Digest::of(b"x")
            ),
            "allowed",
        ),
    ] {
        let policy = policy(signer, &format!("{rules}{more}\n"));
        assert_eq!(ask(&policy, vec![signed(&KEYS.a)]), want, "{signer} {more}");
    }
}

#[test]
fn a_revoked_image_is_not_allowed_by_way_of_its_index() {
    let recalled = Digest::of(b"recalled");
    let policy = |digest| {
        let rules = format!(
            "rules:\n  - {{name: ours, images: [\"{NAME}\"], require: {{signature: {{by: a}}}}}}\nrevoked: [{{digest: \"{digest}\", reason: recalled, at: 2026-01-01T00:00:00Z}}]\n"
        );
        policy("", &rules)
    };
    let evidence = Evidence { found: vec![signed(&KEYS.a)], gaps: Vec::new() };
    for (revocable, want) in [
        (vec![], "allowed"),
        (vec![Digest::of(b"other")], "allowed"),
        (vec![Digest::of(b"other"), recalled], "denied PLM-K04"),
    ] {
        let request = Request { revocable, ..request() };
        let decision = decide(&policy(recalled), &request, &evidence, now());
        assert_eq!(told(&decision), want);
        assert_eq!(decision.wants(), Wants::Nothing);
    }
    assert!(policy(recalled).revokes_images());
    assert!(!require("signature: {by: a}").revokes_images());
}

#[test]
fn policies_have_a_span() {
    let evidence = Evidence { found: vec![signed(&KEYS.a)], gaps: Vec::new() };
    let demand = policy(
        "",
        &format!(
            "not_before: 2026-11-01T00:00:00Z\nrules:\n  - name: ours\n    images: [\"{NAME}\"]\n    require: {{signature: {{by: a}}}}\n"
        ),
    );
    for (time, want) in [
        ("2026-10-31T23:59:59Z", "denied PLM-P02"),
        ("2026-11-01T00:00:00Z", "allowed"),
        ("2027-06-01T00:00:00Z", "allowed"),
        ("2027-06-01T00:00:01Z", "denied PLM-P03"),
        ("1970-01-01T00:00:00Z", "denied PLM-P02"),
    ] {
        let decision = decide(&demand, &request(), &evidence, time.parse().unwrap());
        assert_eq!(told(&decision), want, "{time}");
        assert_eq!(decision.wants(), Wants::Nothing, "{time}");
    }
}

#[test]
fn the_most_specific_rule_decides_and_nothing_else_allows() {
    let rules = r#"
rules:
  - {name: all, images: ["registry.example.com/**"], require: {signature: {by: a}}}
  - {name: team, images: ["registry.example.com/team/**"], except: ["registry.example.com/team/open"], require: {signature: {by: b}}}
  - {name: wild, images: ["*.example.com/team/app"], require: {signature: {by: c}}}
  - {name: bad, images: ["registry.example.com/team/bad"], deny: {reason: recalled for good}}
  - {name: old, images: ["registry.example.com/old"], allow_unverified: {reason: not ours, expires: 2026-11-23T20:39:59Z}}
  - {name: free, images: ["registry.example.com/free"], allow_unverified: {reason: not ours, expires: 2027-01-01T00:00:00Z}}
  - name: one
    images: ["registry.example.com/one"]
    allow_unverified: {reason: not ours, expires: 2027-01-01T00:00:00Z, digests: ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]}
"#;
    let policy = policy("", rules);
    for (name, key, rule, want) in [
        ("registry.example.com/x", &KEYS.a, Some("all"), "allowed"),
        ("registry.example.com/team/app", &KEYS.b, Some("team"), "allowed"),
        ("registry.example.com/team/app", &KEYS.a, Some("team"), "denied PLM-E03 /PLM-S02"),
        ("registry.example.com/team/open", &KEYS.a, Some("all"), "allowed"),
        ("mirror.example.com/team/app", &KEYS.c, Some("wild"), "allowed"),
        ("registry.example.com/team/bad", &KEYS.b, Some("bad"), "denied PLM-R02"),
        ("registry.example.com/old", &KEYS.a, Some("old"), "denied PLM-R03"),
        ("registry.example.com/free", &KEYS.stranger, Some("free"), "allowed"),
        ("registry.example.com/one", &KEYS.a, Some("one"), "denied PLM-R04"),
        ("other.org/x", &KEYS.a, None, "denied PLM-R01"),
        ("debian", &KEYS.a, None, "denied PLM-R01"),
    ] {
        let repository: Repository = name.parse().unwrap();
        let content = signature_of(image(), name, &[], key);
        let evidence =
            Evidence { found: vec![found(image(), Origin::ReferrersApi, content)], gaps: Vec::new() };
        let request = Request { repository: Some(repository), ..request() };
        let decision = decide(&policy, &request, &evidence, now());
        assert_eq!((decision.rule(), told(&decision).as_str()), (rule, want), "{name}");
    }
    let nameless = Request { repository: None, ..request() };
    assert_eq!(told(&decide(&policy, &nameless, &Evidence::default(), now())), "denied PLM-R01");
}

#[test]
fn the_baseline_is_demanded_of_every_rule() {
    let rules = |ruling: &str| {
        format!(
            "baseline: {{reference: {{digest: true}}, signature: {{by: b}}}}\nrules:\n  - name: ours\n    images: [\"{NAME}\"]\n    {ruling}\n"
        )
    };
    let pinned = Request { written: Some(image()), ..request() };
    for (ruling, evidence, request, want) in [
        (
            "require: {signature: {by: a}}",
            vec![signed(&KEYS.a), signed(&KEYS.b)],
            pinned.clone(),
            "allowed /PLM-S02 /PLM-S02",
        ),
        ("require: {signature: {by: a}}", vec![signed(&KEYS.a)], pinned.clone(), "denied PLM-E03 /PLM-S02"),
        (
            "require: {signature: {by: a}}",
            vec![signed(&KEYS.a), signed(&KEYS.b)],
            request(),
            "denied PLM-N01 /PLM-S02 /PLM-S02",
        ),
        (
            "allow_unverified: {reason: because, expires: 2027-01-01T00:00:00Z}",
            vec![],
            pinned.clone(),
            "denied PLM-E01",
        ),
        (
            "allow_unverified: {reason: because, expires: 2027-01-01T00:00:00Z}",
            vec![signed(&KEYS.b)],
            pinned,
            "allowed",
        ),
    ] {
        let evidence = Evidence { found: evidence, gaps: Vec::new() };
        assert_eq!(told(&decide(&policy("", &rules(ruling)), &request, &evidence, now())), want, "{ruling}");
    }
}

#[test]
fn references() {
    let evidence = Evidence { found: vec![signed(&KEYS.a)], gaps: Vec::new() };
    for (demand, tag, want) in [
        ("tags: [\"v*\"]", Some("v1.2"), "allowed"),
        ("tags: [\"v*\"]", Some("w1"), "denied PLM-N02"),
        ("tags: [\"v*\"]", None, "denied PLM-N02"),
        ("forbid_tags: [latest]", Some("v1"), "allowed"),
        ("forbid_tags: [latest]", Some("latest"), "denied PLM-N03"),
        ("forbid_tags: [latest]", None, "allowed"),
        ("digest: true", Some("v1"), "denied PLM-N01"),
    ] {
        let policy = require(&format!("reference: {{{demand}}}, signature: {{by: a}}"));
        let request = Request { tag: tag.map(|tag| tag.parse().unwrap()), ..request() };
        assert_eq!(told(&decide(&policy, &request, &evidence, now())), want, "{demand} {tag:?}");
    }
}

const SPDX_ONE: &str = r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a"}]}"#;
const BOM_TWO: &str = r#"{"bomFormat":"CycloneDX","components":[{},{}]}"#;

#[test]
fn sboms_and_attestations() {
    let Keys { a, b, .. } = &*KEYS;
    let sbom = |kind: &str, text: &str, key| vec![attested(image(), kind, text, key)];
    let any = "sbom: {by: a}";
    for (demand, evidence, want) in [
        (any, sbom(SPDX, SPDX_ONE, a), "allowed"),
        (any, sbom("https://spdx.dev/Document/v2.3", SPDX_ONE, a), "allowed"),
        (any, sbom(CYCLONEDX, BOM_TWO, a), "allowed"),
        (any, vec![legacy_attested(SPDX, SPDX_ONE, a)], "allowed"),
        (any, vec![], "denied PLM-E01"),
        (any, sbom(SPDX, SPDX_ONE, b), "denied PLM-E03 /PLM-S02"),
        (any, sbom(SPDX, "{}", a), "denied PLM-E03 /PLM-B02"),
        (any, sbom(SPDX, BOM_TWO, a), "denied PLM-E03 /PLM-B02"),
        (any, sbom(VULN, SPDX_ONE, a), "denied PLM-E03 /PLM-B04"),
        (any, vec![signed(a)], "denied PLM-E03 /PLM-S06"),
        (
            any,
            vec![Found { about: image(), ..attested(Digest::of(b"x"), SPDX, SPDX_ONE, a) }],
            "denied PLM-E03 /PLM-S04",
        ),
        ("sbom: {by: a, formats: [cyclonedx]}", sbom(SPDX, SPDX_ONE, a), "denied PLM-E03 /PLM-B01"),
        (
            "sbom: {by: a}",
            sbom(CYCLONEDX, r#"{"bomFormat":"CycloneDX","components":[]}"#, a),
            "denied PLM-E03 /PLM-B03",
        ),
        ("sbom: {by: a, min_components: 2}", sbom(CYCLONEDX, BOM_TWO, a), "allowed"),
        ("sbom: {by: a, min_components: 3}", sbom(CYCLONEDX, BOM_TWO, a), "denied PLM-E03 /PLM-B03"),
        (
            "sbom: {by: {all: [a, b]}}",
            vec![attested(image(), SPDX, SPDX_ONE, a), attested(image(), CYCLONEDX, BOM_TWO, b)],
            "allowed",
        ),
        ("attestations: [{type: \"https://x.y/z\", by: a}]", sbom("https://x.y/z", "{}", a), "allowed"),
        (
            "attestations: [{type: \"https://x.y/z\", by: a}]",
            sbom("https://x.y/z/v1", "{}", a),
            "denied PLM-E03 /PLM-B04",
        ),
        ("attestations: [{type: \"https://x.y/z\", by: a}]", vec![signed(a)], "denied PLM-E03 /PLM-S06"),
        ("signature: {by: a}, sbom: {by: a}", sbom(SPDX, SPDX_ONE, a), "denied PLM-E03 /PLM-S05"),
    ] {
        assert_eq!(ask(&require(demand), evidence), want, "{demand}");
    }
}

#[test]
fn an_index_may_have_its_sboms_on_its_platforms() {
    let (amd, arm) = (Digest::of(b"amd64"), Digest::of(b"arm64"));
    let platform = |digest, name: &str| PlatformImage { digest, platform: name.parse().ok() };
    let request =
        Request { platforms: vec![platform(amd, "linux/amd64"), platform(arm, "linux/arm64")], ..request() };
    let ask =
        |what: &str, found, gaps| told(&decide(&require(what), &request, &Evidence { found, gaps }, now()));
    let on = |digest| attested(digest, SPDX, SPDX_ONE, &KEYS.a);
    let gap = || vec![Gap { what: "referrers".to_owned(), reason: "429".to_owned() }];
    assert_eq!(ask("sbom: {by: a}", vec![on(amd), on(arm)], vec![]), "allowed");
    assert_eq!(ask("sbom: {by: a}", vec![on(image())], vec![]), "allowed");
    assert_eq!(ask("sbom: {by: a}", vec![on(amd)], vec![]), "denied PLM-E05");
    assert_eq!(ask("sbom: {by: a}", vec![on(amd)], gap()), "unknown PLM-E02 /PLM-E02");
    assert_eq!(ask("sbom: {by: a}", vec![], vec![]), "denied PLM-E01");
    // What an index calls its platforms cannot draw lines of its own into the answer.
    let hostile = PlatformImage {
        digest: amd,
        platform: Some(Platform::new("linux\n\u{1b}[2Kallowed", "amd64", None)),
    };
    let hostile = Request { platforms: vec![hostile], ..request.clone() };
    let decision = decide(&require("sbom: {by: a}"), &hostile, &Evidence::default(), now());
    let drawn = |node: &Node| node.children.iter().any(|child| child.requirement.contains(['\n', '\u{1b}']));
    assert!(!decision.nodes().iter().any(drawn), "{decision:?}");
    // A statement counts for the platform that it is about, wherever it was found.
    let misplaced = Found { about: arm, ..on(amd) };
    assert_eq!(ask("sbom: {by: a}", vec![on(amd), misplaced], vec![]), "denied PLM-E05");
    // An image signature must be about what is deployed.
    let sign = |digest| found(digest, Origin::ReferrersApi, signature_of(digest, NAME, &[], &KEYS.a));
    assert_eq!(ask("signature: {by: a}", vec![sign(amd), sign(arm)], vec![]), "denied PLM-E01");
}

#[test]
fn what_could_not_be_fetched_is_unknown_and_hides_nothing() {
    let demand = require("signature: {by: a}");
    let gaps = || vec![Gap { what: "referrers".to_owned(), reason: "429".to_owned() }];
    let ask =
        |policy: &Policy, found| told(&decide(policy, &request(), &Evidence { found, gaps: gaps() }, now()));
    assert_eq!(ask(&demand, vec![]), "unknown PLM-E02 /PLM-E02");
    assert_eq!(ask(&demand, vec![signed(&KEYS.b)]), "unknown PLM-E02 /PLM-S02 /PLM-E02");
    assert_eq!(ask(&demand, vec![signed(&KEYS.a)]), "allowed /PLM-E02");
    // What is known to be wrong stays wrong.
    assert_eq!(
        ask(&require("reference: {digest: true}, signature: {by: a}"), vec![]),
        "denied PLM-N01 PLM-E02 /PLM-E02"
    );
}

#[test]
fn a_decision_says_what_it_wants() {
    let wants = |policy: &Policy, found| {
        decide(policy, &request(), &Evidence { found, gaps: Vec::new() }, now()).wants()
    };
    assert_eq!(wants(&require("signature: {by: a}"), vec![]), Wants::Evidence);
    assert_eq!(wants(&require("signature: {by: a}"), vec![signed(&KEYS.a)]), Wants::Nothing);
    assert_eq!(
        wants(&require("signature: {by: a}, sbom: {by: a}"), vec![signed(&KEYS.a)]),
        Wants::EvidenceOfPlatforms
    );
    let deny =
        policy("", &format!("rules:\n  - {{name: no, images: [\"{NAME}\"], deny: {{reason: because}}}}\n"));
    assert_eq!(wants(&deny, vec![]), Wants::Nothing);
}

#[test]
fn keys_of_the_command_line() {
    let key = |key: &PrivateKey| ("k.pub".to_owned(), Signer::Key(key.public()));
    let signature = |keys| Policy::of_signers(keys, Demand::Signature { annotations: BTreeMap::new() });
    let attestation = |kind: &str| {
        Policy::of_signers(vec![key(&KEYS.a)], Demand::Attestation { predicate_type: kind.to_owned() })
    };
    let nameless = Request { repository: None, ..request() };
    for (policy, found, want) in [
        (signature(vec![key(&KEYS.a)]), vec![signed(&KEYS.a)], "allowed"),
        (signature(vec![key(&KEYS.a)]), vec![signed(&KEYS.b)], "denied PLM-E03 /PLM-S02"),
        (signature(vec![key(&KEYS.a), key(&KEYS.b)]), vec![signed(&KEYS.b)], "allowed"),
        (signature(vec![key(&KEYS.a), key(&KEYS.a)]), vec![signed(&KEYS.a)], "allowed"),
        (signature(vec![]), vec![signed(&KEYS.a)], "denied PLM-E03 /PLM-E03"),
        (signature(vec![]), vec![], "denied PLM-E01"),
        (
            signature(vec![key(&KEYS.a)]),
            vec![attested(image(), VULN, "{}", &KEYS.a)],
            "denied PLM-E03 /PLM-S05",
        ),
        (attestation(VULN), vec![attested(image(), VULN, "{}", &KEYS.a)], "allowed"),
        (attestation(VULN), vec![attested(image(), SPDX, "{}", &KEYS.a)], "denied PLM-E03 /PLM-B04"),
        (attestation(VULN), vec![signed(&KEYS.a)], "denied PLM-E03 /PLM-S06"),
    ] {
        let decision = decide(&policy, &nameless, &Evidence { found, gaps: Vec::new() }, now());
        assert_eq!(told(&decision), want);
    }
}

#[test]
fn an_allowance_rests_on_proofs() {
    let demand = require("signature: {by: {all: [a, b]}}, sbom: {by: a}");
    let found = vec![signed(&KEYS.a), signed(&KEYS.b), attested(image(), SPDX, SPDX_ONE, &KEYS.a)];
    let decision = decide(&demand, &request(), &Evidence { found, gaps: Vec::new() }, now());
    let Ruling::Allow { grounds } = decision.ruling() else { panic!("{decision:?}") };
    let mut names: Vec<&str> = grounds
        .iter()
        .map(|ground| match ground {
            Ground::Attested { signer, proof } if proof.image() == image() => signer.as_str(),
            Ground::Signed { signer, proof } if proof.image() == image() => signer.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "a", "b"]);
}
