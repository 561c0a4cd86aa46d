//! The operators of a run.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::network::NetworkArguments;
use super::text;
use super::tls::TlsArguments;
use crate::simulator::dial::{DialOptions, Dialer};
use crate::simulator::gateway_url::GatewayUrl;
use crate::simulator::operator::Operator;
use crate::simulator::scenario::Office;

/// The operators of onboard and churn.
#[derive(Args)]
pub(super) struct OfficeArguments {
    /// The gateway's admin API: http://127.0.0.1:8081/.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// A file with the API key of a System-Admin; or PHONESIM_KEY in the environment.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Operators at work at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) operators: u16,
    /// Companies that exist: phones are promoted to the first, churn assigns to all.
    #[arg(long = "company", default_values = ["default"])]
    companies: Vec<String>,
    /// What lines register with.
    #[arg(long, default_value = "sip.example.com")]
    registrar: String,
}

impl OfficeArguments {
    pub(super) async fn open(
        &self,
        network: &NetworkArguments,
        tls: &TlsArguments,
    ) -> Result<Office, String> {
        let url = self.admin.as_deref().ok_or("this scenario needs --admin URL")?;
        let target = GatewayUrl::resolve(url, network.i_own_the_target).await.map_err(text)?;
        let key = match &self.key_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
            None => std::env::var("PHONESIM_KEY")
                .map_err(|_| "this scenario needs --key-file FILE or PHONESIM_KEY")?,
        };
        let config = match target.tls_name {
            None => None,
            Some(_) => Some(tls.of_operators()?),
        };
        let operators = usize::from(self.operators);
        let options = DialOptions {
            connections: operators,
            connect_timeout: network.connect_timeout,
            answer_timeout: network.answer_timeout,
            ..DialOptions::default()
        };
        let dialer = Arc::new(Dialer::new(vec![target], options).map_err(text)?);
        let operator = || {
            let key = key.trim().to_owned();
            Arc::new(Operator::new(Arc::clone(&dialer), config.clone(), key))
        };
        Ok(Office {
            operators: (0..operators).map(|_| operator()).collect(),
            companies: self.companies.clone(),
            registrar: self.registrar.clone(),
        })
    }
}
