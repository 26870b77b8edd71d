//! Verdicts by identity and by proven time: one case per way of being wrong.

use plimsoll::policy::Check;
use plimsoll::verify::Author;

use super::*;

#[test]
fn the_identity_is_issuer_and_subject() {
    for (subject, by_whom, want) in [
        (json!({"equals": "dev@example.com"}), "dev@example.com", "allowed"),
        (json!({"equals": "dev@example.com"}), "other@example.com", "denied PLM-E03 /PLM-S22"),
        (json!({"equals": "dev@example.com"}), "dev@example.com.evil.test", "denied PLM-E03 /PLM-S22"),
        (json!({"glob": "*@example.com"}), "dev@example.com", "allowed"),
        (json!({"glob": "*@example.com"}), "dev@example.com.evil.test", "denied PLM-E03 /PLM-S22"),
        (
            json!({"glob": "https://github.com/acme/*/x@refs/tags/v*"}),
            "https://github.com/acme/a/x@refs/tags/v1",
            "allowed",
        ),
        (
            json!({"glob": "https://github.com/acme/*/x@refs/tags/v*"}),
            "https://github.com/acme-evil/a/x@refs/tags/v1",
            "denied PLM-E03 /PLM-S22",
        ),
        (
            json!({"glob": "https://github.com/acme/*/x@refs/tags/v*"}),
            "https://github.com/acme/a/b/x@refs/tags/v1",
            "denied PLM-E03 /PLM-S22",
        ),
    ] {
        assert_eq!(judge(&by_subject(subject.clone()), vec![by(by_whom)]), want, "{subject} {by_whom}");
    }
    let subject = json!({"equals": "dev@example.com"});
    for issuer in ["https://issuer.example/", "https://evil.example", "https://evil/https://issuer.example"] {
        let other = signed(&SITE.signing("dev@example.com", issuer, at("2026-06-01T12:00:00Z")));
        assert_eq!(judge(&by_subject(subject.clone()), vec![other]), "denied PLM-E03 /PLM-S21", "{issuer}");
    }
    // Anybody may run a Sigstore, and certify anything.
    let stranger = signed(&STRANGER.signing("dev@example.com", ISSUER, at("2026-06-01T12:00:00Z")));
    let verdict = judge(&by_subject(subject.clone()), vec![stranger]);
    assert!(verdict.starts_with("denied PLM-E03 /PLM-S"), "{verdict}");
    assert_eq!(judge(&by_subject(subject.clone()), vec![by_key(None, None)]), "denied PLM-E03 /PLM-S38");
    assert_eq!(judge(&by_subject(subject), Vec::new()), "denied PLM-E01");
}

/// An issuer that is only found somewhere in the text is not the issuer.
#[test]
fn cve_2026_22772_issuers_are_compared_whole() {
    let nested = signed(&SITE.signing(
        "dev@example.com",
        "https://evil.example/https://issuer.example",
        at("2026-06-01T12:00:00Z"),
    ));
    let policy = by_subject(json!({"equals": "dev@example.com"}));
    assert_eq!(judge(&policy, vec![nested]), "denied PLM-E03 /PLM-S21");
    let mut glob = policy;
    glob["signers"]["a"]["keyless"]["issuer"] = json!("https://*issuer.example");
    assert_eq!(load(&glob).unwrap_err(), ["PLM-P25"]);
}

#[test]
fn cve_2026_48815_what_certificates_claim_is_compared() {
    let vector = || found(Content::from_bundle(&Checked::of(keyless("image-rekor1.sigstore.json"))));
    let roots = |root: &str| json!({"gh": {"trusted_root": root}});
    let with = |root: &str, claims: Value| {
        let keyless =
            json!({"root": "gh", "issuer": ACTIONS, "subject": {"equals": WORKFLOW}, "claims": claims});
        policy(roots(root), json!({"a": {"keyless": keyless}}), json!("a"))
    };
    for (claims, want) in [
        (json!({"source_repository": "https://github.com/acme/app"}), "allowed"),
        (
            json!({"source_repository": {"glob": "https://github.com/acme/*"}, "build_trigger": {"one_of": ["push", "release"]}}),
            "allowed",
        ),
        (json!({"source_repository": "https://github.com/acme/ap"}), "denied PLM-E03 /PLM-S23"),
        (
            json!({"source_repository": "https://github.com/acme/app", "build_trigger": "release"}),
            "denied PLM-E03 /PLM-S23",
        ),
        (json!({"deployment_environment": "production"}), "denied PLM-E03 /PLM-S23"),
    ] {
        assert_eq!(judge(&with("trusted_root.json", claims.clone()), vec![vector()]), want, "{claims}");
    }
    let claims = json!({"source_owner_id": "2"});
    for (root, want) in [
        ("trusted_root.json", "allowed"),
        ("trusted_root-ca-ended.json", "denied PLM-E03 /PLM-S18"),
        ("trusted_root-rekor-key-ended.json", "denied PLM-E03 /PLM-S31"),
    ] {
        assert_eq!(judge(&with(root, claims.clone()), vec![vector()]), want, "{root}");
    }
}

