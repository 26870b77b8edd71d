//! Keys that somebody else keeps: the KMS plugins of Sigstore (github.com/sigstore/sigstore, pkg/signature/kms/cliplugin, protocol v1). Each
//! question is one run of the program `sigstore-kms-NAME`: the question as JSON in its second argument, the message on its stdin, the answer
//! as JSON on its stdout. Its exit code means nothing if it answered. What it answers is checked by whoever asked.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{fmt, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::Environment;
use crate::base::{Algorithm, Printable, limits};
use crate::crypto::{KeyError, PublicKey};
use crate::format::json::parse_strict;

/// A key that the program `sigstore-kms-NAME` can use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KmsKey {
    name: String,
    resource: String,
}

impl KmsKey {
    /// Of a key reference `NAME://RESOURCE`; none if `name` cannot be part of a program's name.
    pub fn new(name: &str, resource: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = !name.is_empty() && name.len() <= 64 && name.bytes().all(fits);
        is_name.then(|| Self { name: name.to_owned(), resource: resource.to_owned() })
    }

    /// Asks for the public half.
    pub async fn public_key(&self, environment: &Environment) -> Result<PublicKey, KmsError> {
        let method = json!({"publicKeyOptions": {"rpcOptions": rpc_options()}});
        // cosign asks with SHA-256, whatever the key turns out to be.
        let question =
            Question { method: "publicKey", options: method, hash: Some(Algorithm::Sha256), message: &[] };
        let answer = self.ask(question, environment, PATIENCE).await?;
        let incomplete = || KmsError::Incomplete { program: self.program(), method: "publicKey" };
        let pem = answer.public_key.ok_or_else(incomplete)?.public_key_pem;
        let pem = self.decode(&pem)?;
        let pem = String::from_utf8(pem).map_err(|_| KmsError::Base64 { program: self.program() })?;
        PublicKey::from_pem(&pem).map_err(|source| KmsError::PublicKey { program: self.program(), source })
    }

    /// Asks for a signature over `message`; `hash` is none where the message itself is signed. It may be anything: check it.
    pub async fn sign(
        &self,
        hash: Option<Algorithm>,
        message: &[u8],
        environment: &Environment,
    ) -> Result<Vec<u8>, KmsError> {
        let options = json!({"rpcOptions": rpc_options(), "messageOptions": {"hashFunc": number(hash)}});
        let options = json!({"signOptions": options});
        let question = Question { method: "signMessage", options, hash, message };
        let answer = self.ask(question, environment, PATIENCE).await?;
        let incomplete = || KmsError::Incomplete { program: self.program(), method: "signMessage" };
        self.decode(&answer.sign_message.ok_or_else(incomplete)?.signature)
    }

    /// What is run.
    pub fn program(&self) -> String {
        format!("sigstore-kms-{}", self.name)
    }

    async fn ask(
        &self,
        Question { method, options, hash, message }: Question<'_>,
        environment: &Environment,
        patience: Duration,
    ) -> Result<Answer, KmsError> {
        let program = find(&self.program(), environment)
            .ok_or_else(|| KmsError::NotFound { program: self.program() })?;
        let question = json!({
            "initOptions": {
                "protocolVersion": PROTOCOL,
                "keyResourceID": self.resource,
                "hashFunc": number(hash),
                "rpcOptions": rpc_options(),
            },
            "methodName": method,
            (method): options,
        });
        let not_run = |source| KmsError::NotRun { program: self.program(), source };
        let child = Command::new(program)
            .args([PROTOCOL, &question.to_string()])
            .env_clear()
            // It keeps a key; passwords of other keys, and tokens with which it could sign as somebody else, are not its business.
            .envs(environment.without_secrets())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It may ask for a touch or a number there, and says there what is wrong.
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(not_run)?;
        let (status, output) = tokio::time::timeout(patience, converse(child, message))
            .await
            .map_err(|_| KmsError::Slow { program: self.program() })?
            .map_err(not_run)?;
        self.read(status, &output)
    }

    fn read(&self, status: Option<ExitStatus>, output: &[u8]) -> Result<Answer, KmsError> {
        let program = self.program();
        let Some(status) = status else { return Err(KmsError::OutputTooLarge { program }) };
        match parse_strict::<Answer>(output) {
            Ok(Answer { error_message, .. }) if !error_message.is_empty() => {
                Err(KmsError::Refused { program, message: error_message.chars().take(512).collect() })
            }
            Ok(answer) => Ok(answer),
            Err(_) if !status.success() => Err(KmsError::Failed { program, status }),
            Err(_) => Err(KmsError::Answer { program }),
        }
    }

    fn decode(&self, text: &str) -> Result<Vec<u8>, KmsError> {
        STANDARD.decode(text).map_err(|_| KmsError::Base64 { program: self.program() })
    }
}

impl fmt::Display for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, Printable(&self.resource))
    }
}

/// Writes the message and reads the answer at once: neither side waits for the other. No exit status: the answer is too long.
async fn converse(mut child: Child, message: &[u8]) -> io::Result<(Option<ExitStatus>, Vec<u8>)> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let Some(mut input) = input {
            // A program that does not read is no error by itself: it may have refused already.
            let _ = input.write_all(message).await;
        }
        Ok(())
    };
    let read = async {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            output.take(limits::HELPER_OUTPUT + 1).read_to_end(&mut bytes).await.map_err(Stopped::Unread)?;
        }
        if bytes.len() as u64 > limits::HELPER_OUTPUT { Err(Stopped::TooLong) } else { Ok(bytes) }
    };
    match futures_util::future::try_join(write, read).await {
        Ok(((), bytes)) => Ok((Some(child.wait().await?), bytes)),
        Err(Stopped::TooLong) => Ok((None, Vec::new())),
        Err(Stopped::Unread(error)) => Err(error),
    }
}

