//! What becomes of a request.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use ipnet::IpNet;

use super::{AdmissionState, Lock, Mode, Pins, Policy, Proof, ProofSet, Varying};
use crate::domain::{Timestamp, TypeKey, neighbourhood};

/// What a request shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// When it came.
    pub at: Timestamp,
    /// Where it came from.
    pub address: IpAddr,
    /// Its URL holds a token that is its phone's, or its company's.
    pub token: bool,
    /// It showed user name and password of its phone.
    pub credentials: bool,
    /// It showed a client certificate that holds its MAC.
    pub certificate: bool,
    /// The client certificate that it showed has expired.
    pub is_expired: bool,
    /// What counts where it came in; whatever else it shows there proves nothing.
    pub counting: ProofSet,
    /// The maker that its User-Agent tells.
    pub maker: Option<&'a str>,
    /// The model that its User-Agent tells.
    pub model: Option<&'a TypeKey>,
    /// Address block, User-Agent and file contradict each other, or there is no User-Agent where
    /// phones of its family always send one.
    pub contradicts: bool,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The device is locked since it was another than at first.
    Locked(Varying),
    /// What it says contradicts itself.
    Contradiction,
    /// Any of these would have been enough, together with what it showed.
    Proof(Missing),
}

/// What of each alternative of a policy was not shown; at most [`Missing::MAX`] are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    of_each: [ProofSet; Missing::MAX],
    /// What was shown, and does not count where it came in.
    uncounted: ProofSet,
    /// Whether a certificate is among it that is refused for its age.
    is_expired: bool,
}

impl Missing {
    /// As many as a policy has.
    pub const MAX: usize = 8;

    fn of(require: &[ProofSet], proven: ProofSet) -> Missing {
        let mut missing = Missing::default();
        for (place, enough) in missing.of_each.iter_mut().zip(require) {
            *place = enough.missing(proven);
        }
        missing
    }

    fn has(&self, proof: Proof) -> bool {
        self.of_each.iter().any(|missing| missing.contains(proof))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told: Vec<String> = Vec::new();
        for missing in self.of_each.iter().filter(|missing| !missing.is_empty()) {
            let missing = missing.to_string();
            if !told.contains(&missing) {
                told.push(missing);
            }
        }
        f.write_str(&told.join(" or "))?;
        if !self.uncounted.is_empty() {
            write!(f, "; at its listener {} does not count", self.uncounted)?;
        }
        if self.is_expired {
            f.write_str("; its certificate has expired")?;
        }
        Ok(())
    }
}

/// For the list of what phones asked.
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::Locked(varying) => {
                write!(f, "locked: another {} than at first; arm the phone again", varying.as_str())
            }
            Lack::Contradiction => {
                f.write_str("address, User-Agent and file contradict each other")
            }
            Lack::Proof(missing) => write!(f, "not shown: {missing}"),
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It gets its file.
    Admitted,
    /// It gets its file; if the policy was kept to, it would not, for this reason.
    Reported(Lack),
    /// It is refused.
    Refused(Lack),
}

impl Verdict {
    /// The stricter of both.
    #[must_use]
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Refused(_), _) | (Verdict::Reported(_), Verdict::Admitted) => self,
            (_, other) => other,
        }
    }
}

/// A way in which a device that is let in differs from its pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variation {
    /// The first thing that differs.
    pub varying: Varying,
    /// Tells this way from others.
    pub hash: u32,
}

/// A verdict, and what is to be remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// What becomes of the request.
    pub verdict: Verdict,
    /// It showed enough, whatever else speaks against it and whether or not the policy is kept to.
    pub is_proven: bool,
    /// It differs in a way that is not on record.
    pub variation: Option<Variation>,
    /// The variation locks the phone.
    pub locks: bool,
}

