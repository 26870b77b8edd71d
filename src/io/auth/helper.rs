//! Credential helpers: `docker-credential-NAME get`, github.com/docker/docker-credential-helpers.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::{AuthError, Credentials};
use crate::base::{Secret, limits};
use crate::format::json::parse_strict;
use crate::io::Environment;

/// Asks the helper `name` for the credentials of `server`; none if it has none.
pub(super) async fn ask(
    name: &str,
    server: &str,
    environment: &Environment,
) -> Result<Option<Credentials>, AuthError> {
    ask_within(Duration::from_secs(limits::HELPER_SECONDS), name, server, environment).await
}

/// The same, of a helper that must answer in `time`.
async fn ask_within(
    time: Duration,
    name: &str,
    server: &str,
    environment: &Environment,
) -> Result<Option<Credentials>, AuthError> {
    let owned = || name.to_owned();
    let child = Command::new(format!("docker-credential-{name}"))
        .arg("get")
        .env_clear()
        // Who looks up registries has no use for the password of the signing key.
        .envs(environment.iter().filter(|(name, _)| !PASSWORDS.contains(name)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| AuthError::HelperNotRun { name: owned(), source })?;
    let (succeeded, output) = tokio::time::timeout(time, converse(child, server))
        .await
        .map_err(|_| AuthError::HelperSlow { name: owned() })?
        .map_err(|source| AuthError::HelperNotRun { name: owned(), source })?;
    if output.expose().len() as u64 > limits::HELPER_OUTPUT {
        return Err(AuthError::HelperOutputTooLarge { name: owned() });
    }
    if !succeeded {
        // The protocol puts errors on stdout; this one means that there are none.
        let message = String::from_utf8_lossy(output.expose()).trim().to_owned();
        if message.contains("credentials not found") {
            return Ok(None);
        }
        // What it had all the same is shown to nobody.
        let is_secret = message.to_ascii_lowercase().contains("\"secret\"");
        let message = if is_secret { "[redacted]".to_owned() } else { message.chars().take(200).collect() };
        return Err(AuthError::HelperRefused { name: owned(), server: server.to_owned(), message });
    }
    let answer: Answer =
        parse_strict(output.expose()).map_err(|_| AuthError::HelperOutput { name: owned() })?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
    let secret = Secret::new(answer.secret);
    Ok(Some(match answer.username.as_str() {
        "<token>" => Credentials::IdentityToken { username: answer.username, token: secret },
        _ => Credentials::Basic { username: answer.username, password: secret },
    }))
}

async fn converse(mut child: Child, server: &str) -> std::io::Result<(bool, Secret<Vec<u8>>)> {
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read is no error by itself.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(limits::HELPER_OUTPUT + 1).read_to_end(&mut output).await?;
    }
    if output.len() as u64 > limits::HELPER_OUTPUT {
        return Ok((false, Secret::new(output)));
    }
    Ok((child.wait().await?.success(), Secret::new(output)))
}

/// Whether `name` may become part of a program's name: nothing that leaves the search path.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Variables with the password of a signing key.
const PASSWORDS: [&str; 2] = ["COSIGN_PASSWORD", "PLIMSOLL_PASSWORD"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::io::stub::wait;

    // A script around a helper that says what it got and then fails: its words are in the log of a pipeline for all to read.
    #[test]
    fn credentials_of_a_helper_that_fails_are_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker-credential-sad");
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let environment: Environment = [("PATH".to_owned(), path)].into_iter().collect();
        for (said, shown) in [
            (r#"{"ServerURL":"x","Username":"alice","Secret":"s3cret"}"#, false),
            (r#"warning: old\n{ "secret" : "s3cret" "#, false),
            ("the key ring of alice is locked", true),
        ] {
            fs::write(&program, format!("#!/bin/sh\nprintf '{said}'\nexit 1\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let error = wait(ask("sad", "r.example", &environment)).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("s3cret"), "{text}");
            assert_eq!(text.contains("key ring of alice"), shown, "{text}");
        }
    }

    #[test]
    fn a_helper_that_hangs_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let (program, pid) = (folder.path().join("docker-credential-slow"), folder.path().join("pid"));
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let environment = [("PATH".to_owned(), path)].into_iter().collect();
        // One that says nothing, and one that says half of it.
        for said in ["", r#"{"Username":"alice","#] {
            let script = format!("#!/bin/sh\necho $$ >{}\nprintf '{said}'\nexec sleep 60\n", pid.display());
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let started = Instant::now();
            let asked = ask_within(Duration::from_secs(1), "slow", "r.example", &environment);
            // Killing is one thing, and taking notice of the end another: both need the runtime.
            let result = wait(async {
                let result = asked.await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                result
            });
            assert!(matches!(result, Err(AuthError::HelperSlow { .. })), "{result:?}");
            assert!(started.elapsed() < Duration::from_secs(30));
            let process = Path::new("/proc").join(fs::read_to_string(&pid).unwrap().trim()).join("cmdline");
            assert!(!fs::read_to_string(process).unwrap_or_default().contains("sleep"), "it still runs");
        }
    }
}
