//! No field of a policy is there for show: changed, each of them changes what is decided, or the policy does not load
//! (GHSA-46mp-8w32-6g94: a field that was read and then forgotten).

use std::collections::BTreeSet;

use super::*;

/// What a policy means for this evidence: everything that anybody can see of it.
fn outcome(policy: &Value, found: &[Found]) -> String {
    match load(policy) {
        Err(codes) => format!("does not load: {codes:?}"),
        Ok(loaded) => {
            let decision = decision(&loaded, found.to_vec());
            format!("{} {:?} {:?}", verdict(&decision), decision.rule(), loaded.relaxed())
        }
    }
}

/// The JSON pointers of all values that are no map; lists count as one value unless they hold maps.
fn leaves(value: &Value, pointer: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| leaves(value, format!("{pointer}/{key}"), into));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, format!("{pointer}/{at}"), into));
        }
        _ => into.push(pointer),
    }
}

fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            into.insert(key.clone());
            keys(value, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
        _ => {}
    }
}

/// Changes every leaf as `changes` says, which must name all of them but what is only `said`, and adds a key to every map but the named ones.
fn every_field_counts(policy: &Value, found: &[Found], changes: &[(&str, Value)], said: &[&str]) {
    let before = outcome(policy, found);
    assert!(before.starts_with("allowed "), "{before}");
    let mut all = Vec::new();
    leaves(policy, String::new(), &mut all);
    let named: BTreeSet<&str> =
        changes.iter().map(|(pointer, _)| *pointer).chain(said.iter().copied()).collect();
    assert_eq!(all.iter().map(String::as_str).collect::<BTreeSet<_>>(), named);
    for (pointer, value) in changes {
        let mut changed = policy.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        assert_ne!(outcome(&changed, found), before, "{pointer} can be {value} and nobody notices");
    }
    let digest = |policy: &Value| load(policy).unwrap().edition().unwrap().digest;
    for pointer in said {
        let mut changed = policy.clone();
        let value = changed.pointer_mut(pointer).unwrap();
        *value = if value.is_number() { json!(2) } else { json!("changed") };
        assert_ne!(digest(&changed), digest(policy), "{pointer}");
    }
    add_keys(policy, String::new(), &mut |pointer| {
        let mut changed = policy.clone();
        let map = changed.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        map.insert("unknown".to_owned(), json!("x"));
        assert!(load(&changed).is_err(), "{pointer} takes any key");
    });
}

fn add_keys(value: &Value, pointer: String, each: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(map) => {
            // In these maps names are free.
            if !pointer.ends_with("/annotations") {
                each(&pointer);
            }
            map.iter().for_each(|(key, value)| add_keys(value, format!("{pointer}/{key}"), each));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| add_keys(value, format!("{pointer}/{at}"), each));
        }
        _ => {}
    }
}

fn other_digest() -> Value {
    json!(Digest::of(b"another").to_string())
}

