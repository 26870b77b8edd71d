//! `plimsoll explain`.

use serde_json::Value;

use crate::plimsoll::Plimsoll;

fn explain(args: &[&str]) -> Plimsoll {
    Plimsoll::new().arg("explain").args(args.iter().copied())
}

#[test]
fn a_code_is_explained_however_it_is_typed() {
    let run = explain(&["PLM-S05"]).run().exits(0);
    assert!(run.stdout.starts_with("PLM-S05: it is an attestation, not a signature\n"), "{}", run.stdout);
    for part in
        ["\nWhat it means\n  ", "\nUsual cause\n  ", "\nWhat to do\n  - ", "`plimsoll sign --key FILE IMAGE`"]
    {
        assert!(run.stdout.contains(part), "{}", run.stdout);
    }
    for typed in ["plm-s05", "s05"] {
        assert_eq!(explain(&[typed]).run().exits(0).stdout, run.stdout);
    }
}

#[test]
fn without_a_code_all_are_listed() {
    let run = explain(&[]).run().exits(0);
    for line in run.stdout.lines() {
        assert!(line.starts_with("PLM-") && line.get(7..9) == Some("  "), "{line}");
    }
    assert!(run.stdout.lines().count() > 50);
}

#[test]
fn an_unknown_code_is_a_usage_error_with_the_nearest() {
    let run = explain(&["PLM-S0"]).run().exits(2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("there is no code `PLM-S0`"), "{}", run.stderr);
    assert!(run.stderr.contains("`plimsoll explain PLM-S01`"), "{}", run.stderr);
    let run = explain(&["\u{1b}[2J"]).run().exits(2);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

#[test]
fn the_json_answer_is_as_its_schema_says() {
    let schema = serde_json::from_str(include_str!("../../schemas/explain.v1.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let answer = |args: &[&str]| {
        let run = explain(args).args(["--format", "json"]).run().exits(0);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        let errors: Vec<String> = schema.iter_errors(&answer).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        answer
    };
    assert_eq!(answer(&["e02"])["codes"][0]["code"], "PLM-E02");
    let mut all = answer(&[]);
    assert!(all["codes"].as_array().unwrap().len() > 50);
    all["codes"][0]["code"] = "PLM-1".into();
    assert!(!schema.is_valid(&all));
}