impl Shown<'_> {
    /// What it proves to that policy.
    #[must_use]
    pub fn proofs(&self, policy: &Policy, state: &AdmissionState) -> ProofSet {
        self.all_proofs(policy, state).intersection(self.counting)
    }

    /// The same where everything counts.
    fn all_proofs(&self, policy: &Policy, state: &AdmissionState) -> ProofSet {
        let is_in = |networks: &[IpNet]| networks.iter().any(|net| net.contains(&self.address));
        let is_in_window = state
            .armed
            .is_some_and(|armed| (0..=i64::from(policy.window_s)).contains(&(self.at - armed)));
        let is_pinned =
            state.pins.as_ref().is_some_and(|pins| pins.network.contains(&self.address));
        ProofSet::default()
            .with(Proof::Network, is_in(&policy.networks))
            .with(Proof::Token, self.token)
            .with(Proof::Credentials, self.credentials)
            .with(Proof::Certificate, self.certificate && !self.is_too_old(policy))
            .with(Proof::Window, is_in_window)
            .with(Proof::Pinned, is_pinned)
    }

    fn is_too_old(&self, policy: &Policy) -> bool {
        self.is_expired && policy.refuse_expired
    }

    fn variation(&self, pins: &Pins) -> Option<Variation> {
        let differs = |pinned: Option<&str>, shown: Option<&str>| {
            pinned.zip(shown).is_some_and(|(pinned, shown)| pinned != shown)
        };
        let varying = if !pins.network.contains(&self.address) {
            Varying::Network
        } else if differs(pins.maker.as_deref(), self.maker) {
            Varying::Maker
        } else if differs(pins.model.as_ref().map(TypeKey::as_str), self.model.map(TypeKey::as_str))
        {
            Varying::Model
        } else {
            return None;
        };
        Some(Variation { varying, hash: self.variation_hash() })
    }

    /// Stored: as long as this is compared with what an older version wrote, at worst something is
    /// on record twice.
    fn variation_hash(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        (neighbourhood(self.address), self.maker, self.model).hash(&mut hasher);
        (hasher.finish() >> 32) as u32
    }
}

impl Policy {
    /// What becomes of a request of an active device. `state` is what the device showed before.
    #[must_use]
    pub fn judge(&self, state: &AdmissionState, shown: &Shown<'_>) -> Judged {
        let lack = self.lack(state, shown);
        // SECURITY: only of who is let in. Else a stranger would lock the phone by asking in its
        // name, and fill what there is room for.
        let variation = match lack {
            None => state.pins.as_ref().and_then(|pins| shown.variation(pins)),
            Some(_) => None,
        };
        let locks = variation.is_some_and(|variation| self.lock_on.contains(&variation.varying));
        let is_proven = lack.is_none();
        let lack = lack.or(variation.filter(|_| locks).map(|found| Lack::Locked(found.varying)));
        let verdict = match (lack, self.mode) {
            (None, _) | (_, Mode::Off) => Verdict::Admitted,
            (Some(lack), Mode::Report) => Verdict::Reported(lack),
            (Some(lack), Mode::Enforce) => Verdict::Refused(lack),
        };
        let is_on_record = |found: &Variation| state.variations.contains(&found.hash);
        let locks = locks && self.mode == Mode::Enforce;
        // What was on record before the policy said that it locks has to be told again.
        let variation = variation.filter(|found| locks || !is_on_record(found));
        Judged { verdict, is_proven, variation, locks }
    }

    fn lack(&self, state: &AdmissionState, shown: &Shown<'_>) -> Option<Lack> {
        if self.mode == Mode::Off {
            return None;
        }
        if let Some(Lock { because, .. }) = state.locked {
            return Some(Lack::Locked(because));
        }
        if self.refuse_contradictions && shown.contradicts {
            return Some(Lack::Contradiction);
        }
        let proofs = shown.proofs(self, state);
        if self.require.iter().any(|enough| proofs.covers(*enough)) {
            return None;
        }
        Some(Lack::Proof(self.missing(state, shown, proofs)))
    }

    fn missing(&self, state: &AdmissionState, shown: &Shown<'_>, proven: ProofSet) -> Missing {
        let mut missing = Missing::of(&self.require, proven);
        let uncounted = shown.all_proofs(self, state).missing(shown.counting);
        for proof in Proof::ALL.into_iter().filter(|proof| uncounted.contains(*proof)) {
            missing.uncounted = missing.uncounted.with(proof, missing.has(proof));
        }
        missing.is_expired =
            shown.certificate && shown.is_too_old(self) && missing.has(Proof::Certificate);
        missing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn shown(proofs: [bool; 3]) -> Shown<'static> {
        Shown {
            at: NOW,
            address: "203.0.113.9".parse().unwrap(),
            token: proofs[0],
            credentials: proofs[1],
            certificate: proofs[2],
            is_expired: false,
            counting: ProofSet::ALL,
            maker: Some("Yealink"),
            model: None,
            contradicts: false,
        }
    }

    fn policy(require: &[&str]) -> Policy {
        let require = require.iter().map(|set| set.parse().unwrap()).collect();
        Policy { require, ..Policy::default() }
    }

    #[test]
    fn what_is_missing_is_told_once_each() {
        let policy = policy(&["token+window", "certificate", "window+token"]);
        let judged = policy.judge(&AdmissionState::default(), &shown([false; 3]));
        let Verdict::Refused(lack) = judged.verdict else { panic!("{judged:?}") };
        assert_eq!(lack.to_string(), "not shown: token+window or certificate");
        let judged = policy.judge(&AdmissionState::default(), &shown([true, false, false]));
        let Verdict::Refused(lack) = judged.verdict else { panic!("{judged:?}") };
        assert_eq!(lack.to_string(), "not shown: window or certificate");
    }