/// The answer tells the checks of the signer that counts, not those of another name.
#[test]
fn an_acceptance_is_of_the_signer_that_counts() {
    let subject = json!({"equals": "dev@example.com"});
    let lax = json!({"keyless": {"root": "lax", "issuer": ISSUER, "subject": {"glob": "*@example.com"}}});
    let roots =
        json!({"site": {"trusted_root": "site.json"}, "lax": {"trusted_root": "site.json", "sct": "none"}});
    let policy = policy(
        roots,
        json!({"anybody": lax, "dev": signer(subject)}),
        json!({"threshold": 2, "of": ["anybody", "dev"]}),
    );
    let loaded = load(&policy).unwrap();
    let decision = decision(&loaded, vec![by("dev@example.com"), by("x@example.com")]);
    assert_eq!(verdict(&decision), "allowed");
    let told: Vec<_> = decision.nodes()[0]
        .reports
        .iter()
        .map(|report| match &report.finding {
            Finding::Accepted(accepted) => (&*accepted.signer, &accepted.skipped[..]),
            Finding::Spare { .. } => ("spare", &[][..]),
            Finding::Refused { code, .. } => (*code, &[][..]),
        })
        .collect();
    assert_eq!(told, [("dev", &[][..]), ("anybody", &[Check::CertificateLog])]);
}

/// A name that stands for nobody is an error, never a demand that is passed over.
#[test]
fn connaisseur_2151_unknown_names_do_not_load() {
    let good = by_subject(json!({"equals": "dev@example.com"}));
    assert!(load(&good).is_ok());
    for (pointer, want) in [
        ("/rules/0/require/signature/by", &["PLM-P11"][..]),
        ("/signers/a/keyless/root", &["PLM-P23", "PLM-P23"]),
    ] {
        let mut policy = good.clone();
        *policy.pointer_mut(pointer).unwrap() = json!("nobody");
        assert_eq!(load(&policy).unwrap_err(), want, "{pointer}");
    }
}

#[test]
fn an_acceptance_says_who_when_and_what_was_checked() {
    let loaded = load(&by_subject(json!({"glob": "*@example.com"}))).unwrap();
    let decision = decision(&loaded, vec![by("dev@example.com")]);
    let Finding::Accepted(accepted) = &decision.nodes()[0].reports[0].finding else { panic!("{decision:?}") };
    let Author::Identity(certified) = accepted.authorship.author() else { panic!("{accepted:?}") };
    assert_eq!((&*certified.identity.issuer, &*certified.identity.subject), (ISSUER, "dev@example.com"));
    assert_eq!(accepted.authorship.proven_time(), Some(at("2026-06-01T12:00:00Z")));
    assert_eq!(accepted.statement, Some(Digest::of(&statement())));
    assert_eq!(
        accepted.checked,
        [Check::Signature, Check::Certificate, Check::CertificateLog, Check::Log, Check::Time]
    );
    assert_eq!(accepted.skipped, []);
}

fn threshold(signers: Value, of: &[&str]) -> Value {
    policy(json!({"site": {"trusted_root": "site.json"}}), signers, json!({"threshold": 2, "of": of}))
}