/// By a workflow and by a key with a time stamp.
fn by_identity() -> (Value, Vec<Found>, Vec<(&'static str, Value)>) {
    let claims = json!({
        "build_signer": {"glob": "https://github.com/acme/app/.github/workflows/*@refs/heads/main"},
        "build_signer_digest": "a".repeat(40),
        "runner_environment": "github-hosted",
        "source_repository": {"equals": "https://github.com/acme/app"},
        "source_digest": "a".repeat(40),
        "source_ref": "refs/heads/main",
        "source_repository_id": "1",
        "source_owner": "https://github.com/acme",
        "source_owner_id": "2",
        "build_config": WORKFLOW,
        "build_config_digest": "a".repeat(40),
        "build_trigger": {"one_of": ["push", "release"]},
    });
    let workflow = json!({
        "keyless": {"root": "gh", "issuer": ACTIONS, "subject": {"equals": WORKFLOW}, "claims": claims},
        "time": {"from": ["rekor"], "root": "gh"},
        "not_before": "2025-01-01T00:00:00Z",
        "not_after": "2025-12-31T00:00:00Z",
    });
    let person =
        json!({"keyless": {"root": "shipped", "issuer": ISSUER, "subject": {"glob": "*@example.com"}}});
    let key = json!({
        "description": "in a safe",
        "key": {"pem": KEY.public().to_pem(), "fingerprint": KEY.public().fingerprint().to_string()},
        "time": {"from": ["tsa"], "root": "site"},
    });
    let roots = json!({
        "gh": {
            "trusted_root": "trusted_root.json",
            "sha256": Digest::of(&keyless("trusted_root.json")).to_string(),
            "log": "required",
            "log_threshold": 1,
            "sct": "required",
        },
        "shipped": {"public_good": true},
        "site": {"trusted_root": "site.json", "log": "none"},
    });
    let signers = json!({"workflow": workflow, "person": person, "key": key});
    let mut policy = policy(roots, signers, json!({"all": ["workflow", "key"]}));
    let far = "2026-11-01T00:00:00Z";
    policy["description"] = json!("x");
    policy["not_before"] = json!("2026-01-01T00:00:00Z");
    policy["revoked"] = json!([
        {"signer": "key", "at": far, "keep_earlier": true, "reason": "why"},
        {"identity": {"issuer": ACTIONS, "subject": "https://github.com/acme/x"}, "at": far, "reason": "why"},
        {"identity": {"issuer": ISSUER, "subject": WORKFLOW}, "at": far, "reason": "why"},
        {"key_fingerprint": other_digest(), "at": far, "reason": "why"},
        {"digest": other_digest(), "at": far, "reason": "why"},
        {"attestation": other_digest(), "at": far, "reason": "why"},
    ]);
    let found = vec![
        found(Content::from_bundle(&Checked::of(keyless("image-rekor1.sigstore.json")))),
        by_key(Some("2026-05-01T00:00:00Z"), None),
    ];
    (policy, found, identity_changes())
}

fn identity_changes() -> Vec<(&'static str, Value)> {
    let payload = {
        let bundle: Value = serde_json::from_slice(&keyless("image-rekor1.sigstore.json")).unwrap();
        STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap()
    };
    vec![
        ("/version", json!("plimsoll.trust/v2")),
        ("/not_before", json!("2027-01-01T00:00:00Z")),
        ("/expires", json!("2026-02-01T00:00:00Z")),
        ("/trust_roots/gh/trusted_root", json!("trusted_root-ca-ended.json")),
        ("/trust_roots/gh/sha256", other_digest()),
        ("/trust_roots/gh/log", json!("none")),
        ("/trust_roots/gh/log_threshold", json!(2)),
        ("/trust_roots/gh/sct", json!("none")),
        ("/trust_roots/shipped/public_good", json!(false)),
        ("/trust_roots/site/trusted_root", json!("stranger.json")),
        ("/trust_roots/site/log", json!("required")),
        ("/signers/workflow/keyless/root", json!("site")),
        ("/signers/workflow/keyless/issuer", json!(ISSUER)),
        ("/signers/workflow/keyless/subject/equals", json!(format!("{WORKFLOW}x"))),
        (
            "/signers/workflow/keyless/claims/build_signer/glob",
            json!("https://github.com/acme/app/*@refs/heads/main"),
        ),
        ("/signers/workflow/keyless/claims/build_signer_digest", json!("b")),
        ("/signers/workflow/keyless/claims/runner_environment", json!("self-hosted")),
        ("/signers/workflow/keyless/claims/source_repository/equals", json!("https://github.com/acme/ap")),
        ("/signers/workflow/keyless/claims/source_digest", json!("b")),
        ("/signers/workflow/keyless/claims/source_ref", json!("refs/heads/main2")),
        ("/signers/workflow/keyless/claims/source_repository_id", json!("11")),
        ("/signers/workflow/keyless/claims/source_owner", json!("https://github.com/acme2")),
        ("/signers/workflow/keyless/claims/source_owner_id", json!("22")),
        ("/signers/workflow/keyless/claims/build_config", json!(format!("{WORKFLOW}2"))),
        ("/signers/workflow/keyless/claims/build_config_digest", json!("b")),
        ("/signers/workflow/keyless/claims/build_trigger/one_of", json!(["release"])),
        ("/signers/workflow/time/from", json!(["tsa"])),
        ("/signers/workflow/time/root", json!("site")),
        ("/signers/workflow/not_before", json!("2025-12-01T00:00:00Z")),
        ("/signers/workflow/not_after", json!("2025-02-01T00:00:00Z")),
        ("/signers/person/keyless/root", json!("site")),
        ("/signers/person/keyless/issuer", json!("https://*.example")),
        ("/signers/person/keyless/subject/glob", json!("*")),
        ("/signers/key/key/pem", json!(PrivateKey::generate().unwrap().public().to_pem())),
        ("/signers/key/key/fingerprint", other_digest()),
        ("/signers/key/time/from", json!(["rekor"])),
        ("/signers/key/time/root", json!("gh")),
        ("/rules/0/images", json!(["registry.example.com/team/other"])),
        ("/rules/0/name", json!("theirs")),
        ("/rules/0/require/signature/by/all", json!(["workflow", "person"])),
        ("/revoked/0/signer", json!("workflow2")),
        ("/revoked/0/at", json!("2026-04-01T00:00:00Z")),
        ("/revoked/0/keep_earlier", json!(false)),
        ("/revoked/1/identity/issuer", json!("https://*")),
        ("/revoked/1/identity/subject", json!(WORKFLOW)),
        ("/revoked/2/identity/issuer", json!(ACTIONS)),
        ("/revoked/2/identity/subject", json!("")),
        ("/revoked/3/key_fingerprint", json!(KEY.public().fingerprint().to_string())),
        ("/revoked/4/digest", json!(image().to_string())),
        ("/revoked/5/attestation", json!(Digest::of(&payload).to_string())),
    ]
}

const SAID: &[&str] = &["/name", "/description", "/revision", "/signers/key/description"];

#[test]
fn ghsa_46mp_8w32_6g94_every_field_about_signers_counts() {
    let (policy, found, changes) = by_identity();
    let reasons: Vec<String> = (0..6).map(|at| format!("/revoked/{at}/reason")).collect();
    // Without `keep_earlier` the moment is said and not compared: what is revoked is good for nothing.
    let moments: Vec<String> = (1..6).map(|at| format!("/revoked/{at}/at")).collect();
    let mut said: Vec<&str> = SAID.iter().copied().chain(reasons.iter().map(String::as_str)).collect();
    let (mut policy_without_times, mut times) = (policy.clone(), Vec::new());
    for pointer in &moments {
        times.push(pointer.as_str());
        let moved = policy_without_times.pointer_mut(pointer).unwrap();
        *moved = json!("2026-11-02T00:00:00Z");
    }
    assert_eq!(outcome(&policy_without_times, &found), outcome(&policy, &found));
    let mut changes = changes;
    changes.extend(times.iter().map(|pointer| (*pointer, json!("yesterday"))));
    said.retain(|pointer| policy.pointer(pointer).is_some());
    every_field_counts(&policy, &found, &changes, &said);
}

/// By one key, about everything else that a rule can demand.
#[test]
fn ghsa_46mp_8w32_6g94_every_field_of_a_rule_counts() {
    let annotations = [("env".to_owned(), "prod".to_owned())].into();
    let signature = sign::image_signature(NAME, image(), &annotations).unwrap().signed_by(&KEY).unwrap();
    let sbom = br#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a"}]}"#;
    let attest = |kind: &str, predicate: &[u8]| {
        let made = sign::attestation(NAME, image(), kind, predicate).unwrap().signed_by(&KEY).unwrap();
        found(Content::from_bundle(&Checked::of(made.bundle)))
    };
    let all = vec![
        found(Content::from_bundle(&Checked::of(signature.bundle))),
        attest("https://spdx.dev/Document", sbom),
        attest("https://slsa.dev/provenance/v1", b"{}"),
    ];
    let stranger = PrivateKey::generate().unwrap().public().to_pem();
    let policy = json!({
        "version": "plimsoll.trust/v1",
        "name": "test",
        "revision": 1,
        "expires": "2027-06-01T00:00:00Z",
        "signers": {"a": {"key": {"pem": KEY.public().to_pem()}}, "b": {"key": {"pem": stranger}}},
        "baseline": {"reference": {"forbid_tags": ["latest"]}},
        "rules": [
            {
                "name": "ours",
                "images": ["registry.example.com/team/**"],
                "except": ["registry.example.com/team/other"],
                "require": {
                    "reference": {"tags": ["v*"]},
                    "signature": {"by": {"any": ["a", "b"]}, "identity": "repository", "annotations": {"env": "prod"}},
                    "sbom": {"by": {"threshold": 1, "of": ["a", "b"]}, "formats": ["spdx-2"], "min_components": 1},
                    "attestations": [{"type": "https://slsa.dev/provenance/v1", "by": "a"}],
                },
            },
            {"name": "never", "images": ["registry.example.com/never"], "deny": {"reason": "why"}},
            {
                "name": "unsigned",
                "images": ["registry.example.com/unsigned"],
                "allow_unverified": {"reason": "why", "expires": "2027-01-01T00:00:00Z", "digests": [other_digest()]},
            },
        ],
    });
    let ours = "registry.example.com/team/app";
    let changes = [
        ("/version", json!("x")),
        ("/expires", json!("2026-02-01T00:00:00Z")),
        ("/signers/a/key/pem", json!("x")),
        ("/signers/b/key/pem", json!(KEY.public().to_pem())),
        ("/baseline/reference/forbid_tags", json!(["v*"])),
        ("/rules/0/name", json!("theirs")),
        ("/rules/0/images", json!(["registry.example.com/team/x/**"])),
        ("/rules/0/except", json!([ours])),
        ("/rules/0/require/reference/tags", json!(["w*"])),
        ("/rules/0/require/signature/by/any", json!(["b"])),
        ("/rules/0/require/signature/identity", json!("exact")),
        ("/rules/0/require/signature/annotations/env", json!("test")),
        ("/rules/0/require/sbom/by/threshold", json!(2)),
        ("/rules/0/require/sbom/by/of", json!(["b"])),
        ("/rules/0/require/sbom/formats", json!(["cyclonedx"])),
        ("/rules/0/require/sbom/min_components", json!(2)),
        ("/rules/0/require/attestations/0/type", json!("https://slsa.dev/provenance/v0.2")),
        ("/rules/0/require/attestations/0/by", json!("b")),
        ("/rules/1/name", json!("ours")),
        ("/rules/1/images", json!([ours])),
        ("/rules/2/name", json!("ours")),
        ("/rules/2/images", json!([ours])),
        ("/rules/2/allow_unverified/expires", json!("never")),
        ("/rules/2/allow_unverified/digests", json!([])),
    ];
    let said = ["/name", "/revision", "/rules/1/deny/reason", "/rules/2/allow_unverified/reason"];
    every_field_counts(&policy, &all, &changes, &said);

    // Every field that there is stands in one of the two policies.
    let schema: Value =
        serde_json::from_str(include_str!("../../../schemas/trust-policy.v1.schema.json")).unwrap();
    let (mut known, mut tried) = (BTreeSet::new(), BTreeSet::new());
    properties(&schema, &mut known);
    keys(&policy, &mut tried);
    keys(&by_identity().0, &mut tried);
    // A file of a key is read in the tests of the loader; the reference's digest is a word of the command line; the rest are claims of
    // other services than the one that the vectors come from, compared as all claims are.
    for name in
        ["$schema", "file", "run_invocation", "source_visibility", "deployment_environment", "token_subject"]
    {
        assert!(known.remove(name), "{name}");
    }
    // Of certificates of before 2023.
    known.retain(|name| !name.starts_with("github_workflow_"));
    known.remove("digest");
    let missing: Vec<_> = known.difference(&tried).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The names that the schema gives to fields.
fn properties(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                if let ("properties", Value::Object(fields)) = (key.as_str(), value) {
                    into.extend(fields.keys().cloned());
                }
                properties(value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, into)),
        _ => {}
    }
}
