//! What the phones show who asks them for a user and a password.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::domain::Credentials;
use crate::domain::settings::Secret;

#[derive(Args)]
pub(super) struct CredentialsArguments {
    /// The user that the phones name where they are asked for one: Digest, and Basic over TLS.
    /// Without it they take a challenge for a refusal. Scan shows nothing.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// A file with the password of that user; or PHONESIM_PASSWORD in the environment.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

impl CredentialsArguments {
    pub(super) fn read(&self) -> Result<Option<Arc<Credentials>>, String> {
        let Some(user) = self.user.clone() else { return Ok(None) };
        // What no header can have would never be shown, and the run tell of refusals.
        if !user.chars().all(|own| matches!(own, ' '..='~')) {
            return Err("--user must be printable ASCII".to_owned());
        }
        let password = match &self.password_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
            None => std::env::var("PHONESIM_PASSWORD")
                .map_err(|_| "--user needs --password-file FILE or PHONESIM_PASSWORD")?,
        };
        // As an editor leaves a file: the end of its line is not of the password.
        let password = password.trim_end_matches(['\r', '\n']);
        let password = Secret::new(password.to_owned());
        Ok(Some(Arc::new(Credentials { user, password })))
    }
}