/// Signatures of one signer are one, however many there are, and under however many names (connaisseur #2150).
#[test]
fn connaisseur_2150_a_threshold_counts_people() {
    let (anybody, dev) = (json!({"glob": "*@example.com"}), json!({"equals": "dev@example.com"}));
    let overlapping = json!({"anybody": signer(anybody.clone()), "dev": signer(dev)});
    let policy = threshold(overlapping, &["anybody", "dev"]);
    for (found, want) in [
        (vec![by("dev@example.com"), by("dev@example.com")], "denied PLM-E04"),
        (vec![by("x@example.com"), by("y@example.com")], "denied PLM-E04 /PLM-E06"),
        (vec![by("x@example.com"), by("dev@example.com")], "allowed"),
        (vec![by("dev@example.com"), by("x@example.com")], "allowed"),
    ] {
        assert_eq!(judge(&policy, found), want);
    }
    // Whoever does not count is not shown as if they did.
    let found = vec![by("x@example.com"), by("y@example.com"), by("x@example.com")];
    let decision = decision(&load(&policy).unwrap(), found);
    let told = decision.nodes()[0].reports.iter().map(|report| match &report.finding {
        Finding::Accepted(accepted) => ("accepted", accepted.detail.as_str()),
        Finding::Spare { proof, .. } => ("spare", proof.detail.as_str()),
        Finding::Refused { code, detail } => (*code, detail.as_str()),
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("accepted", "no name inside"),
            ("spare", "no name inside, another identity counts as anybody already"),
            ("accepted", "no name inside")
        ]
    );
    // Two names for one identity are one signer; the file cannot even say it.
    let twice = json!({"a": signer(anybody.clone()), "b": signer(anybody)});
    assert_eq!(load(&threshold(twice, &["a", "b"])).unwrap_err(), ["PLM-P14"]);
}

/// Whoever attaches a heap of certificates of their own makes nobody check each of them once for every signer.
#[test]
fn cve_2023_46737_strangers_are_tried_once() {
    let subject = |at: usize| format!("dev{at}@example.com");
    let signers = |count: usize| {
        (0..count)
            .map(|at| (format!("s{at}"), signer(json!({"equals": subject(at)}))))
            .collect::<serde_json::Map<_, _>>()
    };
    let policy = |count: usize| {
        let names: Vec<String> = signers(count).keys().cloned().collect();
        let roots = json!({"site": {"trusted_root": "site.json"}});
        load(&policy(roots, Value::Object(signers(count)), json!({"any": names}))).unwrap()
    };
    let time = |policy: &Policy, found: &[Found]| {
        let start = std::time::Instant::now();
        let verdict = verdict(&decision(policy, found.to_vec()));
        (start.elapsed(), verdict)
    };
    let strangers: Vec<Found> = (0..8).map(|_| by("evil@example.net")).collect();
    let (one, few) = (policy(1), policy(40));
    let (alone, verdict) = (0..3).map(|_| time(&one, &strangers)).min().unwrap();
    assert!(verdict.starts_with("denied PLM-E03 /PLM-S22 PLM-S22"), "{verdict}");
    let (together, verdict) = (0..3).map(|_| time(&few, &strangers)).min().unwrap();
    assert!(verdict.starts_with("denied PLM-E03 /PLM-S22 PLM-S22"), "{verdict}");
    assert!(together < alone * 8, "{alone:?} for one signer, {together:?} for forty");
    // The last of them is found all the same.
    let (_, verdict) = time(&few, &[by("dev39@example.com")]);
    assert_eq!(verdict, "allowed");
}

/// Strict unless somebody writes otherwise.
#[test]
fn kyverno_17125_logs_and_certificate_logs_are_demanded_by_default() {
    let subject = json!({"equals": "dev@example.com"});
    let with = |root: Value| policy(json!({"site": root}), json!({"a": signer(subject.clone())}), json!("a"));
    let strict = with(json!({"trusted_root": "site.json"}));
    let signing = SITE.signing("dev@example.com", ISSUER, at("2026-06-01T12:00:00Z"));
    let unlogged = || signed(&signing.clone().log(None).stamped());
    assert_eq!(judge(&strict, vec![unlogged()]), "denied PLM-E03 /PLM-S24");
    assert!(load(&strict).unwrap().relaxed().is_empty());
    let relaxed = with(json!({"trusted_root": "site.json", "log": "none"}));
    let loaded = load(&relaxed).unwrap();
    assert_eq!(loaded.relaxed(), [("site", vec![Check::Log])]);
    let decision = decision(&loaded, vec![unlogged()]);
    assert_eq!(verdict(&decision), "allowed");
    let Finding::Accepted(accepted) = &decision.nodes()[0].reports[0].finding else { panic!("{decision:?}") };
    assert_eq!(accepted.skipped, [Check::Log]);
    let two = with(json!({"trusted_root": "site.json", "log_threshold": 2}));
    assert_eq!(judge(&two, vec![by("dev@example.com")]), "denied PLM-E03 /PLM-S25");
    let no_sct = |root: &str, sct: &str| {
        let keyless = json!({"root": "gh", "issuer": ACTIONS, "subject": {"equals": WORKFLOW}});
        policy(
            json!({"gh": {"trusted_root": root, "sct": sct}}),
            json!({"a": {"keyless": keyless}}),
            json!("a"),
        )
    };
    let lax = load(&no_sct("trusted_root.json", "none")).unwrap();
    assert_eq!(lax.relaxed(), [("gh", vec![Check::CertificateLog])]);
}

