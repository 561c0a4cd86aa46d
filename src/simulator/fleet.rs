//! The phones of a run: which types, which MACs, from a seed.

use std::collections::HashSet;
use std::sync::Arc;

use super::seeded_random::SeededRandom;
use crate::catalogue::{
    BootShape, Boots, Catalogue, CatalogueError, ConnectionUse, FamilyBoot, HttpVersion, PhoneType,
    Request, Simulate, StepDoes, Target,
};
use crate::domain::{Mac, TypeKey};

/// One simulated phone on paper.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its address, which no other member has.
    pub mac: Mac,
    /// What it has in common with the others of its type.
    pub model: Arc<Model>,
}

/// What all phones of one type have in common.
#[derive(Debug)]
pub struct Model {
    /// The type's key in the catalogue.
    pub type_key: TypeKey,
    /// The name of the type's family.
    pub family: String,
    /// Phones behind its MAC; at least 1.
    pub ports: u16,
    /// Whether some request of its boot tells its MAC and type; others are recorded as
    /// the family's fallback until an operator says what they are.
    pub is_told: bool,
    /// What the family says of its boots.
    pub simulate: Simulate,
    /// The requests of the type's boot, all but the MAC filled in.
    pub boot: BootShape,
    /// The place in [`Fleet::files`] of each request of the boot.
    pub files: Vec<usize>,
}

impl Model {
    /// Whether each request has a connection of its own.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.boot.http_version == HttpVersion::V1_0
            || self.simulate.connection == ConnectionUse::Close
    }

    /// What an operator must say of a phone that does not tell what it is.
    #[must_use]
    pub fn type_to_say(&self) -> Option<&TypeKey> {
        (!self.is_told).then_some(&self.type_key)
    }

    /// Which request of the boot is for the file that matters: the first it cannot do
    /// without.
    #[must_use]
    pub fn wanted(&self) -> usize {
        let needed = self
            .boot
            .requests
            .iter()
            .position(|step| !step.optional && step.does != StepDoes::Send);
        needed.unwrap_or(0)
    }
}

/// The phones of a run, in the order in which they boot.
#[derive(Debug)]
pub struct Fleet {
    /// The phones, their types mixed by chance as the plan weighs them.
    pub members: Vec<Member>,
    /// Family and path pattern of every kind of request, for the report.
    pub files: Vec<(String, String)>,
}

/// How many of what.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many phones there are.
    pub phones: usize,
    /// Families or types with their weights; empty: every family alike.
    pub mix: Vec<(String, u32)>,
    /// What chance is made of: the same seed gives the same fleet.
    pub seed: u64,
}

/// Why there is no such fleet.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error(transparent)]
    Boots(CatalogueError),
    #[error("no family of the catalogue can be simulated; a family needs a [simulate] table")]
    Nothing,
    #[error("`{0}` is neither a family that can be simulated nor a type of one")]
    Unknown(String),
    #[error("`{0}` has weight 0")]
    NoWeight(String),
    #[error("`{0}` is not NAME or NAME=WEIGHT")]
    NotAShare(String),
    /// 16,777,216 addresses a block, less where a type has but a part of one.
    #[error("there are not enough MACs for so many phones of type {0}")]
    NoMacs(TypeKey),
}

/// Reads `yealink=3,t46s,snom=2`.
///
/// # Errors
/// [`FleetError::NotAShare`].
pub fn parse_mix(text: &str) -> Result<Vec<(String, u32)>, FleetError> {
    let share = |part: &str| match part.split_once('=') {
        None => Some((part.to_owned(), 1)),
        Some((name, weight)) => Some((name.to_owned(), weight.parse().ok()?)),
    };
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| share(part).ok_or_else(|| FleetError::NotAShare(part.to_owned()))).collect()
}

/// Types to choose one of, and how often.
struct MixShare {
    models: Vec<(Arc<Model>, MacSource)>,
    weight: u32,
}

