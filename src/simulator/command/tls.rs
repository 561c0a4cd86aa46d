//! How the phones do TLS.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::text;
use crate::domain::Mac;
use crate::simulator::gateway_url::GatewayUrl;
use crate::simulator::lab_ca::LabCa;
use crate::simulator::tls::{FleetTls, Trust, Versions};

#[derive(Args)]
pub(super) struct TlsArguments {
    /// Check the gateway's certificate against these authorities (PEM). Without it, any
    /// certificate is taken.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Give every phone a certificate of the authority in DIR (made by `phonesim ca`).
    #[arg(long, value_name = "DIR")]
    client_ca: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = TlsVersion::Both)]
    tls: TlsVersion,
}

#[derive(Clone, Copy, ValueEnum)]
enum TlsVersion {
    Both,
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

impl TlsArguments {
    /// What operators speak: TLS as the phones do, without a certificate.
    pub(super) fn of_operators(&self) -> Result<Arc<rustls::ClientConfig>, String> {
        let trust = self.trust.clone().map_or(Trust::Anyone, Trust::Authorities);
        let tls = FleetTls::new(&trust, Versions::Both, None).map_err(text)?;
        tls.of(Mac::from_bits(0)).map_err(text)
    }

    pub(super) fn of_fleet(&self, target: &GatewayUrl) -> Result<Option<FleetTls>, String> {
        if target.tls_name.is_none() {
            if self.trust.is_some() || self.client_ca.is_some() {
                return Err("--trust and --client-ca are for an https:// target".to_owned());
            }
            return Ok(None);
        }
        let trust = self.trust.clone().map_or(Trust::Anyone, Trust::Authorities);
        let versions = match self.tls {
            TlsVersion::Both => Versions::Both,
            TlsVersion::V1_2 => Versions::Tls12,
            TlsVersion::V1_3 => Versions::Tls13,
        };
        let ca = self.client_ca.as_deref().map(LabCa::load).transpose().map_err(text)?;
        FleetTls::new(&trust, versions, ca).map(Some).map_err(text)
    }
}
