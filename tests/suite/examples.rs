//! What the tree shows users is true.

use std::path::Path;

use plimsoll::base::Secret;
use plimsoll::crypto::{PrivateKey, PublicKey};

#[test]
fn the_example_keys_are_a_pair_and_the_password_is_the_one_told() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let told = read("README.md");
    let password = told.split("encrypted with the password `").nth(1).unwrap().split('`').next().unwrap();
    let private =
        PrivateKey::from_encrypted_pem(&read("example.key"), &Secret::new(password.as_bytes().to_vec()))
            .unwrap();
    assert_eq!(private.public(), PublicKey::from_pem(&read("example.pub")).unwrap());
}
