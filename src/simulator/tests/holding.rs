//! What phones make of the holding files of the built-in families.

use std::collections::BTreeSet;

use crate::catalogue::{Boots, Catalogue, Request, Sources, Target};
use crate::domain::Mac;
use crate::simulator::read_config::Lines;

/// Those of which it is known what shows a text or has the phone ask again, and that a full file
/// takes back.
const HELD: [&str; 28] = [
    "aastra",
    "akuvox",
    "alcatel-myriad",
    "audiocodes",
    "cisco-ata191",
    "cisco-mpp",
    "cisco-spa-ata",
    "cisco-spa-phone",
    "fanvil",
    "flyingvoice",
    "gigaset-maxwell",
    "grandstream",
    "grandstream-dp",
    "grandstream-ht",
    "htek",
    "linksys",
    "obihai",
    "panasonic",
    "panasonic-tgp",
    "panasonic-utg",
    "polycom",
    "polycom-vvx",
    "sangoma-s",
    "snom",
    "vtech",
    "yealink",
    "yealink-dect",
    "yealink-video",
];

#[test]
fn a_phone_that_is_held_registers_nowhere_and_gets_what_every_other_one_gets() {
    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let boots = Boots::load(&catalogue).unwrap();
    let mut held = BTreeSet::new();
    for phone_type in catalogue.types().into_iter().filter(|of| of.is_distinct()) {
        let family = catalogue.family_of(phone_type);
        let Some(boot) = boots.of(phone_type) else { continue };
        // Of some makers nobody knows a block; RFC 7042 section 2.1.2 has one for documentation.
        let oui = family.ouis().first().copied().unwrap_or(0x00_005e);
        let at = &phone_type.key;
        let mut lines = Lines::default();
        for request in boot.shape(phone_type).requests {
            let got = [1, 0x5a_a937].map(|low| {
                let mac = Mac::from_bits(u64::from(oui) << 24 | low);
                let target = Target::parse(&format!("/{}", request.path.fill(mac)));
                let user_agent = request.user_agent.as_ref().map(|text| text.fill(mac));
                let user_agent = user_agent.as_deref();
                let asked = Request { target: &target, user_agent, headers: &[] };
                let identity = catalogue.identify(asked);
                let holding = catalogue.holding_file(&identity)?;
                Some(catalogue.render_holding(&holding).unwrap_or_else(|e| panic!("{at}: {e}")))
            });
            assert_eq!(got[0], got[1], "{at}");
            if let Some(file) = got[0].as_ref().filter(|_| request.configures) {
                held.insert(family.id.as_str());
                let read = lines.read(&boot.simulate.config, &file.body);
                read.unwrap_or_else(|error| panic!("{at}: {error}"));
            }
        }
        assert_eq!(lines.line(&boot.simulate.config), None, "{at}");
    }
    assert_eq!(held, BTreeSet::from(HELD));
}