impl Fleet {
    /// One phone of each type that is not a variant of another, in order of their keys: of
    /// the families and types in `mix` whatever their weights, or of all where it is empty.
    ///
    /// # Errors
    /// [`FleetError`]
    pub fn one_of_each(
        catalogue: &Catalogue,
        mix: &[(String, u32)],
        seed: u64,
    ) -> Result<Fleet, FleetError> {
        let plan = Plan { phones: 0, mix: mix.to_vec(), seed };
        let mut files = Vec::new();
        let mut models: Vec<_> =
            shares(catalogue, &plan, &mut files)?.into_iter().flat_map(|own| own.models).collect();
        models.sort_by(|(a, _), (b, _)| a.type_key.cmp(&b.type_key));
        // A mix may name a type and its family.
        models.dedup_by(|(a, _), (b, _)| a.type_key == b.type_key);
        let mut taken = HashSet::with_capacity(models.len());
        let members = models.into_iter().map(|(model, mut macs)| {
            let mac = macs.find(|mac| taken.insert(*mac));
            let mac = mac.ok_or_else(|| FleetError::NoMacs(model.type_key.clone()))?;
            Ok(Member { mac, model })
        });
        Ok(Fleet { members: members.collect::<Result<_, FleetError>>()?, files })
    }

    /// The same plan and catalogue give the same fleet.
    ///
    /// # Errors
    /// [`FleetError`]
    pub fn build(catalogue: &Catalogue, plan: &Plan) -> Result<Fleet, FleetError> {
        let mut files = Vec::new();
        let mut shares = shares(catalogue, plan, &mut files)?;
        let total: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
        let mut random = SeededRandom::new(plan.seed, 0);
        let mut taken = HashSet::with_capacity(plan.phones);
        let mut members = Vec::with_capacity(plan.phones);
        for _ in 0..plan.phones {
            let mut at = random.below(total);
            let share = shares.iter_mut().find(|share| {
                let weight = u64::from(share.weight);
                let here = at < weight;
                at = at.saturating_sub(weight);
                here
            });
            let share = share.expect("a number below the sum of the weights is in one of them");
            let choice = usize::try_from(random.below(share.models.len() as u64));
            let (model, macs) = &mut share.models[choice.expect("below a length")];
            let mac = macs.find(|mac| taken.insert(*mac));
            let mac = mac.ok_or_else(|| FleetError::NoMacs(model.type_key.clone()))?;
            members.push(Member { mac, model: model.clone() });
        }
        Ok(Fleet { members, files })
    }
}

fn shares(
    catalogue: &Catalogue,
    plan: &Plan,
    files: &mut Vec<(String, String)>,
) -> Result<Vec<MixShare>, FleetError> {
    let boots = Boots::load(catalogue).map_err(FleetError::Boots)?;
    let simulated: Vec<(&PhoneType, &FamilyBoot)> = catalogue
        .types()
        .into_iter()
        .filter(|phone_type| phone_type.is_distinct())
        .filter_map(|phone_type| Some((phone_type, boots.of(phone_type)?)))
        .collect();
    let mut wanted = plan.mix.clone();
    if wanted.is_empty() {
        let mut families: Vec<&str> = simulated
            .iter()
            .map(|(phone_type, _)| catalogue.family_of(phone_type).id.as_str())
            .collect();
        families.sort_unstable();
        families.dedup();
        wanted = families.into_iter().map(|name| (name.to_owned(), 1)).collect();
    }
    if wanted.is_empty() {
        return Err(FleetError::Nothing);
    }
    let share = |(name, weight): (String, u32)| {
        if weight == 0 {
            return Err(FleetError::NoWeight(name));
        }
        let fits = |(phone_type, _): &&(&PhoneType, &FamilyBoot)| {
            phone_type.key.as_str() == name || catalogue.family_of(phone_type).id == name
        };
        let models: Vec<_> = simulated
            .iter()
            .filter(fits)
            .map(|(phone_type, boot)| {
                let model = Arc::new(model(catalogue, phone_type, boot, files));
                (model, MacSource::new(catalogue, phone_type, plan.seed))
            })
            .collect();
        if models.is_empty() {
            Err(FleetError::Unknown(name))
        } else {
            Ok(MixShare { models, weight })
        }
    };
    wanted.into_iter().map(share).collect()
}