    #[test]
    fn what_does_not_count_at_a_listener_proves_nothing_and_is_told() {
        let policy = policy(&["token+network", "certificate"]);
        let told = |counting: &[Proof]| {
            let counting = counting.iter().copied().collect();
            let address = "10.1.2.3".parse().unwrap();
            let shown = Shown { counting, address, ..shown([true, true, true]) };
            match policy.judge(&AdmissionState::default(), &shown).verdict {
                Verdict::Refused(lack) => lack.to_string(),
                other => format!("{other:?}"),
            }
        };
        assert_eq!(told(&Proof::ALL), "Admitted");
        assert_eq!(told(&[Proof::Network, Proof::Token]), "Admitted");
        assert_eq!(told(&[Proof::Certificate]), "Admitted");
        assert_eq!(
            told(&[Proof::Network, Proof::Credentials]),
            "not shown: token or certificate; at its listener token+certificate does not count"
        );
        assert_eq!(
            told(&[]),
            "not shown: network+token or certificate; at its listener network+token+certificate \
             does not count"
        );
    }

    #[test]
    fn a_certificate_that_has_expired_counts_unless_the_policy_says_otherwise() {
        let shown = Shown { is_expired: true, ..shown([false, false, true]) };
        let accepting = policy(&["certificate"]);
        let state = AdmissionState::default();
        assert_eq!(accepting.judge(&state, &shown).verdict, Verdict::Admitted);
        let refusing = Policy { refuse_expired: true, ..policy(&["certificate", "token"]) };
        let Verdict::Refused(lack) = refusing.judge(&state, &shown).verdict else { panic!() };
        assert_eq!(
            lack.to_string(),
            "not shown: certificate or token; its certificate has expired"
        );
        for other in [Shown { is_expired: false, ..shown }, Shown { token: true, ..shown }] {
            assert_eq!(refusing.judge(&state, &other).verdict, Verdict::Admitted);
        }
    }

    #[test]
    fn a_window_is_not_open_before_it_begins() {
        let policy = policy(&["window"]);
        for (armed, is_let_in) in [
            (NOW, true),
            (NOW - i64::from(policy.window_s), true),
            (NOW + 1, false),
            (NOW - i64::from(policy.window_s) - 1, false),
        ] {
            let state = AdmissionState { armed: Some(armed), ..AdmissionState::default() };
            let judged = policy.judge(&state, &shown([false; 3]));
            assert_eq!(judged.verdict == Verdict::Admitted, is_let_in, "{armed:?}");
        }
    }

    #[test]
    fn a_locked_phone_is_refused_whatever_it_shows() {
        let locked = Some(Lock { at: NOW, because: Varying::Maker });
        let state = AdmissionState { locked, ..AdmissionState::default() };
        for (mode, verdict) in [
            (Mode::Enforce, Verdict::Refused(Lack::Locked(Varying::Maker))),
            (Mode::Report, Verdict::Reported(Lack::Locked(Varying::Maker))),
            (Mode::Off, Verdict::Admitted),
        ] {
            let policy = Policy { mode, ..Policy::default() };
            assert_eq!(policy.judge(&state, &shown([true; 3])).verdict, verdict);
        }
    }

    const SETS: [&str; 7] =
        ["network", "token", "credentials", "certificate", "token+certificate", "window", "pinned"];

    proptest! {
        #[test]
        fn who_shows_more_is_never_refused_more(
            sets in prop::collection::vec(0..SETS.len(), 1..4), less: [bool; 3], more: [bool; 3],
        ) {
            let policy = policy(&sets.iter().map(|at| SETS[*at]).collect::<Vec<_>>());
            let both = [0, 1, 2].map(|at| less[at] || more[at]);
            let verdict = |proofs| policy.judge(&AdmissionState::default(), &shown(proofs)).verdict;
            if verdict(less) == Verdict::Admitted {
                prop_assert_eq!(verdict(both), Verdict::Admitted);
            }
        }

        #[test]
        fn of_several_companies_the_strictest_counts(one in 0..3usize, other in 0..3usize) {
            let all = [
                Verdict::Admitted,
                Verdict::Reported(Lack::Contradiction),
                Verdict::Refused(Lack::Contradiction),
            ];
            prop_assert_eq!(all[one].and(all[other]), all[one.max(other)]);
        }

        #[test]
        fn a_set_is_read_as_it_is_written(proofs in prop::collection::vec(0..Proof::ALL.len(), 1..6)) {
            let set: ProofSet = proofs.iter().map(|at| Proof::ALL[*at]).collect();
            prop_assert_eq!(set.to_string().parse(), Ok(set));
        }
    }
}
