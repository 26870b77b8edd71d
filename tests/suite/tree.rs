//! `plimsoll tree`.

use serde_json::json;

use crate::plimsoll::Run;
use crate::registry::{Fault, Mode, Referrers};
use crate::verify::{Shop, checked_json};

fn full(referrers: Referrers) -> Shop {
    let shop = Shop::new(referrers);
    shop.sign(&shop.ours);
    shop.attest("https://openvex.dev/ns", b"{}", &shop.theirs);
    shop.tag(".sig", &[shop.legacy_signature(&shop.ours)]);
    shop
}

#[track_caller]
fn lines(run: &Run, texts: &[&str]) {
    for text in texts {
        assert!(run.stdout.contains(text), "{text}\n{}", run.stdout);
    }
}

#[test]
fn lists_both_formats_and_says_that_nothing_is_verified() {
    for (list, origin) in [(Referrers::On, "referrers API"), (Referrers::Off, "fallback tag")] {
        let shop = full(list);
        let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(0);
        let hint = shop.ours.public().hint();
        lines(
            &run,
            &[
                &format!("[HOST]/team/app:v1@{}\n", shop.image.digest),
                &format!("via {origin}: not verified (says key {hint})\n"),
                " attestation https://openvex.dev/ns, sha256:",
                "via signature tag: not verified\n",
            ],
        );
        assert_eq!(run.stdout.lines().count(), 4, "{}", run.stdout);
    }
}

#[test]
fn a_key_tells_whose_they_are() {
    let shop = full(Referrers::On);
    let run = shop.run(["tree", "--key", "[DIR]/ours.pub", &shop.pinned()]).exits(0);
    lines(
        &run,
        &[
            "via referrers API: signed by [DIR]/ours.pub, verified\n",
            "via signature tag: signed by [DIR]/ours.pub, verified\n",
            "(PLM-S02)\n",
        ],
    );
    let run = shop.run(["tree", "--key", "[DIR]/ours.pub", "--key", "[DIR]/theirs.pub", &shop.pinned()]);
    lines(&run, &["attestation https://openvex.dev/ns", "signed by [DIR]/theirs.pub, verified\n"]);
}

#[test]
fn nothing_attached_is_an_answer() {
    let shop = Shop::new(Referrers::On);
    let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(0);
    lines(&run, &["nothing is attached\n"]);
    shop.run(["tree", "[HOST]/team/app:v2"]).exits(3);
    shop.run(["tree", "--key", "[DIR]/none.pub", "[HOST]/team/app:v1"]).exits(2);
}

#[test]
fn what_could_not_be_listed_is_said() {
    let shop = full(Referrers::On);
    shop.registry.fault(Fault::on("GET /v2/team/app/referrers/*", Mode::Status(500, "UNKNOWN")));
    let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(3);
    lines(&run, &["via signature tag", "? referrers of sha256:"]);
}

#[test]
fn the_json_answer_fits_its_schema() {
    let shop = full(Referrers::On);
    let args = ["tree", "--format", "json", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"];
    let answer = checked_json(&shop.run(args).exits(0), "tree");
    let verified: Vec<_> = answer["attached"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["kind"].as_str().unwrap(), item["verified"].as_bool().unwrap()))
        .collect();
    for want in [("signature", true), ("attestation", false)] {
        assert!(verified.contains(&want), "{answer:#}");
    }
    assert_eq!(answer["complete"], json!(true));
    shop.registry.fault(Fault::on("GET /v2/team/app/referrers/*", Mode::Status(500, "UNKNOWN")));
    let answer = checked_json(&shop.run(args).exits(3), "tree");
    assert_eq!(answer["complete"], json!(false));
}
