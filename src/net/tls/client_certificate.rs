//! From a client's certificate, verified, to the names in it.

use std::time::SystemTime;

use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use super::files;
use crate::domain::{CertificateName, ClientCertificate, NameKind};

/// One that the library which verified it reads and this one does not has no names.
pub(in crate::net) fn read(der: &[u8], now: SystemTime) -> ClientCertificate {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return ClientCertificate::default();
    };
    let mut holder = names(certificate.subject());
    // All of them: that there is one extension of a kind at most is checked by nobody.
    for extension in certificate.extensions() {
        if extension.oid == x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(all) => {
                    holder.extend(all.general_names.iter().filter_map(alternative));
                }
                _ => holder.push(CertificateName::new(NameKind::DnsName, None)),
            }
        }
    }
    let is_expired = files::not_after(&certificate) < now;
    ClientCertificate::new(holder, names(certificate.issuer()), is_expired)
}

fn names(name: &X509Name<'_>) -> Vec<CertificateName> {
    let attributes = name.iter_attributes().map(|attribute| {
        let kind = NameKind::of_attribute(&attribute.attr_type().to_id_string());
        CertificateName::new(kind, text(attribute.attr_value()))
    });
    attributes.collect()
}

fn alternative(name: &GeneralName<'_>) -> Option<CertificateName> {
    let (kind, value) = match name {
        GeneralName::DNSName(text) => (NameKind::DnsName, ascii(text.as_bytes())),
        GeneralName::URI(text) => (NameKind::Uri, ascii(text.as_bytes())),
        // Tags of RFC 5280, section 4.2.1.6.
        GeneralName::Invalid(Tag(2), _) => (NameKind::DnsName, None),
        GeneralName::Invalid(Tag(6), _) => (NameKind::Uri, None),
        _ => return None,
    };
    Some(CertificateName::new(kind, value))
}

/// What an attribute says, where its encoding leaves no doubt of it (X.680 section 41).
fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => str::from_utf8(value.data).ok().map(str::to_owned),
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString => ascii(value.data),
        Tag::BmpString => bmp(value.data),
        // T.61 has other characters at some places of ASCII, and makers wrote Latin-1 or UTF-8 in it:
        // letters, digits and a few signs are the same in all.
        Tag::T61String => ascii(value.data).filter(|text| {
            let is_common = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?_@&%*;".contains(c);
            text.chars().all(is_common)
        }),
        _ => None,
    }
}

fn ascii(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok().filter(|text| text.is_ascii())?;
    Some(text.to_owned())
}

