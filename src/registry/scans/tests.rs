//! Sweeps are told from sites that boot, with recorded boots and with what scanners send.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::*;
use crate::catalogue::{FileMatch, Request, Sources, Target};

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::load(&Sources::default()).expect("the built-in families load"));

const SITE: &str = "198.51.100.7";

/// Scans whose clock the test turns.
struct Watch {
    scans: Scans,
    now: i64,
    /// What each MAC was first seen from, as the registry knows.
    homes: HashMap<Mac, IpAddr>,
}

#[derive(Debug, Clone)]
struct Name {
    target: String,
    user_agent: Option<String>,
}

impl Watch {
    fn new() -> Watch {
        let scans = Scans::new(ScanOptions::default());
        Watch { scans, now: 1_000_000, homes: HashMap::new() }
    }

    fn asks(&mut self, address: &str, name: &Name) -> Seen {
        match read(name) {
            Some((mac, read)) => self.asks_for(address.parse().unwrap(), mac, read),
            None => Seen { standing: Standing::Free, alarms: Vec::new() },
        }
    }

    fn asks_for(&mut self, address: IpAddr, mac: Mac, read: Read) -> Seen {
        let home = self.homes.get(&mac).copied();
        self.homes.entry(mac).or_insert(address);
        let asked = Asked {
            address,
            mac,
            name: read.name,
            bearing: read.bearing,
            is_foreign: home != Some(address),
        };
        self.scans.see(asked, Timestamp::from_seconds(self.now))
    }

    /// After how many of them it is a sweep, and why.
    fn sweep(&mut self, names: impl Iterator<Item = Name>) -> Option<(usize, String)> {
        for (number, name) in names.enumerate() {
            if let Standing::Sweeping(sweep) = self.asks(SITE, &name).standing {
                assert_eq!(sweep.network.to_string(), format!("{SITE}/32"));
                return Some((number + 1, sweep.reason));
            }
        }
        None
    }
}

/// What a request tells besides its MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Read {
    name: u32,
    bearing: Bearing,
}

fn read(name: &Name) -> Option<(Mac, Read)> {
    let target = Target::parse(&name.target);
    let user_agent = name.user_agent.as_deref();
    let identity = CATALOGUE.identify(Request { target: &target, user_agent, headers: &[] });
    let name = identity.file.as_ref().map_or(0, FileMatch::name);
    Some((identity.mac?, Read { name, bearing: Bearing::of(&CATALOGUE, &identity) }))
}

fn names(path: &str, user_agent: Option<&str>, macs: impl Iterator<Item = u64>) -> Vec<Name> {
    let of = |mac: u64| {
        let mac = Mac::from_bits(mac);
        let colons = mac
            .upper()
            .as_bytes()
            .chunks(2)
            .map(|two| std::str::from_utf8(two).unwrap().to_lowercase())
            .collect::<Vec<_>>()
            .join(":");
        let fill = |text: &str| {
            text.replace("{mac}", &mac.to_string())
                .replace("{MAC}", &mac.upper())
                .replace("{colons}", &colons)
        };
        Name { target: fill(path), user_agent: user_agent.map(fill) }
    };
    macs.map(of).collect()
}

