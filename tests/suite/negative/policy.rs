//! Policies: whatever is changed in one, no image is allowed that nobody signed or that a stranger signed; and a change that makes no
//! difference to a good image is one that is listed here.

use std::collections::BTreeMap;
use std::fs;

use plimsoll::base::Checked;
use plimsoll::crypto::PrivateKey;
use plimsoll::format::manifest::{Descriptor, OCI_MANIFEST};
use plimsoll::sign;

use super::{Harmless, Mutant, SAME_DOCUMENT, Said, mutants, none_proves, one_each};
use crate::registry::Referrers;
use crate::verify::Shop;

const VEX: &str = "https://openvex.dev/ns";

/// JSON is YAML. Every member matters.
fn policy(shop: &Shop) -> String {
    let pem = |key: &PrivateKey| serde_json::Value::from(key.public().to_pem());
    let text = format!(
        r#"{{"version":"plimsoll.trust/v1","name":"shop","revision":4,"expires":"2999-01-01T00:00:00Z",
        "signers":{{"ours":{{"key":{{"pem":{}}}}},"theirs":{{"key":{{"pem":{}}},"not_after":"2020-01-01T00:00:00Z"}}}},
        "baseline":{{"reference":{{"digest":true}}}},
        "rules":[{{"name":"ours","images":["HOST/team/app"],"require":{{"signature":{{"by":{{"all":["ours"]}},"annotations":{{"env":"prod"}}}},
        "attestations":[{{"type":"{VEX}","by":"ours"}}]}}}},{{"name":"never","images":["HOST/other/**"],"deny":{{"reason":"never deployed here"}}}}],
        "revoked":[{{"signer":"theirs","at":"2020-01-01T00:00:00Z","reason":"left the team"}}]}}"#,
        pem(&shop.ours),
        pem(&shop.theirs),
    );
    text.replace("HOST", &shop.registry.host()).replace("\n        ", "")
}

/// An image that differs from the shop's in this note, in the same repository.
fn another(shop: &Shop, note: &str) -> Descriptor {
    let (_, manifest) = shop.registry.manifest("team/app", "v1").expect("the image");
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("a manifest");
    manifest["annotations"] = serde_json::json!({"note": note});
    let content = Checked::of(manifest.to_string().into_bytes());
    shop.registry.put_manifest("team/app", ":", OCI_MANIFEST, content.bytes());
    Descriptor::of(OCI_MANIFEST, &content)
}

/// Signs `image` and attests it, as the policy demands.
fn satisfy(shop: &Shop, image: &Descriptor, key: &PrivateKey) {
    let name = shop.registry.repository("team/app");
    let annotations = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    let signature =
        sign::image_signature(&name, image.digest, &annotations).and_then(|unsigned| unsigned.signed_by(key));
    let vex = sign::attestation(&name, image.digest, VEX, b"{}").and_then(|unsigned| unsigned.signed_by(key));
    shop.attach(&signature.expect("a signature"), image);
    shop.attach(&vex.expect("an attestation"), image);
}

const HARMLESS: &[Harmless] = &[
    ("name-in-single-quotes", "*", "YAML: another spelling of the same name"),
    ("comma-last", "*", "YAML: a comma after the last member is nothing"),
    ("nothing", "rules[1]", "YAML: a comma after the last item is nothing"),
    ("byte-order-mark", "", "YAML 1.2.2, 5.2: a byte order mark may start a document"),
    ("*", "name", "the policy's name is shown, and decides nothing"),
    ("*", "rules[0].name", "a rule's name is shown, and decides nothing"),
    ("number-other", "revision", "another revision"),
    ("time-after", "expires", "good for longer"),
    ("text-*", "signers.ours.key.pem", "text after the key's last line is not the key"),
    ("*", "signers.theirs*", "another signer, who is not asked for"),
    ("dropped", "baseline", "asks for less"),
    ("dropped", "rules[0].require.*", "asks for less"),
    ("doubled", "rules[0].require.attestations[0]", "asks for the same twice"),
    ("list-*", "rules[0].require.attestations", "asks for the same again and again"),
    ("*", "rules[1]*", "a rule for another image"),
    ("list-reversed", "rules", "the most specific rule is taken wherever it stands"),
    ("*", "revoked*", "another signer is revoked, or for another reason"),
];

#[test]
fn a_changed_policy_lets_nobody_else_in() {
    let shop = Shop::new(Referrers::On);
    satisfy(&shop, &shop.image, &shop.ours);
    let (unsigned, theirs) = (another(&shop, "unsigned"), another(&shop, "theirs"));
    satisfy(&shop, &theirs, &shop.theirs);
    let ask = |image: &Descriptor| {
        let image = format!("[HOST]/team/app@{}", image.digest);
        let run = shop.run(["verify", "--policy", "[DIR]/policy.json", &image]);
        let said = format!("{}{}", run.stdout, run.stderr);
        let code = said
            .split("PLM-")
            .nth(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
        match (run.code, code) {
            (0, _) => Said::Same,
            (1..=3, Some(code)) => Said::Refused(format!("PLM-{code}")),
            (exit, _) => Said::Other(format!("{exit} {said}")),
        }
    };
    let judge = |mutant: &Mutant| {
        fs::write(shop.folder.path().join("policy.json"), &mutant.bytes).expect("a folder of ours");
        let good = ask(&shop.image);
        // What is no policy is none for any image.
        if matches!(&good, Said::Refused(code) if code.starts_with("PLM-P") && !EXPIRY.contains(&code.as_str()))
        {
            return good;
        }
        for other in [&unsigned, &theirs] {
            if !matches!(ask(other), Said::Refused(_)) {
                return Said::Other(format!("{other:?} is allowed"));
            }
        }
        good
    };
    let text = policy(&shop);
    let good = Mutant { kind: "good", path: String::new(), bytes: text.clone().into_bytes() };
    assert_eq!(judge(&good), Said::Same);
    none_proves("policy", 1200, one_each(mutants(&text)), &[SAME_DOCUMENT, HARMLESS], judge);
}

/// The two codes of a policy that are about time, not about the file.
const EXPIRY: [&str; 2] = ["PLM-P02", "PLM-P03"];