/// Two entries of one log are one log.
#[test]
fn cve_2026_49834_a_log_threshold_counts_logs() {
    let signing = SITE.signing("dev@example.com", ISSUER, at("2026-06-01T12:00:00Z")).stamped();
    let envelope =
        |log: Rekor| signing.clone().log(log).envelope("application/vnd.in-toto+json", &statement());
    let with = |entries: [Rekor; 2]| {
        let mut made = envelope(entries[0]);
        let other = envelope(entries[1])["verificationMaterial"]["tlogEntries"][0].clone();
        made["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(other);
        bundle(&made)
    };
    let mut policy = by_subject(json!({"equals": "dev@example.com"}));
    policy["trust_roots"]["site"]["log_threshold"] = json!(2);
    assert_eq!(judge(&policy, vec![with([Rekor::One, Rekor::Two])]), "allowed");
    let twice = judge(&policy, vec![with([Rekor::One, Rekor::One])]);
    assert!(twice.starts_with("denied PLM-E03 /PLM-S"), "{twice}");
}

fn key_signer(extra: Value) -> Value {
    let mut signer = json!({"key": {"pem": KEY.public().to_pem()}});
    signer.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    signer
}

fn by_key_policy(root: Value, extra: Value) -> Value {
    policy(json!({"site": root}), json!({"k": key_signer(extra)}), json!("k"))
}

#[test]
fn a_time_must_come_from_whom_the_policy_names() {
    let root = json!({"trusted_root": "site.json", "log": "none"});
    let (early, late) = (Some("2026-05-01T00:00:00Z"), Some("2026-07-01T00:00:00Z"));
    for (from, stamp, logged, want) in [
        (json!(["tsa"]), early, None, "allowed"),
        (json!(["tsa"]), None, early, "denied PLM-E03 /PLM-S36"),
        (json!(["rekor"]), None, early, "allowed"),
        (json!(["rekor"]), early, None, "denied PLM-E03 /PLM-S36"),
        // Who is not named does not date the signature either.
        (json!(["rekor"]), early, late, "denied PLM-E03 /PLM-K02"),
        (json!(["tsa"]), early, late, "allowed"),
        (json!(["rekor", "tsa"]), early, late, "allowed"),
        (json!(["rekor", "tsa"]), None, None, "denied PLM-E03 /PLM-S36"),
        (json!(["none"]), early, early, "denied PLM-E03 /PLM-K02"),
    ] {
        let window = json!({"time": {"from": from, "root": "site"}, "not_after": "2026-06-01T00:00:00Z"});
        let policy = by_key_policy(root.clone(), window);
        assert_eq!(judge(&policy, vec![by_key(stamp, logged)]), want, "{from} {stamp:?} {logged:?}");
    }
    // A key with a root must stand in its logs.
    let logged = by_key_policy(
        json!({"trusted_root": "site.json"}),
        json!({"time": {"from": ["none"], "root": "site"}}),
    );
    assert_eq!(judge(&logged, vec![by_key(None, early)]), "allowed");
    assert_eq!(judge(&logged, vec![by_key(None, None)]), "denied PLM-E03 /PLM-S24");
}

/// A key outside of its window when it signed is refused, whatever the time is now; and one inside of it stays good.
#[test]
fn cve_2026_54787_the_window_is_compared_with_the_proven_time() {
    let window = json!({
        "time": {"from": ["tsa"], "root": "site"},
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2026-06-01T00:00:00Z",
    });
    let policy = by_key_policy(json!({"trusted_root": "site.json", "log": "none"}), window);
    for (time, want) in [
        ("2025-12-31T23:59:59Z", "denied PLM-E03 /PLM-K01"),
        ("2026-01-01T00:00:00Z", "allowed"),
        ("2026-06-01T00:00:00Z", "allowed"),
        ("2026-06-01T00:00:01Z", "denied PLM-E03 /PLM-K02"),
    ] {
        assert_eq!(judge(&policy, vec![by_key(Some(time), None)]), want, "{time}");
    }
    let mut identity = by_subject(json!({"equals": "dev@example.com"}));
    identity["signers"]["a"]["not_after"] = json!("2026-06-01T11:59:59Z");
    assert_eq!(judge(&identity, vec![by("dev@example.com")]), "denied PLM-E03 /PLM-K02");
    identity["signers"]["a"]["not_after"] = json!("2026-06-01T12:00:00Z");
    assert_eq!(judge(&identity, vec![by("dev@example.com")]), "allowed");
}

#[test]
fn revocations_spare_only_what_is_proven_to_be_older() {
    let subject = json!({"equals": "dev@example.com"});
    let identity = json!({"issuer": ISSUER, "subject": "dev@example.com"});
    for what in [json!({"signer": "a"}), json!({"identity": identity})] {
        for (at, keep, want) in [
            ("2026-06-01T11:59:59Z", false, "denied PLM-E03 /PLM-K03"),
            ("2026-06-01T12:00:00Z", true, "denied PLM-E03 /PLM-K03"),
            ("2026-06-01T12:00:01Z", true, "allowed"),
            ("2026-06-01T12:00:01Z", false, "denied PLM-E03 /PLM-K03"),
        ] {
            let mut policy = by_subject(subject.clone());
            let mut revoked = what.clone();
            revoked["at"] = json!(at);
            revoked["reason"] = json!("left the team");
            if keep {
                revoked["keep_earlier"] = json!(true);
            }
            policy["revoked"] = json!([revoked]);
            assert_eq!(judge(&policy, vec![by("dev@example.com")]), want, "{what} {at} {keep}");
        }
    }
    let fingerprint = KEY.public().fingerprint().to_string();
    let revoked = json!([{"key_fingerprint": fingerprint, "at": "2026-06-01T00:00:00Z", "keep_earlier": true, "reason": "lost"}]);
    let root = || json!({"trusted_root": "site.json", "log": "none"});
    let mut stamped = by_key_policy(root(), json!({"time": {"from": ["tsa"], "root": "site"}}));
    stamped["revoked"] = revoked.clone();
    assert_eq!(judge(&stamped, vec![by_key(Some("2026-05-31T23:59:59Z"), None)]), "allowed");
    assert_eq!(judge(&stamped, vec![by_key(Some("2026-06-01T00:00:00Z"), None)]), "denied PLM-E03 /PLM-K03");
    // A time that nobody vouches for is none.
    let mut plain = by_key_policy(root(), json!({}));
    plain.as_object_mut().unwrap().remove("trust_roots");
    plain["revoked"] = revoked;
    let loaded = load(&plain).unwrap();
    let decision = decision(&loaded, vec![by_key(Some("2026-05-31T23:59:59Z"), None)]);
    assert_eq!(verdict(&decision), "denied PLM-E03 /PLM-K03");
    let [detail] = &details(&decision)[..] else { panic!("{decision:?}") };
    assert!(detail.ends_with("and nothing proves that the signature is older"), "{detail}");
}

/// Whoever a revoked name means stays revoked under every other name.
#[test]
fn a_revoked_signer_does_not_come_back_by_another_name() {
    let signers = json!({
        "dev": signer(json!({"equals": "dev@example.com"})),
        "anybody": signer(json!({"glob": "*@example.com"})),
    });
    let mut policy =
        policy(json!({"site": {"trusted_root": "site.json"}}), signers, json!({"any": ["dev", "anybody"]}));
    assert_eq!(judge(&policy, vec![by("dev@example.com")]), "allowed");
    policy["revoked"] = json!([{"signer": "dev", "at": "2026-01-01T00:00:00Z", "reason": "left the team"}]);
    assert_eq!(judge(&policy, vec![by("dev@example.com")]), "denied PLM-E03 /PLM-K03");
    assert_eq!(judge(&policy, vec![by("x@example.com")]), "allowed");
}

#[test]
fn what_was_signed_can_be_revoked_however_it_is_stored() {
    let mut policy = by_subject(json!({"equals": "dev@example.com"}));
    for (digest, want) in [
        (Digest::of(&statement()), "denied PLM-E03 /PLM-K05"),
        (Digest::of(b"candidate"), "denied PLM-E03 /PLM-K05"),
        (Digest::of(b"another"), "allowed"),
    ] {
        policy["revoked"] =
            json!([{"attestation": digest.to_string(), "at": "2026-01-01T00:00:00Z", "reason": "wrong"}]);
        assert_eq!(judge(&policy, vec![by("dev@example.com")]), want);
    }
}

#[test]
fn attestations_by_identity_are_of_the_type_that_is_asked_for() {
    let attest = |kind: &str, by_whom: &str, about: Digest| {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": about.hex()}}],
            "predicateType": kind,
            "predicate": {},
        });
        let signing = SITE.signing(by_whom, ISSUER, at("2026-06-01T12:00:00Z")).log(Rekor::Two).stamped();
        bundle(&signing.envelope("application/vnd.in-toto+json", statement.to_string().as_bytes()))
    };
    const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
    let mut policy = by_subject(json!({"equals": "dev@example.com"}));
    policy["rules"][0]["require"] = json!({"attestations": [{"type": PROVENANCE, "by": "a"}]});
    for (found, want) in [
        (attest(PROVENANCE, "dev@example.com", image()), "allowed"),
        (attest(PROVENANCE, "other@example.com", image()), "denied PLM-E03 /PLM-S22"),
        (attest(PROVENANCE, "dev@example.com", Digest::of(b"other")), "denied PLM-E03 /PLM-S04"),
        (attest("https://slsa.dev/provenance/v0.2", "dev@example.com", image()), "denied PLM-E03 /PLM-B04"),
    ] {
        assert_eq!(judge(&policy, vec![found]), want);
    }
    // And an attestation is no signature, whoever made it.
    let signature = by_subject(json!({"equals": "dev@example.com"}));
    let attestation = attest(PROVENANCE, "dev@example.com", image());
    assert_eq!(judge(&signature, vec![attestation]), "denied PLM-E03 /PLM-S05");
}

