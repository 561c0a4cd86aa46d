//! What the requests of a device claim it to be, and how much each claim weighs.
//!
//! Anybody can send a request in a device's name. So nothing that comes later wins by being
//! later: the strongest claim tells the type, of equal ones the first, and what contradicts
//! it is kept beside it for the operator who decides.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Site, Timestamp, TypeKey};

/// How well a request tells the type of its device, weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Nothing tells it: the type is the one for whatever is unknown.
    #[default]
    Assumed,
    /// The maker's block of addresses, and the family's usual type.
    Oui,
    /// A path or User-Agent of the family without a model, and the family's usual type.
    Family,
    /// The range of addresses that the maker gave to one model.
    MacRange,
    /// A User-Agent that no family reads, or that names a model no type has, or a request that
    /// contradicts itself: what it lets guess is not assumed.
    Contradicted,
    /// A User-Agent or path that names a model no type has, and the type that is like it.
    Closest,
    /// A path that names the model, or its code.
    Path,
    /// A User-Agent that names the model. Whether it names the MAC as well is no matter: whoever
    /// asks in a phone's name knows that. Stores of before have a name of its own for that.
    #[serde(alias = "user_agent_with_mac")]
    UserAgent,
    /// One that told the model, over TLS, from the holder of the maker's certificate for
    /// this MAC.
    Certificate,
    /// An operator said so.
    Operator,
}

impl Strength {
    /// Whether a model was told, and not a type assumed for want of one.
    #[must_use]
    pub fn is_told(self) -> bool {
        self >= Strength::MacRange && self != Strength::Contradicted
    }

    /// What tells the type, in words for an operator.
    #[must_use]
    pub fn told_by(self) -> &'static str {
        match self {
            Strength::Assumed => "nothing",
            Strength::Oui => "only the maker's block of addresses",
            Strength::Family => "only a path or User-Agent of the maker's, without a model",
            Strength::MacRange => "only the range of addresses of one model",
            Strength::Contradicted => {
                "nothing: it names itself as nothing known, or contradicts itself"
            }
            Strength::Closest => "a model that is not known yet, and is like this one",
            Strength::Path => "the path it asks for",
            Strength::UserAgent => "the phone itself",
            Strength::Certificate => "the phone itself, with the maker's certificate",
            Strength::Operator => "an operator",
        }
    }

    /// This strength when the request comes from the holder of the maker's certificate for its
    /// MAC. A model that no type has is not told better by that.
    #[must_use]
    pub fn certified(self) -> Strength {
        if self.is_told() && self != Strength::Closest { Strength::Certificate } else { self }
    }
}

/// That a device is of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The type it was claimed to be of.
    pub phone_type: TypeKey,
    /// How much the request that claimed it is believed.
    pub strength: Strength,
    /// When it was first made.
    pub first: Timestamp,
    /// When it was last made, as far as that was noted.
    pub last: Timestamp,
    /// Where it was first made from with this strength; `None`: at the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Where it was first made from at all, when that was elsewhere, and with less strength.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_address: Option<IpAddr>,
    /// The same as [`Sighting::user_agent`](super::Sighting::user_agent), of the same request.
    pub user_agent: String,
}

impl Claim {
    /// This claim with the same one made again in it.
    fn again(&mut self, other: Claim) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        if other.strength > self.strength {
            self.strength = other.strength;
            let first = self.first_address.or(self.address);
            self.first_address = first.filter(|_| first != other.address);
            self.address = other.address;
            self.user_agent = other.user_agent;
        }
    }

    /// Whether it counts against one that is stronger: a contradiction speaks for nobody but who
    /// asks from its own network, so what was guessed of a request from elsewhere stands.
    #[must_use]
    pub fn is_untouched_by(&self, contradiction: &Claim) -> bool {
        contradiction.strength == Strength::Contradicted
            && self.phone_type != contradiction.phone_type
            && self.address.map(Site::of) != contradiction.address.map(Site::of)
    }

    /// Who made it: who repeats it louder takes it from nobody.
    pub fn site(&self) -> Option<Site> {
        self.first_address.or(self.address).map(Site::of)
    }
}

/// The claims made of one device, each of another type: strongest first, of equal ones the
/// first. At most [`Claims::MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(Vec<Claim>);

