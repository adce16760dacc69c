//! Reading the values of secrets where the program runs.

use std::fmt;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio::sync::oneshot;

use crate::error::Retry;
use crate::spec::SecretSource;

/// Reads the values of secrets.
#[async_trait]
pub trait SecretReader: fmt::Debug + Send + Sync + 'static {
    /// The value that stands at `source` now. Not asked for what [only the target
    /// reads](SecretSource::is_read_by_target).
    ///
    /// # Errors
    /// [`SecretError`], which never holds a value.
    async fn read(&self, source: &SecretSource) -> Result<SecretString, SecretError>;
}

/// A secret that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {what}: {why}")]
pub struct SecretError {
    what: String,
    why: String,
    retry: Retry,
}

impl SecretError {
    /// An error about what stands at `source`; `why` must not hold any part of the value.
    pub fn new(source: &SecretSource, why: impl Into<String>) -> Self {
        Self { what: describe(source), why: why.into(), retry: Retry::Never }
    }

    /// Says whether to try again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Whether to try again. Default: never.
    pub fn retry(&self) -> Retry {
        self.retry
    }
}

/// Names a source without its arguments, which might hold more than a person wants to see.
fn describe(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the environment variable {name}"),
        SecretSource::File(path) => format!("the file {path}"),
        SecretSource::Command(words) => {
            format!("what `{}` prints", words.first().map(String::as_str).unwrap_or_default())
        }
        SecretSource::Kubernetes { secret, key } => format!("the key {key} of the Kubernetes Secret {secret}"),
        SecretSource::Aws(arn) => format!("the AWS secret {arn}"),
    }
}

/// Reads secrets from the environment, from files and from programs of the machine that deploys.
#[derive(Clone, Copy, Debug)]
pub struct LocalSecrets {
    timeout: Duration,
}

/// Nothing longer fits in an environment variable together with others.
const LONGEST: usize = 64 * 1024;

impl Default for LocalSecrets {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30) }
    }
}

impl LocalSecrets {
    /// Reads with a limit of 30s for each secret.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a program may take to print a secret.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

#[async_trait]
impl SecretReader for LocalSecrets {
    async fn read(&self, source: &SecretSource) -> Result<SecretString, SecretError> {
        let fail = |why: &str| SecretError::new(source, why);
        let late = || fail("it took too long").with_retry(Retry::Later { after: None });
        match source {
            SecretSource::Env(name) => read_env(name).map_err(|why| fail(&why)),
            SecretSource::File(path) => {
                let path = path.clone();
                let bytes = in_thread(move || {
                    std::fs::File::open(path).map_err(|error| error.kind().to_string()).and_then(read_all)
                });
                let bytes = tokio::time::timeout(self.timeout, bytes).await.map_err(|_| late())?;
                bytes.and_then(|bytes| to_secret(&bytes)).map_err(|why| fail(&why))
            }
            SecretSource::Command(words) => {
                let [program, arguments @ ..] = words.as_slice() else { return Err(fail("no program is named")) };
                let output = run(program, arguments);
                let output = tokio::time::timeout(self.timeout, output).await.map_err(|_| late())?;
                output.and_then(|bytes| to_secret(&bytes)).map_err(|why| fail(&why))
            }
            _ => Err(fail("only the target can read it")),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the spec names this variable as the source of a secret")]
fn read_env(name: &str) -> Result<SecretString, String> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Err("it is empty".to_owned()),
        Ok(value) => Ok(SecretString::from(value)),
        Err(std::env::VarError::NotPresent) => Err("it is not set".to_owned()),
        Err(std::env::VarError::NotUnicode(_)) => Err("it is not text in UTF-8".to_owned()),
    }
}

/// Runs what blocks in a thread of its own: one that hangs for ever must not keep the runtime from ending.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name("deploykit-secret".to_owned());
    // The thread may outlive whoever waits for it; then nobody takes the value, and it is wiped.
    let spawned = thread.spawn(move || drop(sender.send(work())));
    spawned.map_err(|error| error.kind().to_string())?;
    receiver.await.unwrap_or_else(|_| Err("the thread that read it ended".to_owned()))
}

/// Ends a program when nobody waits for it any more.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn run(program: &str, arguments: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut command = Command::new(program);
    // What it says on the way could be a part of the secret.
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = in_thread(move || command.spawn().map_err(|error| format!("it cannot be run: {}", error.kind())));
    let mut child = Killed(child.await?);
    let stdout = child.0.stdout.take().ok_or("it has no output")?;
    let output = in_thread(move || read_all(stdout)).await?;
    let status = loop {
        match child.0.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => return Err(error.kind().to_string()),
        }
    };
    match status.code() {
        Some(0) => Ok(output),
        Some(code) => Err(format!("it exited with {code}")),
        None => Err("it was ended by a signal".to_owned()),
    }
}

fn read_all(from: impl std::io::Read) -> Result<Zeroizing<Vec<u8>>, String> {
    // As large as it may get from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 64));
    let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
    from.take(limit).read_to_end(&mut bytes).map_err(|error| error.kind().to_string())?;
    if bytes.len() > LONGEST { Err(format!("it is longer than {LONGEST} bytes")) } else { Ok(bytes) }
}

fn to_secret(bytes: &[u8]) -> Result<SecretString, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text in UTF-8")?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(SecretString::from(text)) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn sh(script: &str) -> SecretSource {
        SecretSource::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    async fn read(source: &SecretSource) -> Result<String, String> {
        let value = LocalSecrets::new().read(source).await;
        value.map(|value| value.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn one_line_end_is_cut() {
        assert_eq!(read(&sh("printf 'a b\\n\\n'")).await.unwrap(), "a b\n");
        assert_eq!(read(&sh("printf 'a\\r\\n'")).await.unwrap(), "a");
        let file = std::env::temp_dir().join(format!("deploykit-secret-{}", std::process::id()));
        std::fs::write(&file, "from file\n").unwrap();
        let source = SecretSource::File(file.to_string_lossy().into_owned());
        assert_eq!(read(&source).await.unwrap(), "from file");
        std::fs::remove_file(file).unwrap();
    }

    #[tokio::test]
    async fn errors_name_the_source_and_not_the_value() {
        let error = read(&sh("echo hunter2; echo hunter2 >&2; exit 3")).await.unwrap_err();
        assert_eq!(error, "cannot read what `sh` prints: it exited with 3");
        let error = read(&sh("printf 'hunter2\\377'")).await.unwrap_err();
        assert_eq!(error, "cannot read what `sh` prints: it is not text in UTF-8");
        let error = read(&SecretSource::Env("DEPLOYKIT_NOT_SET".to_owned())).await.unwrap_err();
        assert_eq!(error, "cannot read the environment variable DEPLOYKIT_NOT_SET: it is not set");
        assert_eq!(read(&sh("true")).await.unwrap_err(), "cannot read what `sh` prints: it is empty");
        let missing = SecretSource::Command(vec!["/no/such/program".to_owned()]);
        let error = read(&missing).await.unwrap_err();
        assert_eq!(error, "cannot read what `/no/such/program` prints: it cannot be run: entity not found");
        let error = read(&SecretSource::File("/no/such/file".to_owned())).await.unwrap_err();
        assert_eq!(error, "cannot read the file /no/such/file: entity not found");
        assert!(read(&sh("head -c 70000 /dev/zero")).await.unwrap_err().contains("longer than"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_hangs_is_ended() {
        // The clock of the test runs ahead while the program sleeps.
        let error = LocalSecrets::new().read(&sh("exec sleep 600")).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read what `sh` prints: it took too long");
        assert_eq!(error.retry(), Retry::Later { after: None });
    }
}
