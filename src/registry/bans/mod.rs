//! Networks that get nothing: who bans them, and what an operator does about it.
//!
//! A ban that the gateway makes is in force at once, and stored behind the answer. It lasts ten
//! minutes the first time, and each time four times as long as the time before, a week at most; for
//! thirty days after it the network's next one is longer. Other gateways on the store have it within
//! a second.

mod table;
mod writer;

use std::net::IpAddr;
use std::time::Instant;

use ipnet::IpNet;
use serde_json::json;

use super::change::Plan;
use super::scans::{Alarm, Sweep};
use super::text::check_text;
use super::{Actor, LoggedTarget, Registry, RegistryError, RequestEvidence};
use crate::domain::{Action, Ban, BanEvidence, Event, Revision, Subject, Timestamp};
use crate::store::{Guard, MAX_REMEMBERED_COMMIT, Mutation, Object};

pub(super) use table::BanTable;
use writer::summary;
pub(super) use writer::{BanWriter, Order, channel};

/// A ban that an operator makes.
#[derive(Debug, Clone)]
pub struct NewBan {
    /// Whom it is of. Bits behind the prefix are not looked at.
    pub network: IpNet,
    /// How long it lasts, in seconds.
    pub lasts_s: i64,
    /// Why; at most [`NewBan::MAX_REASON`] characters.
    pub reason: String,
}

impl NewBan {
    /// The longest reason.
    pub const MAX_REASON: usize = 200;
    /// The longest ban that an operator makes, ten years.
    pub const MAX_S: i64 = 3_653 * 24 * 3_600;
}

impl Registry {
    /// The ban that keeps an address out, if any. Of a network that is never banned none does.
    #[must_use]
    pub fn banned(&self, address: IpAddr) -> Option<IpNet> {
        let bans = &self.memory.bans;
        if bans.is_empty() {
            return None;
        }
        let (network, _) = bans.around(address, self.clock.now())?;
        (!self.scans.options().is_never_banned(address)).then_some(network)
    }

    /// Bans who walks MACs. In force when it returns; stored behind that.
    pub(super) fn ban_sweep(&self, sweep: Sweep, evidence: &RequestEvidence<'_>) {
        let now = self.clock.now();
        let Sweep { network, reason } = sweep;
        let bans = &self.memory.bans;
        let before = bans.of(network);
        if before.is_some_and(|held| now < held.until) {
            return;
        }
        let times = times(before, now);
        let until = now + Ban::lasts_s(times);
        let gone = bans.make(network, until, times);
        if let Some(more) = self.ban_log.due_at(Instant::now()) {
            let until = until.seconds();
            tracing::warn!(%network, until, times, reason, more, "a network that walks MACs is banned");
        }
        let last = BanEvidence {
            at: now,
            address: evidence.address,
            mac: Some(evidence.mac),
            target: cut(&LoggedTarget::new(evidence.target.to_owned()).to_string()),
            user_agent: cut(evidence.user_agent),
        };
        let earlier = self.request_log.of_network(network, Ban::MAX_EVIDENCE - 1);
        let earlier = earlier.into_iter().map(|entry| BanEvidence {
            at: entry.at,
            address: entry.address,
            mac: entry.mac,
            target: cut(&entry.target.to_string()),
            user_agent: cut(&entry.user_agent),
        });
        let ban = Ban {
            network,
            since: now,
            until,
            times,
            reason,
            made_by: "gateway".to_owned(),
            evidence: std::iter::once(last).chain(earlier).collect(),
            revision: Revision::NONE,
        };
        // A full queue drops it: it is in force here, and whoever goes on is banned elsewhere, too.
        let _ = self.ban_orders.try_send(Order::Ban(Box::new(ban), gone));
    }

    /// Tells operators of a sweep that nobody can be banned for.
    pub(super) fn tell_alarm(&self, alarm: &Alarm) {
        let Alarm { oui, macs, addresses } = *alarm;
        let oui = oui.map(|oui| format!("{oui:06x}"));
        tracing::warn!(oui, macs, addresses, "unknown MACs are walked from many addresses");
        let now = self.clock.now();
        let event = Event {
            after: json!({ "oui": oui, "macs": macs, "addresses": addresses }),
            ..Actor::Gateway.event(
                now,
                Action::Detect,
                Subject::Ban,
                oui.clone().unwrap_or_default(),
            )
        };
        let _ = self.ban_orders.try_send(Order::Tell(Box::new(event)));
    }

    /// The bans behind `after`, at most `limit`, in an order of the store's own; those that are over
    /// as well, which count for the length of the next.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for anyone but a System-Admin; what the store says.
    pub async fn bans(
        &self,
        actor: &Actor,
        after: Option<IpNet>,
        limit: usize,
    ) -> Result<Vec<Ban>, RegistryError> {
        actor.require_system_admin()?;
        Ok(self.store.bans_after(after, limit).await?)
    }