/// Two bytes a character (ISO 10646 BMP, no surrogates).
fn bmp(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut characters =
        pairs.iter().map(|&pair| char::from_u32(u32::from(u16::from_be_bytes(pair))));
    if rest.is_empty() { characters.by_ref().collect() } else { None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rcgen::{
        CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, KeyPair, SanType,
    };

    use super::*;

    fn params(subject: &[(DnType, DnValue)]) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        params
    }

    fn signed(params: &CertificateParams) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        read(params.self_signed(&key).unwrap().der(), SystemTime::now())
    }

    fn utf8(text: &str) -> DnValue {
        DnValue::Utf8String(text.to_owned())
    }

    #[test]
    fn each_attribute_has_its_kind_and_the_names_follow_the_subject() {
        let mut params = params(&[
            (DnType::CountryName, DnValue::PrintableString("US".try_into().unwrap())),
            (DnType::StateOrProvinceName, utf8("708105B37234")),
            (DnType::LocalityName, utf8("CBT153908BX")),
            (DnType::OrganizationName, utf8("Cisco Systems, Inc.")),
            (DnType::OrganizationalUnitName, utf8("cisco.com")),
            (DnType::CommonName, utf8("SPA-525G2, MAC: 708105B37234, Serial: CBT153908BX")),
            (DnType::CustomDnType(vec![2, 5, 4, 5]), utf8("PID:CP-8841 SN:FCH12345678")),
            (
                DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
                DnValue::Ia5String("linksys-certadmin@cisco.com".try_into().unwrap()),
            ),
            (DnType::CustomDnType(vec![1, 2, 3]), utf8("x")),
        ]);
        params.subject_alt_names = vec![
            SanType::DnsName("phone.example".try_into().unwrap()),
            SanType::URI("urn:x".try_into().unwrap()),
            SanType::Rfc822Name("a@b.example".try_into().unwrap()),
        ];
        let certificate = signed(&params);
        let only = |kind| certificate.only(kind);
        assert_eq!(only(NameKind::Country), Some("US"));
        assert_eq!(only(NameKind::State), Some("708105B37234"));
        assert_eq!(only(NameKind::Organization), Some("Cisco Systems, Inc."));
        let cn = "SPA-525G2, MAC: 708105B37234, Serial: CBT153908BX";
        assert_eq!(only(NameKind::CommonName), Some(cn));
        assert_eq!(only(NameKind::SerialNumber), Some("PID:CP-8841 SN:FCH12345678"));
        assert_eq!(only(NameKind::EmailAddress), Some("linksys-certadmin@cisco.com"));
        assert_eq!(only(NameKind::Other), Some("x"));
        assert_eq!(only(NameKind::DnsName), Some("phone.example"));
        assert_eq!(only(NameKind::Uri), Some("urn:x"));
        let issuer: Vec<_> = certificate.issuer_names().collect();
        assert_eq!(issuer, ["Cisco Systems, Inc.", "cisco.com", cn]);
        assert_eq!(certificate.shown(), Some(cn));
    }

    fn cn(value: DnValue) -> Option<String> {
        let certificate = signed(&params(&[(DnType::CommonName, value)]));
        certificate.only(NameKind::CommonName).map(str::to_owned)
    }

    #[test]
    fn a_text_is_taken_where_its_encoding_says_what_it_is() {
        let mac = Some("0004f2abcdef".to_owned());
        assert_eq!(cn(utf8("0004f2abcdef")), mac);
        assert_eq!(cn(DnValue::PrintableString("0004f2abcdef".try_into().unwrap())), mac);
        assert_eq!(cn(DnValue::Ia5String("0004f2abcdef".try_into().unwrap())), mac);
        assert_eq!(cn(DnValue::BmpString("0004f2abcdef".try_into().unwrap())), mac);
        assert_eq!(cn(DnValue::TeletexString("0004f2abcdef".try_into().unwrap())), mac);
        assert_eq!(cn(DnValue::UniversalString("0004f2abcdef".try_into().unwrap())), None);
        assert_eq!(cn(utf8("0004f2abcdef\0.example")), None);
        assert_eq!(cn(utf8("0004f2abcdef\n")), None);
        assert_eq!(cn(DnValue::BmpString("0004f2abcdef\0".try_into().unwrap())), None);
        assert_eq!(cn(utf8("Telefon Küche")).as_deref(), Some("Telefon Küche"));
    }

    #[test]
    fn bytes_that_are_no_text_of_their_kind_are_none() {
        let read = |tag: Tag, bytes: &[u8]| text(&Any::from_tag_and_data(tag, bytes));
        // UTF-16 where T.61 is announced, Latin-1, half a character, one of two halves.
        assert_eq!(read(Tag::T61String, b"\x000\x000"), None);
        assert_eq!(read(Tag::T61String, b"K\xfcche"), None);
        assert_eq!(read(Tag::T61String, b"a$b"), None);
        assert_eq!(read(Tag::Utf8String, b"K\xfcche"), None);
        assert_eq!(read(Tag::PrintableString, "Küche".as_bytes()), None);
        assert_eq!(read(Tag::BmpString, b"\x00a\x00"), None);
        assert_eq!(read(Tag::BmpString, b"\xd8\x3d\xde\x00"), None);
        assert_eq!(read(Tag::BmpString, b"\x00K\x00\xfc").as_deref(), Some("Kü"));
        assert_eq!(read(Tag::OctetString, b"0004f2abcdef"), None);
    }

    #[test]
    fn alternative_names_that_are_damaged_are_there_and_say_nothing() {
        let mut params = params(&[(DnType::CommonName, utf8("0004f2abcdef"))]);
        // subjectAltName, of one dNSName that is no ASCII, and once more, of no sequence.
        for content in [vec![0x30, 3, 0x82, 1, 0xff], vec![4, 1, 0]] {
            let san = CustomExtension::from_oid_content(&[2, 5, 29, 17], content);
            params.custom_extensions = vec![san];
            let certificate = signed(&params);
            let names: Vec<_> = certificate.names(NameKind::DnsName).collect();
            assert_eq!(names, [&CertificateName::new(NameKind::DnsName, None)]);
        }
    }

    #[test]
    fn it_has_expired_when_its_last_second_is_over() {
        let mut params = params(&[(DnType::CommonName, utf8("0004f2abcdef"))]);
        params.not_after = rcgen::date_time_ymd(2026, 1, 1);
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let end = SystemTime::from(rcgen::date_time_ymd(2026, 1, 1));
        assert!(!read(&der, end).is_expired());
        assert!(read(&der, end + Duration::from_secs(1)).is_expired());
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        assert_eq!(read(b"no", SystemTime::now()).shown(), None);
    }

    proptest! {
        #[test]
        fn whatever_is_damaged_what_is_read_can_be_shown(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)
        ) {
            static DER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
                let mut params = params(&[
                    (DnType::StateOrProvinceName, utf8("000e08abcdef")),
                    (DnType::CommonName, DnValue::BmpString("SPA-962, MAC".try_into().unwrap())),
                ]);
                params.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
                params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
            });
            let mut der = DER.clone();
            for (at, byte) in damage {
                *at.get_mut(&mut der) = byte;
            }
            crate::net::laws::certificate(&der);
        }
    }
}