/// Nothing of the asked kind is never a yes (CVE-2025-25204).
#[test]
fn ghsa_fgw4_v983_mgp8_an_empty_result_is_a_denial() {
    let mut policy = by_subject(json!({"equals": "dev@example.com"}));
    let attestation = json!([{"type": "https://slsa.dev/provenance/v1", "by": "a"}]);
    policy["rules"][0]["require"] = json!({"attestations": attestation});
    assert_eq!(judge(&policy, Vec::new()), "denied PLM-E01");
    // A signature by the right person is no attestation.
    assert_eq!(judge(&policy, vec![by("dev@example.com")]), "denied PLM-E03 /PLM-S06");
}

/// The log signs the body only; what stands beside it anybody can write, and readers that go by it would take the entry for another.
#[test]
fn an_entry_is_of_the_kind_that_its_body_says() {
    let policy = by_subject(json!({"equals": "dev@example.com"}));
    let time = at("2026-06-01T12:00:00Z");
    for (kind, version, want) in [
        ("dsse", "0.0.1", "allowed"),
        ("intoto", "0.0.1", "denied PLM-E03 /PLM-S32"),
        ("dsse", "0.0.2", "denied PLM-E03 /PLM-S32"),
    ] {
        let signing = SITE.signing("dev@example.com", ISSUER, time);
        let mut made = signing.envelope("application/vnd.in-toto+json", &statement());
        let body = made["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"].as_str().unwrap();
        let mut body: Value = serde_json::from_slice(&STANDARD.decode(body).unwrap()).unwrap();
        (body["kind"], body["apiVersion"]) = (json!(kind), json!(version));
        let entry = SITE.rekor(Rekor::One).enter("dsse", "0.0.1", &body, time);
        made["verificationMaterial"]["tlogEntries"] = json!([entry]);
        assert_eq!(judge(&policy, vec![bundle(&made)]), want, "{kind} {version}");
    }
}