fn model(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    family_boot: &FamilyBoot,
    files: &mut Vec<(String, String)>,
) -> Model {
    let family = catalogue.family_of(phone_type);
    let boot = family_boot.shape(phone_type);
    let mut place = |pattern: &str| {
        let found = files.iter().position(|(id, own)| *id == family.id && own == pattern);
        found.unwrap_or_else(|| {
            files.push((family.id.clone(), pattern.to_owned()));
            files.len() - 1
        })
    };
    // In the family's order, of which a type may leave some out.
    for step in &family_boot.steps {
        place(&step.path);
    }
    Model {
        type_key: phone_type.key.clone(),
        family: family.id.clone(),
        ports: phone_type.ports,
        is_told: is_told(catalogue, phone_type, &boot),
        simulate: family_boot.simulate.clone(),
        files: boot.requests.iter().map(|request| place(&request.pattern)).collect(),
        boot,
    }
}

fn is_told(catalogue: &Catalogue, phone_type: &PhoneType, boot: &BootShape) -> bool {
    let mac = MacSource::new(catalogue, phone_type, 0).next().unwrap_or(Mac::from_bits(1));
    boot.requests.iter().any(|request| {
        let target = Target::parse(&format!("/{}", request.path.fill(mac)));
        let user_agent = request.user_agent.as_ref().map(|text| text.fill(mac));
        let user_agent = user_agent.as_deref();
        let identity = catalogue.identify(Request { target: &target, user_agent, headers: &[] });
        let is_own = identity.phone_type.as_ref() == Some(&phone_type.key);
        identity.mac == Some(mac) && identity.strength.is_told() && is_own
    })
}

/// All MACs a type may have, in an order of the seed's.
struct MacSource {
    bases: Vec<u64>,
    macs: Box<dyn Fn(Mac) -> bool + Send>,
    start: u64,
    next: u64,
}

/// Odd, so multiplying by it visits every 24-bit number once.
const STRIDE: u64 = 0x9e_3779;
const BLOCK: u64 = 1 << 24;

impl MacSource {
    fn new(catalogue: &Catalogue, phone_type: &PhoneType, seed: u64) -> MacSource {
        let ouis = catalogue.family_of(phone_type).ouis();
        // A family without a block of its own gets locally administered addresses.
        let bases = match ouis {
            [] => vec![0x0200_0000_0000],
            ouis => ouis.iter().map(|&oui| u64::from(oui) << 24).collect(),
        };
        // A place of its own for each type, so that types of one block seldom meet.
        let stream = phone_type
            .key
            .as_str()
            .bytes()
            .fold(1, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let start = SeededRandom::new(seed, stream).below(BLOCK);
        MacSource { bases, macs: Box::new(phone_type.mac_test()), start, next: 0 }
    }
}

impl Iterator for MacSource {
    type Item = Mac;

