//! Which phones a fleet has; `phonesim fleet`.

use std::path::PathBuf;

use clap::Args;

use super::numbers::at_least_one;
use super::{Run, text};
use crate::catalogue::{Catalogue, Sources};
use crate::simulator::fleet::{self, Fleet, Plan};

#[derive(Args)]
pub(super) struct FleetArguments {
    /// How many.
    #[arg(long, short = 'n', default_value_t = 100, value_parser = at_least_one)]
    phones: usize,
    /// One of each type of the mix, and not --phones of them.
    #[arg(long, conflicts_with = "phones")]
    each: bool,
    /// Families or types with weights: yealink=3,t46s,snom=2. Default: every family alike.
    #[arg(long, default_value = "")]
    mix: String,
    /// The same seed gives the same phones.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// An operator's folder of families, over the built-in ones.
    #[arg(long)]
    templates: Option<PathBuf>,
}

impl FleetArguments {
    pub(super) fn build(&self) -> Result<Fleet, String> {
        let sources = Sources { templates_dir: self.templates.clone(), ..Sources::default() };
        let catalogue = Catalogue::load(&sources).map_err(text)?;
        let mix = fleet::parse_mix(&self.mix).map_err(text)?;
        if self.each {
            return Fleet::one_of_each(&catalogue, &mix, self.seed).map_err(text);
        }
        let plan = Plan { phones: self.phones, mix, seed: self.seed };
        Fleet::build(&catalogue, &plan).map_err(text)
    }

    pub(super) fn list(&self) -> Run {
        for member in self.build()?.members {
            println!("{} {}", member.mac, member.model.type_key);
        }
        Ok(true)
    }
}
