//! Networks that get nothing, and why.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Mac, Revision, Timestamp};

/// A network that gets nothing for a time. Phones that are served there, or that prove themselves, go
/// on being served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Whom it is of. No bits are set behind the prefix.
    pub network: IpNet,
    /// When it was made, or made longer.
    pub since: Timestamp,
    /// When it ends. It stays on record for [`Ban::REMEMBERED_S`] after, so that the next one of the
    /// network is longer.
    pub until: Timestamp,
    /// How often the network was banned, this time included; 1 at least.
    pub times: u32,
    /// Why, for operators.
    pub reason: String,
    /// Who made it: a login, or `gateway`.
    pub made_by: String,
    /// Requests that led to it, newest first; at most [`Ban::MAX_EVIDENCE`].
    pub evidence: Vec<BanEvidence>,
    /// [`Revision::NONE`] before it is stored.
    pub revision: Revision,
}

/// One request that led to a ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanEvidence {
    /// When it came.
    pub at: Timestamp,
    /// Where from.
    pub address: IpAddr,
    /// The device that it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// What it asked for, without what may be secret.
    pub target: String,
    /// How it named itself, control characters escaped; empty when it did not.
    pub user_agent: String,
}

/// What the store keeps in one column.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    reason: String,
    made_by: String,
    #[serde(default)]
    evidence: Vec<BanEvidence>,
}

impl Ban {
    /// Bans at a time. At 2 KB 200 MB of a database, and 100 bytes each in memory.
    pub const MAX: usize = 100_000;
    /// Requests that are kept with a ban.
    pub const MAX_EVIDENCE: usize = 10;
    /// The longest target or User-Agent that is kept of one.
    pub const MAX_EVIDENCE_TEXT: usize = 128;
    /// The first ban of a network that walks MACs, in seconds; each one that follows is four times
    /// as long as the one before.
    pub const FIRST_S: i64 = 600;
    /// The longest ban that a gateway makes by itself: a week. An address may be another's by then.
    pub const LONGEST_S: i64 = 7 * 24 * 3_600;
    /// So long a ban counts for the length of the next one.
    pub const REMEMBERED_S: i64 = 30 * 24 * 3_600;

    /// How long the ban lasts that is a network's so many times one.
    #[must_use]
    pub fn lasts_s(times: u32) -> i64 {
        let fourfold = 4_i64.saturating_pow(times.saturating_sub(1));
        Ban::FIRST_S.saturating_mul(fourfold).min(Ban::LONGEST_S)
    }

    /// Why nobody bans such a network: the end of a sentence that begins with what it is of. One that
    /// is wider than the shortest prefixes is a slip of the keyboard, and half the internet.
    #[must_use]
    pub fn unfit_network(network: IpNet) -> Option<String> {
        let shortest = match network {
            IpNet::V4(_) => 8,
            IpNet::V6(_) => 16,
        };
        if network.prefix_len() < shortest {
            return Some(format!("is wider than /{shortest}, the widest that is banned"));
        }
        // Addresses are compared as IPv4 where they are.
        let canonical = network.addr().to_canonical();
        (canonical != network.addr())
            .then(|| format!("is IPv4: write it as {canonical}, with a prefix of up to /32"))
    }

    /// Whether the network gets nothing at that time.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Reason, maker and evidence as JSON, for a store.
    pub(crate) fn told(&self) -> String {
        let told = Told {
            reason: self.reason.clone(),
            made_by: self.made_by.clone(),
            evidence: self.evidence.clone(),
        };
        serde_json::to_string(&told).expect("it is made of texts and numbers")
    }

    /// With what [`Ban::told`] made.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn with_told(self, text: &str) -> Result<Ban, serde_json::Error> {
        let Told { reason, made_by, evidence } = serde_json::from_str(text)?;
        Ok(Ban { reason, made_by, evidence, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ban_is_four_times_the_one_before_and_a_week_at_most() {
        let minutes: Vec<i64> = (1..=6).map(|times| Ban::lasts_s(times) / 60).collect();
        assert_eq!(minutes, [10, 40, 160, 640, 2_560, 10_080]);
        assert_eq!(Ban::lasts_s(u32::MAX), Ban::LONGEST_S);
    }

    #[test]
    fn half_the_internet_is_not_banned_nor_ipv4_in_disguise() {
        let is_fit = |text: &str| Ban::unfit_network(text.parse().unwrap()).is_none();
        for text in ["10.0.0.0/8", "192.0.2.7/32", "2001::/16", "2001:db8::7/128"] {
            assert!(is_fit(text), "{text}");
        }
        for text in ["10.0.0.0/7", "0.0.0.0/0", "2000::/15", "::ffff:192.0.2.0/120"] {
            assert!(!is_fit(text), "{text}");
        }
    }
}
