//! What a handset's certificate proves: by the forms of the families whose maker's authority signed
//! it, or, when it is nobody's, by the form of an operator's own authority.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::domain::{Certified, ClientCertificate, Mac, NameKind};

impl Catalogue {
    /// What a certificate proves, whose chain was verified.
    ///
    /// Of a maker's authority, it names a device by what the family has in `[[certificate]]`: one
    /// attribute, which is there once and fits as a whole. An authority that is no maker's names one
    /// by the whole of the common name, or of a `dNSName`. That nothing is searched is on purpose:
    /// serial numbers have twelve hex digits, and Cisco's authorities sign for access points, too.
    #[must_use]
    pub fn certified(&self, certificate: &ClientCertificate) -> Certified {
        certificate.certified_by(self.version, |certificate| self.read_certificate(certificate))
    }

    fn read_certificate(&self, certificate: &ClientCertificate) -> Certified {
        let (mut proven, mut named) = (Macs::default(), Macs::default());
        for kind in [NameKind::CommonName, NameKind::DnsName] {
            for name in certificate.names(kind) {
                match &name.value {
                    Some(text) => named.add(whole(text)),
                    // Who knows what it says to others.
                    None => return Certified::Nothing,
                }
            }
        }
        let mut is_makers = false;
        let mut makers = Vec::new();
        for family in &self.families {
            let own = family.certificates.iter().filter(|form| form.is_issued(certificate));
            for form in own {
                is_makers = true;
                proven.add(form.mac(certificate));
                form.all_macs(certificate).for_each(|mac| named.add(Some(mac)));
                if form.is_generic(certificate) && makers.last() != Some(&family.id) {
                    makers.push(family.id.clone());
                }
            }
        }
        if !is_makers {
            proven.add(certificate.only(NameKind::CommonName).and_then(whole));
            let dns_names = certificate.names(NameKind::DnsName);
            dns_names.for_each(|name| proven.add(name.value.as_deref().and_then(whole)));
        }
        match (named, proven) {
            (Macs::Several, _) => Certified::Contradictory,
            (_, Macs::One(mac)) => Certified::Mac(mac),
            _ if !makers.is_empty() => Certified::Maker(Arc::from(makers)),
            _ => Certified::Nothing,
        }
    }
}

/// A text that is a device's address and nothing else.
fn whole(text: &str) -> Option<Mac> {
    text.parse().ok().filter(|mac: &Mac| mac.is_usable())
}

#[derive(Clone, Copy, Default)]
enum Macs {
    #[default]
    None,
    One(Mac),
    Several,
}