    /// The ban of a network, or of the one around an address that keeps it out; `None`: there is none.
    ///
    /// # Errors
    /// Those of [`Registry::bans`].
    pub async fn ban(&self, actor: &Actor, network: IpNet) -> Result<Option<Ban>, RegistryError> {
        actor.require_system_admin()?;
        if let Some(ban) = self.store.ban(network.trunc()).await? {
            return Ok(Some(ban));
        }
        let around = self.memory.bans.around(network.addr(), self.clock.now());
        let around = around.filter(|(around, _)| around.contains(&network));
        let Some((network, _)) = around else { return Ok(None) };
        Ok(self.store.ban(network).await?)
    }

    /// Bans a network, or makes its ban another one. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for anyone but a System-Admin;
    /// [`RegistryError::Invalid`] for a network that is too wide or is never banned, and for a time
    /// or a reason that is too long; what the store says.
    pub async fn create_ban(&self, actor: &Actor, new: NewBan) -> Result<(), RegistryError> {
        actor.require_system_admin()?;
        let network = new.network.trunc();
        let invalid = |field: &str, message: String| {
            Err(RegistryError::Invalid { field: field.to_owned(), message })
        };
        if let Some(why) = Ban::unfit_network(network) {
            return invalid("network", why);
        }
        if self.scans.options().touches_never_banned(network) {
            return invalid("network", "is in `[scan] never_ban`".to_owned());
        }
        if !(1..=NewBan::MAX_S).contains(&new.lasts_s) {
            return invalid("minutes", format!("must be 1 to {}", NewBan::MAX_S / 60));
        }
        check_text("reason", &new.reason, NewBan::MAX_REASON)?;
        let now = self.clock.now();
        let who = actor.event(now, Action::Create, Subject::Ban, network.to_string());
        self.change_directory(actor, |_| {
            let before = self.memory.bans.of(network);
            let ban = Ban {
                network,
                since: now,
                until: now + new.lasts_s,
                times: times(before, now),
                reason: new.reason.clone(),
                made_by: who.who.clone(),
                evidence: Vec::new(),
                revision: Revision::NONE,
            };
            if before.is_none() && self.memory.bans.len() >= Ban::MAX {
                let why = format!("There are {} bans, as many as there can be", Ban::MAX);
                return Err(RegistryError::InUse(why));
            }
            let event = Event { after: summary(&ban), ..who.clone() };
            Ok(Plan::commit(vec![Mutation::PutBan { ban }], ()).recorded(event))
        })
        .await
    }

    /// Lifts the ban of a network: it is forgotten, also for the length of the next. Durable when it
    /// returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for anyone but a System-Admin;
    /// [`RegistryError::NoSuchBan`]; what the store says.
    pub async fn delete_ban(&self, actor: &Actor, network: IpNet) -> Result<(), RegistryError> {
        actor.require_system_admin()?;
        let now = self.clock.now();
        let network = network.trunc();
        let there = self.store.ban(network).await?.ok_or_else(|| RegistryError::NoSuchBan {
            holding: self.banned(network.addr()).filter(|ban| ban.contains(&network)),
        })?;
        self.change_directory(actor, |_| {
            let event = Event {
                before: summary(&there),
                ..actor.event(now, Action::Delete, Subject::Ban, network.to_string())
            };
            let same = Guard::Same(Object::Ban(network), there.revision);
            let lift = Mutation::RemoveBan { network };
            Ok(Plan::commit(vec![lift], ()).guarded([same]).recorded(event))
        })
        .await?;
        self.scans.forget(network);
        Ok(())
    }

    /// Removes bans that are over and no longer count for the next; how many.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn forget_bans(&self) -> Result<usize, RegistryError> {
        let before = self.clock.now() - Ban::REMEMBERED_S;
        let old = self.memory.bans.ended_before(before, MAX_REMEMBERED_COMMIT);
        let count = old.len();
        if count > 0 {
            self.change_directory(&Actor::Gateway, |_| {
                let remove = |network: &IpNet| Mutation::RemoveBan { network: *network };
                Ok(Plan::commit(old.iter().map(remove).collect(), ()))
            })
            .await?;
        }
        Ok(count)
    }
}

/// How often the network is banned with the next ban.
fn times(before: Option<table::Held>, now: Timestamp) -> u32 {
    let counts = before.filter(|held| now < held.until + Ban::REMEMBERED_S);
    counts.map_or(1, |held| held.times.saturating_add(1))
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(Ban::MAX_EVIDENCE_TEXT)].to_owned()
}