impl Claims {
    /// The right one and three that contradict it say enough to an operator; with the longest
    /// User-Agents they take 2 KB.
    pub const MAX: usize = 4;

    /// What counts.
    #[must_use]
    pub fn strongest(&self) -> Option<&Claim> {
        self.0.first()
    }

    /// Strongest first.
    pub fn iter(&self) -> impl Iterator<Item = &Claim> {
        self.0.iter()
    }

    /// Whether nobody claimed anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request that says this would change what counts: the type, or how much is
    /// known of it.
    #[must_use]
    pub fn is_outweighed_by(&self, strength: Strength) -> bool {
        self.strongest().is_none_or(|strongest| strength > strongest.strength)
    }

    /// Where the first of them was made from; `None` without any, and when that was at the API.
    #[must_use]
    pub fn first_address(&self) -> Option<IpAddr> {
        let first = &self.0[self.earliest()?];
        first.first_address.or(first.address)
    }

    /// Takes one more claim in. Beyond [`Claims::MAX`] one goes of a site that made several,
    /// so that no network pushes out what others said; of those the weakest, of equally weak
    /// ones the one that was made least recently. Never the strongest, and never the first:
    /// it tells where the device came from.
    pub fn add(&mut self, claim: Claim) {
        match self.0.iter().position(|known| known.phone_type == claim.phone_type) {
            Some(at) => {
                let mut known = self.0.remove(at);
                let strength = known.strength;
                known.again(claim);
                // As strong as before: it keeps its place among its equals.
                let place =
                    if known.strength == strength { at } else { self.place(known.strength) };
                self.0.insert(place, known);
            }
            None => self.0.insert(self.place(claim.strength), claim),
        }
        if self.0.len() > Claims::MAX
            && let Some(leaves) = self.next_to_leave()
        {
            self.0.remove(leaves);
        }
    }

    fn next_to_leave(&self) -> Option<usize> {
        let earliest = self.earliest();
        let is_one_of_several = |claim: &Claim| {
            let site = claim.site();
            self.0.iter().filter(|other| other.site() == site).count() > 1
        };
        let beside = self.0.iter().enumerate().skip(1).filter(|(at, _)| Some(*at) != earliest);
        let leaves =
            beside.min_by_key(|(_, claim)| (!is_one_of_several(claim), claim.strength, claim.last));
        leaves.map(|(at, _)| at)
    }

    /// The place of the earliest claim; of those made at one time it is the strongest.
    fn earliest(&self) -> Option<usize> {
        let first = self.0.iter().enumerate().min_by_key(|(_, claim)| claim.first);
        first.map(|(at, _)| at)
    }

    /// The strongest is of no account from now on.
    pub fn discount_strongest(&mut self) {
        if !self.0.is_empty() {
            let strongest = self.0.remove(0);
            self.0.push(Claim { strength: Strength::Assumed, ..strongest });
        }
    }

    /// That an operator says so, and nobody else said anything.
    #[must_use]
    pub fn decided(phone_type: TypeKey, at: Timestamp) -> Claims {
        let mut claims = Claims::default();
        claims.decide(phone_type, at);
        claims
    }

    /// What an operator says counts, whatever was said before.
    pub fn decide(&mut self, phone_type: TypeKey, at: Timestamp) {
        self.0.retain(|claim| claim.strength < Strength::Operator);
        self.add(Claim {
            phone_type,
            strength: Strength::Operator,
            first: at,
            last: at,
            address: None,
            first_address: None,
            user_agent: String::new(),
        });
    }

    /// Whether both say the same to an operator, but for when it was last said.
    #[must_use]
    pub fn say_the_same(&self, other: &Claims) -> bool {
        let said = |claims: &Claims| -> Vec<(TypeKey, Strength)> {
            claims.iter().map(|claim| (claim.phone_type.clone(), claim.strength)).collect()
        };
        said(self) == said(other)
    }

    /// Behind those that are as strong.
    fn place(&self, strength: Strength) -> usize {
        self.0.partition_point(|known| known.strength >= strength)
    }
}