    fn next(&mut self) -> Option<Mac> {
        let blocks = self.bases.len() as u64;
        while self.next < BLOCK * blocks {
            let at = self.next;
            self.next += 1;
            let base = self.bases[usize::try_from(at % blocks).expect("below a length")];
            let suffix = (self.start + (at / blocks).wrapping_mul(STRIDE)) % BLOCK;
            let mac = Mac::from_bits(base | suffix);
            if mac.is_usable() && (self.macs)(mac) {
                return Some(mac);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::simulator::tests::catalogue;

    fn build(phones: usize, mix: &str, seed: u64) -> Result<Fleet, FleetError> {
        let mix = parse_mix(mix)?;
        Fleet::build(&catalogue(), &Plan { phones, mix, seed })
    }

    fn macs(fleet: &Fleet) -> Vec<Mac> {
        fleet.members.iter().map(|member| member.mac).collect()
    }

    #[test]
    fn a_seed_gives_its_fleet_and_no_mac_twice() {
        let fleet = build(3000, "", 7).unwrap();
        assert_eq!(macs(&fleet), macs(&build(3000, "", 7).unwrap()));
        assert_ne!(macs(&fleet), macs(&build(3000, "", 8).unwrap()));
        let distinct: HashSet<Mac> = macs(&fleet).into_iter().collect();
        assert_eq!(distinct.len(), 3000);
        // Growing a fleet keeps the phones it had.
        assert_eq!(macs(&fleet)[..100], macs(&build(100, "", 7).unwrap())[..]);
    }

    #[test]
    fn a_mix_has_its_shares() {
        let fleet = build(4000, "acme=3,x1", 1).unwrap();
        let of = |family: &str| {
            fleet.members.iter().filter(|member| member.model.family == family).count()
        };
        assert!((2800..3200).contains(&of("acme")), "{}", of("acme"));
        assert_eq!(of("acme") + of("xml"), 4000);
    }

    #[test]
    fn a_fleet_of_one_of_each_has_no_type_twice() {
        let each = |mix| Fleet::one_of_each(&catalogue(), &parse_mix(mix).unwrap(), 1).unwrap();
        let keys = |fleet: &Fleet| -> Vec<String> {
            fleet.members.iter().map(|member| member.model.type_key.to_string()).collect()
        };
        let all = keys(&each(""));
        let distinct: BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.contains(&"a2".to_owned()) && all.contains(&"x1".to_owned()), "{all:?}");
        let acme = keys(&each("a2,acme=7"));
        assert!(acme.len() < all.len() && acme.contains(&"a2".to_owned()), "{acme:?}");
    }

    #[test]
    fn a_type_with_its_own_macs_gets_those() {
        let fleet = build(200, "a2", 1).unwrap();
        assert!(macs(&fleet).iter().all(|mac| mac.to_string().starts_with("00a0ba2")));
    }

    #[test]
    fn the_built_in_families_know_their_simulated_phones() {
        let catalogue = Catalogue::load(&crate::catalogue::Sources::default()).unwrap();
        let plan = Plan { phones: 2000, mix: Vec::new(), seed: 3 };
        let fleet = Fleet::build(&catalogue, &plan).unwrap();
        let untold = fleet.members.iter().filter(|member| !member.model.is_told);
        let family = |key: &TypeKey| {
            let phone_type = catalogue.phone_type(key).unwrap();
            &*catalogue.family_of(phone_type).id
        };
        let untold: BTreeSet<&str> = untold.map(|member| family(&member.model.type_key)).collect();
        // A KWS, a 1220 and an Algo name their model in the one request that has no MAC; Cisco's
        // enterprise phones and adapters, 2N's intercoms, Mitel's 53xx and Zenitel's stations in
        // none; and a program that nobody knows has none.
        let known = BTreeSet::from([
            "2n",
            "algo",
            "avaya-12x0",
            "cisco-79x0",
            "cisco-ata190",
            "cisco-sep",
            "generic",
            "kirk",
            "mitel-53xx",
            "zenitel",
        ]);
        assert!(untold.is_subset(&known), "{untold:?}");
    }

    #[test]
    fn every_family_that_gives_a_file_is_simulated() {
        let catalogue = Catalogue::load(&crate::catalogue::Sources::default()).unwrap();
        let boots = Boots::load(&catalogue).unwrap();
        let simulated: BTreeSet<&str> = catalogue
            .types()
            .into_iter()
            .filter(|phone_type| boots.of(phone_type).is_some())
            .map(|phone_type| catalogue.family_of(phone_type).id.as_str())
            .collect();
        let giving: BTreeSet<&str> = catalogue
            .families()
            .iter()
            .filter(|family| family.files.iter().any(|file| file.template.is_some()))
            .map(|family| family.id.as_str())
            .collect();
        assert!(giving.len() > 50, "{giving:?}");
        assert_eq!(simulated, giving);
    }

    #[test]
    fn files_are_in_the_order_of_the_boot_whichever_type_comes_first() {
        // An IP300 leaves the first steps out.
        let catalogue = Catalogue::load(&crate::catalogue::Sources::default()).unwrap();
        let mix = parse_mix("ip300,polycom").unwrap();
        let fleet = Fleet::build(&catalogue, &Plan { phones: 1, mix, seed: 1 }).unwrap();
        let files: Vec<&str> = fleet.files.iter().map(|(_, file)| file.as_str()).collect();
        assert_eq!(files[..3], ["{mac}.cfg", "sip.ld", "{mac}-boot.log"]);
    }

    #[test]
    fn a_bad_mix_says_what_is_wrong() {
        let message = |mix| build(1, mix, 1).unwrap_err().to_string();
        assert!(message("nobody").contains("`nobody` is neither"));
        assert_eq!(message("acme=0"), "`acme` has weight 0");
        assert_eq!(message("acme=many"), "`acme=many` is not NAME or NAME=WEIGHT");
    }
}