/// Anybody can certify himself under any name, and have good time stamps made for it, as many as are looked at. One must do.
#[test]
fn strangers_certificates_are_found_out_before_all_of_their_time_stamps_are_checked() {
    let roots = json!({"site": {"trusted_root": "site.json", "log": "none"}});
    let policy = policy(roots, json!({"a": signer(json!({"equals": "dev@example.com"}))}), json!("a"));
    let time = at("2026-06-01T12:00:00Z");
    let made = |sigstore: &Sigstore, over: &dyn Fn(&[u8]) -> Vec<Vec<u8>>| {
        let signing = sigstore.signing("dev@example.com", ISSUER, time).log(None);
        let mut made = signing.envelope("application/vnd.in-toto+json", &statement());
        let signature =
            STANDARD.decode(made["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        // One stamp twice would be refused at once.
        let later = |seconds| Timestamp::from_seconds(time.seconds() + seconds).unwrap();
        let stamps = (0..).zip(over(&signature)).map(|(at, bytes)| SITE.stamp(&bytes, later(at)));
        let stamps: Vec<_> = stamps.map(|it| json!({"signedTimestamp": STANDARD.encode(it)})).collect();
        made["verificationMaterial"]["timestampVerificationData"] = json!({"rfc3161Timestamps": stamps});
        bundle(&made)
    };
    let one_bad = |signature: &[u8]| vec![signature.to_vec(), b"something else".to_vec()];
    let all_good = |signature: &[u8]| vec![signature.to_vec(); 3];
    for (sigstore, over, want) in [
        (&*SITE, &all_good as &dyn Fn(&[u8]) -> Vec<Vec<u8>>, "allowed"),
        (&SITE, &one_bad, "denied PLM-E03 /PLM-S34"),
        (&STRANGER, &all_good, "denied PLM-E03 /PLM-S17"),
        (&STRANGER, &one_bad, "denied PLM-E03 /PLM-S17"),
    ] {
        assert_eq!(judge(&policy, vec![made(sigstore, over)]), want);
    }
}

/// Whom a certificate names is read at once: nothing else of a stranger's is looked at.
#[test]
fn who_is_not_even_called_so_is_not_looked_at() {
    let policy = by_subject(json!({"equals": "dev@example.com"}));
    let unlogged = signed(&STRANGER.signing("x@example.com", ISSUER, at("2026-06-01T12:00:00Z")).log(None));
    assert_eq!(judge(&policy, vec![unlogged]), "denied PLM-E03 /PLM-S22");
    let unlogged = signed(&STRANGER.signing("dev@example.com", ISSUER, at("2026-06-01T12:00:00Z")).log(None));
    assert_eq!(judge(&policy, vec![unlogged]), "denied PLM-E03 /PLM-S24");
}

/// Good policies whose author should look again.
#[test]
fn what_is_wide_or_ends_soon_is_warned_about() {
    let github = |subject: &str, claims: Value| {
        let mut keyless = json!({"root": "site", "issuer": ACTIONS, "subject": {"glob": subject}});
        if claims.is_object() {
            keyless["claims"] = claims;
        }
        json!({ "keyless": keyless })
    };
    let any = "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/v*";
    let one = "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v*";
    let mut mail = signer(json!({"glob": "*@example.com"}));
    mail["not_after"] = json!("2026-11-30T00:00:00Z");
    for (a, expires, want) in [
        (github(one, Value::Null), "2027-06-01T00:00:00Z", &[][..]),
        (github(any, Value::Null), "2027-06-01T00:00:00Z", &["signer a: `https://github.com/acme/*/"]),
        (
            github("https://github.com/acme/shop/.github/workflows/*@refs/heads/main", Value::Null),
            "2027-06-01T00:00:00Z",
            &["fits more"],
        ),
        (
            github(any, json!({"source_repository": "https://github.com/acme/shop"})),
            "2027-06-01T00:00:00Z",
            &[],
        ),
        (github(any, json!({"build_trigger": "push"})), "2027-06-01T00:00:00Z", &["source_repository"]),
        (mail, "2026-12-01T00:00:00Z", &["the policy expires at 2026-12-01", "after 2026-11-30"]),
        (signer(json!({"glob": "*@example.com"})), "2026-11-01T00:00:00Z", &[]),
    ] {
        let mut policy =
            policy(json!({"site": {"trusted_root": "site.json"}}), json!({ "a": a }), json!("a"));
        policy["expires"] = json!(expires);
        let told: Vec<_> = load(&policy).unwrap().warnings(now()).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), want.len(), "{told:?} {want:?}");
        for (told, want) in told.iter().zip(want) {
            assert!(told.contains(want), "{told} {want}");
        }
    }
}