impl Macs {
    fn add(&mut self, mac: Option<Mac>) {
        *self = match (*self, mac) {
            (before, None) => before,
            (Macs::None, Some(mac)) => Macs::One(mac),
            (Macs::One(one), Some(mac)) if one == mac => Macs::One(mac),
            _ => Macs::Several,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Sources;
    use crate::domain::CertificateName;

    fn names(text: &str) -> Vec<CertificateName> {
        let parts = text.split('/').filter(|part| !part.is_empty());
        let name = |part: &str| {
            let (kind, value) = part.split_once('=').unwrap();
            CertificateName::new(kind.parse().unwrap(), Some(value.to_owned()))
        };
        parts.map(name).collect()
    }

    fn certified(issuer: &str, holder: &str) -> Certified {
        static CATALOGUE: std::sync::LazyLock<Catalogue> =
            std::sync::LazyLock::new(|| Catalogue::load_untried(&Sources::default()).unwrap());
        let certificate = ClientCertificate::new(names(holder), names(issuer), false);
        CATALOGUE.certified(&certificate)
    }

    fn mac(text: &str) -> Certified {
        Certified::Mac(text.parse().unwrap())
    }

    const COMPANY: &str = "/O=Acme/CN=Acme Phones CA";
    const SIPURA: &str = "/CN=Sipura CA";
    const CISCO: &str = "/O=Cisco/CN=Cisco Manufacturing CA SHA2";
    const YEALINK: &str = "/CN=Yealink Equipment Issuing CA";

    #[test]
    fn each_maker_writes_the_mac_at_its_own_place() {
        for (issuer, holder, expected) in [
            (YEALINK, "/CN=805ec0123456", "805ec0123456"),
            (
                "/CN=Polycom Equipment Issuing CA 1",
                "/C=US/O=Polycom Inc./CN=0004F2123456",
                "0004f2123456",
            ),
            (
                "/O=Cisco Systems, Inc./CN=Cisco Small Business CA",
                "/C=US/ST=708105B37234/L=CBT153908BX/O=Cisco Systems, Inc./OU=cisco.com\
                 /CN=SPA-525G2, MAC: 708105B37234, Serial: CBT153908BX\
                 /emailAddress=linksys-certadmin@cisco.com",
                "708105b37234",
            ),
            // The serial number is an address that somebody could have, too.
            (SIPURA, "/OU=SPA-962/L=88012BA01234/ST=000e08abcdef", "000e08abcdef"),
            (
                CISCO,
                "/O=Cisco Systems Inc./CN=CP-8841-SEP00562B043615\
                 /serialNumber=PID:CP-8841 SN:FCH12345678",
                "00562b043615",
            ),
            ("/CN=CAPF-1a2b3c4d", "/CN=SEP00562B043615", "00562b043615"),
            (
                "/O=snom technology AG/CN=Snom Phone 1 SHA-256",
                "/C=DE/ST=Berlin/L=Berlin/O=Snom Technology AG/CN=000413ABCDEF",
                "000413abcdef",
            ),
        ] {
            assert_eq!(certified(issuer, holder), mac(expected), "{holder}");
        }
    }

    #[test]
    fn what_the_makers_authority_signed_in_another_form_is_no_phone() {
        for (issuer, holder) in [
            (CISCO, "/C=US/ST=California/L=San Jose/O=Cisco Systems/CN=AP1G4-94D469F82DE8"),
            (CISCO, "/CN=94D469F82DE8"),
            (CISCO, "/CN=CP-8841-SEP00562B043615.example.com"),
            (CISCO, "/CN=xCP-8841-SEP00562B043615"),
            (SIPURA, "/OU=SPA-962/L=000e08abcdef/ST=California"),
            (SIPURA, "/CN=000e08abcdef"),
            (YEALINK, "/CN=phone-805ec0123456"),
            (YEALINK, "/CN=805ec0123456.example.com"),
            (YEALINK, "/serialNumber=805ec0123456"),
            (YEALINK, "/CN=000000000000"),
            (YEALINK, "/CN=ffffffffffff"),
            (YEALINK, ""),
        ] {
            assert_eq!(certified(issuer, holder), Certified::Nothing, "{issuer} {holder}");
        }
    }

    #[test]
    fn two_addresses_contradict_each_other() {
        for (issuer, holder) in [
            (YEALINK, "/CN=805ec0123456/CN=805ec0123457"),
            (YEALINK, "/CN=805ec0123456/dNSName=80-5e-c0-12-34-57"),
            (SIPURA, "/ST=000e08abcdef/CN=SPA-525G2, MAC: 000e08abcdee, Serial: X"),
            (SIPURA, "/ST=000e08abcdef/CN=000e08abcdee"),
            (SIPURA, "/ST=000e08abcdef/ST=000e08abcdee"),
            (COMPANY, "/CN=805ec0123456/CN=805ec0123457"),
            (COMPANY, "/CN=805ec0123456/dNSName=805ec0123457"),
            (COMPANY, "/dNSName=805ec0123456/dNSName=805ec0123457"),
        ] {
            assert_eq!(certified(issuer, holder), Certified::Contradictory, "{holder}");
        }
    }

    #[test]
    fn the_same_address_twice_is_one() {
        let agreeing = "/ST=000e08abcdef/CN=SPA-962, MAC: 000E08ABCDEF, Serial: 88012BA01234";
        assert_eq!(certified(SIPURA, agreeing), mac("000e08abcdef"));
        let named = "/CN=805ec0123456/dNSName=80:5e:c0:12:34:56/dNSName=desk.acme.example";
        assert_eq!(certified(COMPANY, named), mac("805ec0123456"));
    }

    #[test]
    fn a_name_beside_the_one_with_the_address_leaves_nothing_proven() {
        assert_eq!(certified(YEALINK, "/CN=805ec0123456/CN=phone"), Certified::Nothing);
        assert_eq!(certified(COMPANY, "/CN=805ec0123456/CN=805ec0123456"), Certified::Nothing);
        assert_eq!(certified(SIPURA, "/ST=000e08abcdef/ST=California"), Certified::Nothing);
        // One that cannot be read may say anything.
        for (issuer, holder) in [(YEALINK, "/CN=805ec0123456"), (COMPANY, "/dNSName=805ec0123456")]
        {
            let mut holder = names(holder);
            holder.push(CertificateName::new(NameKind::CommonName, None));
            let certificate = ClientCertificate::new(holder, names(issuer), false);
            let catalogue = Catalogue::load_untried(&Sources::default()).unwrap();
            assert_eq!(catalogue.certified(&certificate), Certified::Nothing);
        }
    }

    #[test]
    fn the_certificate_of_all_phones_of_a_maker_proves_the_maker() {
        let generic = "/OU=cisco.com/L=ciscogeneric/ST=ciscogeneric";
        let Certified::Maker(families) = certified("/CN=Linksys CA", generic) else {
            panic!("it is the generic one");
        };
        assert_eq!(*families, ["cisco-spa-ata", "cisco-spa-phone", "linksys"]);
        assert_eq!(certified(COMPANY, generic), Certified::Nothing, "anybody can write that");
        let half = "/OU=cisco.com/L=ciscogeneric/ST=California";
        assert_eq!(certified("/CN=Linksys CA", half), Certified::Nothing);
        let beside = "/OU=cisco.com/L=ciscogeneric/ST=ciscogeneric/ST=ciscogeneric";
        assert_eq!(certified("/CN=Linksys CA", beside), Certified::Nothing);
    }

    #[test]
    fn an_authority_of_the_operators_names_the_phone_by_the_whole_of_a_name() {
        for holder in [
            "/CN=805EC0123456",
            "/CN=80-5e-c0-12-34-56",
            "/CN=desk/dNSName=805ec0123456",
            "/O=Acme/OU=805ec0999999/serialNumber=805ec0888888/CN=805ec0123456",
        ] {
            assert_eq!(certified(COMPANY, holder), mac("805ec0123456"), "{holder}");
        }
        for holder in [
            "/CN=phone-805ec0123456",
            "/CN=805ec0123456.acme.example",
            "/CN=805ec0123456, Serial: 1",
            "/CN= 805ec0123456",
            "/ST=805ec0123456",
            "/serialNumber=805ec0123456",
            "/CN=desk/dNSName=805ec0123456.acme.example",
            "/CN=desk/URI=805ec0123456",
            "/CN=desk",
        ] {
            assert_eq!(certified(COMPANY, holder), Certified::Nothing, "{holder}");
        }
    }

    #[test]
    fn a_name_of_an_authority_counts_as_a_whole() {
        let spa = "/ST=000e08abcdef";
        assert_eq!(certified("/CN=Not Cisco Small Business CA", spa), Certified::Nothing);
        assert_eq!(certified("/emailAddress=x/L=Sipura CA", spa), Certified::Nothing);
        assert_eq!(certified("/CN=SIPURA CA", spa), mac("000e08abcdef"));
    }
}