/// Numbers of three bytes as if by chance, the same in every run.
fn random(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |last| {
        Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .map(|number| number >> 40)
}

const YEALINK: u64 = 0x80_5e_c0 << 24;
const POLYCOM: u64 = 0x00_04_f2 << 24;
const T46G: &str = "Yealink SIP-T46G 28.83.0.120 {colons}";
const VVX: &str = "FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 Type/Updater";

#[test]
fn a_sweep_is_one_within_ten_macs() {
    let counted = |oui: u64| (0..).map(move |number| oui + 0x1000 + number);
    let mixed = |oui: u64| random(7).map(move |number| oui + number);
    for (agent, most) in [
        (Some("curl/8.5.0"), 10),
        (Some("python-requests/2.31.0"), 10),
        (Some("Mozilla/5.0 (X11; Linux x86_64)"), 10),
        (None, 5),
        // Copied, and it says the same MAC for ever.
        (Some("Yealink SIP-T46G 28.83.0.120 80:5e:c0:12:34:56"), 4),
        // Another maker's.
        (Some("Grandstream Model HW GXP2135 SW 1.0.7.97 DevId {mac}"), 4),
    ] {
        for macs in
            [counted(YEALINK).take(99).collect::<Vec<_>>(), mixed(YEALINK).take(99).collect()]
        {
            let found =
                Watch::new().sweep(names("/{mac}.cfg", agent, macs.into_iter()).into_iter());
            let (after, reason) = found.unwrap_or_else(|| panic!("{agent:?}"));
            assert_eq!(after, most, "{agent:?}: {reason}");
        }
    }
    // One that says of itself what a phone would, and counts.
    for (oui, agent) in [(YEALINK, T46G), (POLYCOM, VVX)] {
        let up = names("/{mac}.cfg", Some(agent), counted(oui).take(99));
        let down = up.iter().rev().cloned().collect::<Vec<_>>();
        for names in [up, down] {
            let (after, reason) = Watch::new().sweep(names.into_iter()).unwrap();
            assert_eq!(after, 10, "{reason}");
            assert!(reason.contains("from the last"), "{reason}");
        }
    }
}

#[test]
fn who_says_what_a_phone_would_is_suspected_from_ten_on_and_banned_later() {
    for (path, oui, agent) in [
        ("/{mac}.cfg", YEALINK, T46G),
        ("/{mac}.cfg", POLYCOM, VVX),
        ("/{mac}.boot", YEALINK, T46G),
    ] {
        let mut watch = Watch::new();
        let macs = random(3).map(|number| oui + number).take(2_000);
        let mut free = 0;
        let mut banned = None;
        for (number, name) in names(path, Some(agent), macs).into_iter().enumerate() {
            match watch.asks(SITE, &name).standing {
                Standing::Free => free += 1,
                Standing::Suspected => {}
                Standing::Sweeping(sweep) => {
                    banned = Some((number, sweep.reason));
                    break;
                }
            }
        }
        assert_eq!(free, 9, "{path}");
        let (after, reason) = banned.unwrap();
        assert!(after <= 1_000, "{after}: {reason}");
    }
    // At a minute's pace: what is followed in every boot sooner than what is not.
    for (path, most) in [("/{mac}.boot", 12), ("/{mac}.cfg", 335)] {
        let mut watch = Watch::new();
        let macs = random(3).map(|number| YEALINK + number).take(2_000);
        let mut after = 0;
        for name in names(path, Some(T46G), macs) {
            watch.now += 10;
            after += 1;
            if let Standing::Sweeping(_) = watch.asks(SITE, &name).standing {
                break;
            }
        }
        assert!((most - 10..=most + 40).contains(&after), "{path}: {after}");
    }
}

#[test]
fn a_common_file_that_nobody_knows_makes_no_sweep_of_a_site() {
    const FANVIL: u64 = 0x0c_38_3e << 24;
    const GRANDSTREAM: u64 = 0xc0_74_ad << 24;
    for (common, own, oui, agent) in [
        ("/F0V0X5S00000.cfg", "/{mac}.cfg", FANVIL, "Fanvil X5S 1.2.4 {mac}"),
        ("/F0V0X6000000.cfg", "/{mac}.cfg", FANVIL, "Fanvil X6 1.2.4 {mac}"),
        ("/f0X4hw1.0.cfg", "/{mac}.cfg", FANVIL, "Fanvil X4 2.3.2 {mac}"),
        ("/y000000000999.cfg", "/{mac}.cfg", YEALINK, "Yealink SIP-T54W 96.86.0.20 {colons}"),
        (
            "/gxp2170fw.bin",
            "/cfg{mac}.xml",
            GRANDSTREAM,
            "Grandstream Model HW GXP2170 SW 1.0.11.35 DevId {mac}",
        ),
    ] {
        let macs: Vec<u64> = random(5).map(|number| oui + number).take(300).collect();
        let of = |path| names(path, Some(agent), macs.iter().copied());
        let mut watch = Watch::new();
        for (first, second) in of(common).iter().zip(&of(own)) {
            for name in [first, second] {
                let Seen { standing, .. } = watch.asks(SITE, name);
                assert_eq!(standing, Standing::Free, "{name:?}");
            }
        }
        // Who never goes on is told from a site, as with a boot of one name.
        let many = random(5).map(|number| oui + number).take(2_000);
        let mut watch = Watch::new();
        let swept = names(common, Some(agent), many).iter().position(|name| {
            watch.now += 10;
            matches!(watch.asks(SITE, name).standing, Standing::Sweeping(_))
        });
        assert!(swept.is_some_and(|after| (300..400).contains(&after)), "{common}: {swept:?}");
        // What has the MAC in it, and is no name of any phone's, stays what it was.
        let odd = names("/{mac}.odd", Some(agent), macs.iter().copied());
        assert_eq!(Watch::new().sweep(odd.into_iter()).map(|(after, _)| after), Some(10));
    }
}

#[derive(Deserialize)]
struct Boot {
    id: String,
    mac: Option<String>,
    requests: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    path: String,
    user_agent: Option<String>,
}

fn boots() -> Vec<Boot> {
    let text = include_str!("../../../tests/integration/traces.json");
    serde_json::from_str(text).expect("the recorded boots are JSON")
}

/// The boot of another phone of the kind: its MAC in place of the recorded one, however written.
fn boot_of(boot: &Boot, mac: Mac) -> Vec<Name> {
    let recorded: Mac = boot.mac.as_deref().unwrap().parse().unwrap();
    let spelled = |mac: Mac| {
        let (lower, upper) = (mac.to_string(), mac.upper());
        let split = |text: &str, by: &str| {
            let pairs: Vec<&str> = (0..6).map(|at| &text[2 * at..2 * at + 2]).collect();
            pairs.join(by)
        };
        let mut all = vec![lower.clone(), upper.clone()];
        for by in [":", "-"] {
            all.extend([split(&lower, by), split(&upper, by)]);
        }
        all
    };
    let (from, to) = (spelled(recorded), spelled(mac));
    let fill = |text: &str| {
        from.iter().zip(&to).fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let name = |recorded: &Recorded| Name {
        target: fill(&recorded.path),
        user_agent: recorded.user_agent.as_deref().map(fill),
    };
    boot.requests.iter().map(name).collect()
}

#[test]
fn no_recorded_boot_contradicts_itself() {
    let mut strange = Vec::new();
    for boot in boots() {
        for recorded in &boot.requests {
            let target = Target::parse(&recorded.path);
            let user_agent = recorded.user_agent.as_deref();
            let identity =
                CATALOGUE.identify(Request { target: &target, user_agent, headers: &[] });
            if identity.mac.is_some() && identity.contradicts.is_some() {
                strange.push(format!("{} {}: {:?}", boot.id, recorded.path, identity.evidence));
            }
        }
    }
    assert!(strange.is_empty(), "{}", strange.join("\n"));
}

/// How the requests of many phones come one after the other.
#[derive(Debug, Clone, Copy)]
enum Crowd {
    /// All first names, then all second ones, a second each round.
    InStep,
    /// Each phone by itself, a few at a time.
    Staggered,
    /// All first names at once; the rest of each comes a quarter of a minute later each.
    Slow,
}

/// What a phone of the kind asks for that names its MAC: the same for each, but for the MAC.
fn asked_by_each(boot: &Boot) -> Vec<Read> {
    let recorded: Mac = boot.mac.as_deref().unwrap().parse().unwrap();
    let of = |mac: u64| {
        let mac = Mac::from_bits((recorded.bits() & !0xff_ffff) | mac);
        let read = boot_of(boot, mac).iter().filter_map(read).collect::<Vec<_>>();
        assert!(read.iter().all(|(own, _)| *own == mac), "{}: {read:?}", boot.id);
        read.into_iter().map(|(_, read)| read).collect::<Vec<_>>()
    };
    let one = of(0x12_3456);
    assert_eq!(one, of(0xab_cdef), "{}", boot.id);
    one
}

/// Whether a site is taken for a sweep, and why.
fn crowd(oui: u64, asked: &[Read], crowd: Crowd) -> Result<(), String> {
    // Three deliveries of a hundred phones, whose addresses follow each other, and who is first is
    // chance.
    let of_delivery = |number: u64| oui | (0x10_0000 + (number % 3) * 0x01_2345 + number / 3);
    let mut macs: Vec<u64> = (0..300).map(of_delivery).collect();
    let mut order = random(11);
    macs.sort_by_cached_key(|_| order.next());
    let mut watch = Watch::new();
    let ask = |watch: &mut Watch, mac: u64, read: Read| match watch
        .asks_for(SITE.parse().unwrap(), Mac::from_bits(mac), read)
        .standing
    {
        Standing::Free | Standing::Suspected => Ok(()),
        Standing::Sweeping(sweep) => Err(sweep.reason),
    };
    let (at_a_time, pause) = match crowd {
        Crowd::InStep => (300, 1),
        Crowd::Slow => (300, 15),
        Crowd::Staggered => (10, 1),
    };
    for some in macs.chunks(at_a_time) {
        for &read in asked {
            for &mac in some {
                ask(&mut watch, mac, read)?;
            }
            watch.now += pause;
        }
    }
    // They ask once more, a quarter of an hour later.
    watch.now += 900;
    for &mac in &macs {
        asked.iter().try_for_each(|&read| ask(&mut watch, mac, read))?;
    }
    Ok(())
}

#[test]
fn three_hundred_phones_behind_one_address_are_no_sweep() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for boot in boots().iter().filter(|boot| boot.mac.is_some()) {
        let asked = asked_by_each(boot);
        if !asked.iter().any(|read| matches!(read.bearing, Bearing::Phone { .. })) {
            continue;
        }
        tried += 1;
        let recorded: Mac = boot.mac.as_deref().unwrap().parse().unwrap();
        for how in [Crowd::InStep, Crowd::Staggered, Crowd::Slow] {
            if let Err(reason) = crowd(recorded.bits() & !0xff_ffff, &asked, how) {
                wrong.push(format!("{} {how:?}: {reason}", boot.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 35, "{tried} boots were tried");
}

#[test]
fn a_site_and_a_scanner_behind_it_are_told_apart_by_what_they_ask() {
    let boots = boots();
    let boot = boots.iter().find(|boot| boot.requests.len() >= 3 && boot.mac.is_some()).unwrap();
    let recorded: Mac = boot.mac.as_deref().unwrap().parse().unwrap();
    let mut watch = Watch::new();
    for number in 0..300 {
        let mac = Mac::from_bits((recorded.bits() & !0xff_ffff) + 7 * number);
        for name in boot_of(boot, mac) {
            assert_eq!(watch.asks(SITE, &name).standing, Standing::Free);
        }
    }
    let names =
        names("/{mac}.cfg", Some("curl/8"), random(5).map(|number| YEALINK + number).take(99));
    let (after, _) = watch.sweep(names.into_iter()).unwrap();
    assert!(after <= 10, "{after}");
}

#[test]
fn a_sweep_that_is_spread_out_is_told_once_in_an_hour() {
    let mut watch = Watch::new();
    let mut told = Vec::new();
    let mut macs = random(9).map(|number| YEALINK + number);
    let mut sweep = |watch: &mut Watch, told: &mut Vec<Alarm>| {
        for address in 0..1_000_u32 {
            let address = format!("203.{}.{}.9", address % 250, address / 4);
            for name in names("/{mac}.cfg", Some("curl/8"), macs.by_ref().take(3)) {
                let seen = watch.asks(&address, &name);
                assert_eq!(seen.standing, Standing::Free, "{address}");
                told.extend(seen.alarms);
            }
        }
    };
    sweep(&mut watch, &mut told);
    let figures = |alarm: &Alarm| (alarm.oui, alarm.macs, alarm.addresses);
    let expected = [(Some(0x80_5e_c0), 500, 167), (None, 1_000, 334)];
    assert_eq!(told.iter().map(figures).collect::<Vec<_>>(), expected);
    watch.now += 4_000;
    told.clear();
    sweep(&mut watch, &mut told);
    assert_eq!(told.len(), 2, "the next hour: {told:?}");
}

#[test]
fn a_network_is_banned_whose_addresses_do_little_each() {
    let mut watch = Watch::new();
    let mut macs = random(9).map(|number| YEALINK + number);
    let mut asked = 0;
    for host in 1..=254 {
        for name in names("/{mac}.cfg", Some("curl/8"), macs.by_ref().take(3)) {
            asked += 1;
            if let Standing::Sweeping(sweep) =
                watch.asks(&format!("203.0.113.{host}"), &name).standing
            {
                assert_eq!((sweep.network.to_string().as_str(), asked), ("203.0.113.0/24", 40));
                return;
            }
        }
    }
    panic!("nothing was noticed");
}

#[test]
fn an_ipv6_host_is_its_network_whatever_address_it_takes() {
    let mut watch = Watch::new();
    let macs = random(9).map(|number| YEALINK + number).take(99);
    for (number, name) in names("/{mac}.cfg", Some("curl/8"), macs).into_iter().enumerate() {
        let address = format!("2001:db8:1:2::{number:x}");
        if let Standing::Sweeping(sweep) = watch.asks(&address, &name).standing {
            assert_eq!((sweep.network.to_string().as_str(), number), ("2001:db8:1:2::/64", 9));
            return;
        }
    }
    panic!("nothing was noticed");
}

#[test]
fn an_hour_later_it_starts_over_and_repeats_do_not_count() {
    let mut watch = Watch::new();
    let names =
        names("/{mac}.cfg", Some("curl/8"), random(9).map(|number| YEALINK + number).take(18));
    for _ in 0..5 {
        for name in &names[..9] {
            assert_eq!(watch.asks(SITE, name).standing, Standing::Free);
        }
    }
    watch.now += 3_601;
    for name in &names[9..] {
        assert_eq!(watch.asks(SITE, name).standing, Standing::Free);
    }
}

#[test]
fn a_flood_is_remembered_within_bounds() {
    let scans = Scans::new(ScanOptions::default());
    for number in 0..1_000_000_u64 {
        let bits = (number % 400_000) * 65_537 + number / 250_000;
        let address = IpAddr::V4(u32::try_from(bits % (1 << 32)).unwrap().into());
        let mac = Mac::from_bits((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17) & !(1 << 40));
        let bearing = match number % 3 {
            0 => Bearing::Strange,
            1 => Bearing::Phone { is_followed: false },
            _ => Bearing::Phone { is_followed: true },
        };
        let asked = Asked { address, mac, name: 1, bearing, is_foreign: true };
        scans.see(
            asked,
            Timestamp::from_seconds(1_000_000 + i64::try_from(number / 10_000).unwrap()),
        );
    }
    let [sources, entries, due, networks, ouis] =
        scans.tables.lock().unwrap_or_else(PoisonError::into_inner).sizes();
    assert!(sources <= tables::MOST_SOURCES, "{sources}");
    assert!(entries <= tables::MOST_ENTRIES, "{entries}");
    assert!(due <= 2 * tables::MOST_ENTRIES, "{due}");
    assert!(networks <= 32_768 && ouis <= 4_096, "{networks} {ouis}");
}
