//! `phonesim ca`.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;

use super::{Run, text};
use crate::simulator::lab_ca::{self, LabCa};

#[derive(Args)]
pub(super) struct CaArguments {
    /// Where to: ca.pem, ca.key, server.pem, server.key. Nothing is overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Names and addresses of the gateway.
    #[arg(long = "name", default_values = ["localhost", "127.0.0.1", "::1"])]
    names: Vec<String>,
}

impl CaArguments {
    pub(super) fn make(self) -> Run {
        LabCa::create(&self.out, &self.names, SystemTime::now()).map_err(text)?;
        for name in [lab_ca::CA, lab_ca::CA_KEY, lab_ca::SERVER, lab_ca::SERVER_KEY] {
            println!("{}", self.out.join(name).display());
        }
        Ok(true)
    }
}