impl FromIterator<Claim> for Claims {
    fn from_iter<T: IntoIterator<Item = Claim>>(claims: T) -> Claims {
        let mut all = Claims::default();
        claims.into_iter().for_each(|claim| all.add(claim));
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(phone_type: &str, strength: Strength, at: i64) -> Claim {
        let time = Timestamp::from_seconds(at);
        Claim {
            phone_type: phone_type.parse().unwrap(),
            strength,
            first: time,
            last: time,
            address: Some([192, 0, 2, u8::try_from(at % 256).unwrap()].into()),
            first_address: None,
            user_agent: format!("{phone_type} at {at}"),
        }
    }

    fn types(claims: &Claims) -> Vec<&str> {
        claims.iter().map(|claim| claim.phone_type.as_str()).collect()
    }

    #[test]
    fn the_strongest_counts_whenever_it_came() {
        let mut claims = Claims::default();
        claims.add(claim("snom320", Strength::UserAgent, 1));
        claims.add(claim("pap2t", Strength::Path, 2));
        assert_eq!(types(&claims), ["snom320", "pap2t"], "a stranger's path is shown beside it");
        claims.add(claim("ip450", Strength::Certificate, 3));
        assert_eq!(types(&claims), ["ip450", "snom320", "pap2t"]);
    }

    #[test]
    fn of_equal_claims_the_first_stays() {
        let mut claims = Claims::default();
        claims.add(claim("snom320", Strength::UserAgent, 1));
        claims.add(claim("pap2t", Strength::UserAgent, 2));
        claims.add(claim("pap2t", Strength::UserAgent, 3));
        claims.add(claim("snom320", Strength::Path, 4));
        assert_eq!(types(&claims), ["snom320", "pap2t"]);
        let first = claims.strongest().unwrap();
        assert_eq!((first.first.seconds(), first.last.seconds()), (1, 4));
        assert_eq!(first.strength, Strength::UserAgent);
        assert_eq!(first.user_agent, "snom320 at 1", "the evidence is that of the strongest");
    }

    #[test]
    fn a_claim_made_again_with_more_weight_moves_up_with_its_evidence() {
        let mut claims = Claims::default();
        claims.add(claim("snom320", Strength::Path, 1));
        claims.add(claim("pap2t", Strength::Path, 2));
        assert!(claims.is_outweighed_by(Strength::UserAgent));
        assert!(!claims.is_outweighed_by(Strength::Path));
        claims.add(claim("pap2t", Strength::UserAgent, 3));
        assert_eq!(types(&claims), ["pap2t", "snom320"]);
        let pap2t = claims.strongest().unwrap();
        assert_eq!((pap2t.first.seconds(), pap2t.last.seconds()), (2, 3));
        assert_eq!(pap2t.user_agent, "pap2t at 3");
    }

    fn claim_from(last: u8, phone_type: &str, strength: Strength, at: i64) -> Claim {
        let address = Some([192, 0, 2, last].into());
        Claim { address, ..claim(phone_type, strength, at) }
    }

    #[test]
    fn beyond_the_bound_the_weakest_and_oldest_goes() {
        let mut claims = Claims::default();
        claims.add(claim("a", Strength::Path, 1));
        for (at, name) in ["b", "c", "d", "e"].into_iter().enumerate() {
            claims.add(claim(name, Strength::Path, 2 + at as i64));
        }
        assert_eq!(types(&claims), ["a", "c", "d", "e"]);
        claims.add(claim("f", Strength::Family, 9));
        assert_eq!(types(&claims), ["a", "c", "d", "e"]);
    }

    #[test]
    fn one_network_pushes_out_no_claims_of_others() {
        let mut claims = Claims::default();
        for (last, name) in [(1, "a"), (2, "b"), (3, "c")] {
            claims.add(claim_from(last, name, Strength::Path, last.into()));
        }
        for at in 10..30 {
            let name = format!("x{at}");
            claims.add(claim_from(9, &name, Strength::UserAgent, at));
        }
        let kept = types(&claims);
        assert!(kept.contains(&"a") && kept.contains(&"c"), "{kept:?}");
        assert_eq!(kept.len(), Claims::MAX);
        // Four of one site make room for one of another, though it weighs less.
        let mut claims = Claims::default();
        for (at, name) in ["v", "w", "x", "y"].into_iter().enumerate() {
            claims.add(claim_from(9, name, Strength::UserAgent, 1 + at as i64));
        }
        claims.add(claim_from(1, "a", Strength::Path, 20));
        assert_eq!(types(&claims), ["v", "x", "y", "a"]);
    }

    #[test]
    fn who_repeats_a_claim_with_more_weight_does_not_take_it_over() {
        let mut claims = Claims::default();
        for (last, name) in [(1, "a"), (2, "b"), (3, "c")] {
            claims.add(claim_from(last, name, Strength::Path, last.into()));
        }
        for name in ["b", "c", "x", "y", "z"] {
            claims.add(claim_from(9, name, Strength::UserAgent, 20));
        }
        let kept = types(&claims);
        assert!(["a", "b", "c"].iter().all(|name| kept.contains(name)), "{kept:?}");
        let b = claims.iter().find(|claim| claim.phone_type.as_str() == "b").unwrap();
        let addresses = [b.address, b.first_address];
        assert_eq!(addresses, [9, 2].map(|last| Some([192, 0, 2, last].into())));
    }

    #[test]
    fn where_the_first_was_made_stays_known() {
        let mut claims = Claims::default();
        assert_eq!(claims.first_address(), None);
        claims.add(claim_from(1, "a", Strength::Oui, 1));
        for last in 2..20 {
            let strength = if last % 2 == 0 { Strength::UserAgent } else { Strength::Certificate };
            claims.add(claim_from(last, &format!("x{last}"), strength, last.into()));
        }
        claims.add(claim_from(30, "a", Strength::Certificate, 30));
        assert_eq!(claims.first_address(), Some([192, 0, 2, 1].into()));
        claims.decide("b".parse().unwrap(), Timestamp::from_seconds(40));
        assert_eq!(claims.first_address(), Some([192, 0, 2, 1].into()));
    }

    #[test]
    fn the_last_word_is_an_operators() {
        let mut claims = Claims::default();
        claims.add(claim("snom320", Strength::Certificate, 1));
        claims.decide("pap2t".parse().unwrap(), Timestamp::from_seconds(2));
        assert_eq!(types(&claims), ["pap2t", "snom320"]);
        claims.decide("ip450".parse().unwrap(), Timestamp::from_seconds(3));
        assert_eq!(types(&claims), ["ip450", "snom320"]);
        assert!(!claims.is_outweighed_by(Strength::Certificate));
    }

    #[test]
    fn it_is_stored_as_a_list() {
        let claims: Claims = [claim("snom320", Strength::UserAgent, 1)].into_iter().collect();
        let stored = serde_json::to_string(&claims).unwrap();
        assert_eq!(
            stored,
            r#"[{"phone_type":"snom320","strength":"user_agent","first":1,"last":1,"#.to_owned()
                + r#""address":"192.0.2.1","user_agent":"snom320 at 1"}]"#
        );
        assert_eq!(serde_json::from_str::<Claims>(&stored).unwrap(), claims);
        let of_before = stored.replace(r#":"user_agent""#, r#":"user_agent_with_mac""#);
        assert_eq!(serde_json::from_str::<Claims>(&of_before).unwrap(), claims);
    }

    const STRENGTHS: [Strength; 5] = [
        Strength::Assumed,
        Strength::Family,
        Strength::Path,
        Strength::UserAgent,
        Strength::Certificate,
    ];

    proptest! {
        #[test]
        fn whatever_comes_the_first_of_the_strongest_counts(
            made in prop::collection::vec((0usize..8, 0usize..5), 1..40)
        ) {
            let mut claims = Claims::default();
            let mut expected: Option<(usize, usize)> = None;
            for (at, &(name, strength)) in made.iter().enumerate() {
                claims.add(claim(&format!("t{name}"), STRENGTHS[strength], at as i64));
                if expected.is_none_or(|(_, strongest)| strength > strongest) {
                    expected = Some((name, strength));
                }
                let (name, strength) = expected.unwrap();
                let strongest = claims.strongest().unwrap();
                prop_assert_eq!(strongest.phone_type.as_str(), format!("t{name}"));
                prop_assert_eq!(strongest.strength, STRENGTHS[strength]);
                prop_assert!(claims.iter().count() <= Claims::MAX);
                prop_assert!(claims.iter().is_sorted_by(|a, b| a.strength >= b.strength));
                let mut names = types(&claims);
                names.sort_unstable();
                names.dedup();
                prop_assert_eq!(names.len(), claims.iter().count());
            }
        }
    }
}
