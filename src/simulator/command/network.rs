//! How the phones reach the gateway.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::numbers::{at_least_one, seconds};
use super::text;
use crate::domain::Credentials;
use crate::simulator::dial::{DialOptions, Dialer};
use crate::simulator::gateway_url::GatewayUrl;
use crate::simulator::own_cost;
use crate::simulator::phone::Habits;

#[derive(Args)]
pub(super) struct NetworkArguments {
    /// The gateway, as the phones are told it: http://127.0.0.1:8080/. Several, or a name with several
    /// addresses: each phone begins with one of them and turns to the next when that does not
    /// answer, or answers 503. Scan and operators ask the first.
    #[arg(long = "target", value_name = "URL", required = true)]
    targets: Vec<String>,
    /// The targets may be public, and you may flood them.
    #[arg(long)]
    pub(super) i_own_the_target: bool,
    /// Connections open at a time.
    #[arg(long, default_value_t = 1024, value_parser = at_least_one)]
    pub(super) connections: usize,
    /// Come from so many loopback addresses (127.1.0.1 and up), phone by phone.
    #[arg(long, value_name = "N", default_value_t = 0)]
    source_addresses: u32,
    /// Close connections with a reset, which leaves no TIME_WAIT. No real phone does.
    #[arg(long)]
    reset_on_close: bool,
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) connect_timeout: Duration,
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(super) answer_timeout: Duration,
    /// Attempts after the first, instead of the family's.
    #[arg(long)]
    retries: Option<u8>,
    /// Seconds before the second attempt, instead of the family's; doubles each time.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    retry_delay: Option<Duration>,
}

impl NetworkArguments {
    /// `others`: connections besides the phones'.
    pub(super) async fn dialer(&self, others: usize) -> Result<Dialer, String> {
        own_cost::make_room(self.connections.saturating_add(others))?;
        let mut targets = Vec::new();
        for url in &self.targets {
            let found = GatewayUrl::resolve_all(url, self.i_own_the_target).await;
            targets.extend(found.map_err(text)?);
        }
        let options = DialOptions {
            connections: self.connections,
            connect_timeout: self.connect_timeout,
            answer_timeout: self.answer_timeout,
            source_addresses: self.source_addresses,
            reset_on_close: self.reset_on_close,
        };
        Dialer::new(targets, options).map_err(text)
    }

    pub(super) fn habits(&self, forgets: bool, credentials: Option<Arc<Credentials>>) -> Habits {
        let NetworkArguments { retries, retry_delay, .. } = *self;
        Habits { retries, retry_delay, forgets, credentials }
    }
}