enum Stopped {
    TooLong,
    Unread(io::Error),
}

/// Searches PATH as Go does: never in the current folder, whatever PATH says, for that may be a stranger's checkout.
fn find(program: &str, environment: &Environment) -> Option<PathBuf> {
    let path = environment.get("PATH")?;
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// As Go numbers hash functions (package `crypto`).
fn number(hash: Option<Algorithm>) -> u8 {
    match hash {
        None => 0,
        Some(Algorithm::Sha256) => 5,
        Some(Algorithm::Sha384) => 6,
        Some(Algorithm::Sha512) => 7,
    }
}

/// What cosign says.
fn rpc_options() -> Value {
    json!({"keyVersion": "", "remoteVerification": false})
}

const PROTOCOL: &str = "v1";
const PATIENCE: Duration = Duration::from_secs(limits::HELPER_SECONDS);

/// One run of the program.
struct Question<'a> {
    method: &'static str,
    options: Value,
    hash: Option<Algorithm>,
    message: &'a [u8],
}

/// Newer programs may say more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    error_message: String,
    public_key: Option<PublicKeyAnswer>,
    sign_message: Option<SignMessageAnswer>,
}

#[derive(Deserialize)]
struct PublicKeyAnswer {
    #[serde(rename = "publicKeyPEM")]
    public_key_pem: String,
}

#[derive(Deserialize)]
struct SignMessageAnswer {
    signature: String,
}

/// Why a KMS program gave no key and no signature.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// Not the protocol's JSON.
    #[error("`{program}` did not answer as the protocol says")]
    Answer {
        /// Which.
        program: String,
    },
    /// Not the standard alphabet with padding, or not text.
    #[error("`{program}` answered with something that is not base64")]
    Base64 {
        /// Which.
        program: String,
    },
    /// No answer at all.
    #[error("`{program}` failed: {status}")]
    Failed {
        /// Which.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// An answer to another question.
    #[error("`{program}` did not answer what `{method}` asks")]
    Incomplete {
        /// Which.
        program: String,
        /// What was asked.
        method: &'static str,
    },
    /// Nowhere in PATH.
    #[error("there is no program `{program}` in PATH")]
    NotFound {
        /// Which.
        program: String,
    },
    /// Not a program, or it went away.
    #[error("`{program}` cannot be run")]
    NotRun {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Over the limit.
    #[error("`{program}` answered with more than {} bytes", limits::HELPER_OUTPUT)]
    OutputTooLarge {
        /// Which.
        program: String,
    },
    /// What it says is the public key.
    #[error("the public key that `{program}` gave cannot be used")]
    PublicKey {
        /// Which.
        program: String,
        /// Why.
        source: KeyError,
    },
    /// The program's own words.
    #[error("`{program}` refused: {}", Printable(.message))]
    Refused {
        /// Which.
        program: String,
        /// Its reason.
        message: String,
    },
    /// Over the limit.
    #[error("`{program}` did not answer within {} seconds", limits::HELPER_SECONDS)]
    Slow {
        /// Which.
        program: String,
    },
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::io::stub::wait;

    fn program(script: &str) -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sigstore-kms-test");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        (folder, Environment::from_iter([("PATH".to_owned(), path)]))
    }

    fn ask(script: &str, message: &[u8]) -> Result<Answer, KmsError> {
        let (_folder, environment) = program(script);
        let question = Question { method: "signMessage", options: json!({}), hash: None, message };
        let key = KmsKey::new("test", "a").unwrap();
        wait(key.ask(question, &environment, Duration::from_secs(5)))
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let (_folder, environment) = program("exec sleep 600");
        let key = KmsKey::new("test", "a").unwrap();
        let question = Question { method: "signMessage", options: json!({}), hash: None, message: b"x" };
        let asked = wait(key.ask(question, &environment, Duration::from_millis(300)));
        assert!(matches!(asked, Err(KmsError::Slow { .. })));
    }

    #[test]
    fn neither_side_waits_for_the_other() {
        let large = vec![0; 1 << 20];
        let answer = r#"{"signMessage":{"signature":"AA=="}}"#;
        // Reads nothing; reads at the end; answers first.
        for script in [
            format!("printf '%s' '{answer}'"),
            format!("cat >/dev/null; printf '%s' '{answer}'"),
            format!("printf '%s' '{answer}'; cat >/dev/null"),
        ] {
            assert!(ask(&script, &large).is_ok(), "{script}");
        }
        assert!(matches!(ask("exec cat /dev/zero", &large), Err(KmsError::OutputTooLarge { .. })));
    }

    // A stranger's checkout may hold a program of that name.
    #[test]
    fn the_current_folder_is_not_searched() {
        let (folder, _) = program("exit 1");
        std::fs::write(folder.path().join("sigstore-kms-text"), "not a program").unwrap();
        let found = |name: &str, path: &str| {
            find(
                &format!("sigstore-kms-{name}"),
                &Environment::from_iter([("PATH".to_owned(), path.to_owned())]),
            )
        };
        let here = folder.path().to_str().unwrap();
        assert!(found("test", here).is_some());
        assert!(found("test", &format!("/nonexistent:{here}")).is_some());
        let up = "../".repeat(std::env::current_dir().unwrap().components().count());
        let relative = format!("{up}{}", here.trim_start_matches('/'));
        assert!(Path::new(&relative).join("sigstore-kms-test").is_file(), "{relative}");
        for path in ["", ":", &relative, &format!(".:{relative}")] {
            assert_eq!(found("test", path), None, "{path}");
        }
        assert_eq!(found("text", here), None);
        assert_eq!(find("sigstore-kms-test", &Environment::default()), None);
    }
}
