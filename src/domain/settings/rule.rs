//! Whether a value is what its [`Kind`] asks for.
//!
//! No accepted text holds a character that ends a line, is invisible to a
//! reader of the document, or cannot be written in XML 1.0: whatever format a
//! template makes of it, a value stays one value.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde_json::Value;

use super::schema::{Kind, MAX_TEXT, MAX_URL};
use super::url::{Url, is_host};
use super::zone::Zone;
use crate::domain::admission::ProofSet;
use crate::domain::{HostedPath, hidden_char};

/// ISO 3166-1 alpha-2, as in the `iso3166.tab` of the IANA time zone database.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI \
    BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY \
    CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN \
    GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH \
    KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL \
    PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV \
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN \
    VU WF WS YE YT ZA ZM ZW";

impl Kind {
    /// Whether a single value fits; `false` for the kinds that hold others.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match self {
            Kind::Bool => value.is_boolean(),
            Kind::Integer { min, max, .. } => {
                value.as_u64().is_some_and(|n| (*min..=*max).contains(&n))
            }
            Kind::Text { max } => value.as_str().is_some_and(|text| is_line(text, *max)),
            Kind::Secret => {
                value.as_str().is_some_and(|text| !text.is_empty() && is_line(text, MAX_TEXT))
            }
            Kind::Choice(names) => value.as_str().is_some_and(|text| names.contains(&text)),
            Kind::Host => value.as_str().is_some_and(is_host),
            Kind::Ip => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
            Kind::Net => value
                .as_str()
                .is_some_and(|text| text.parse::<IpNet>().is_ok_and(|net| net.trunc() == net)),
            Kind::Proofs => value.as_str().is_some_and(|text| text.parse::<ProofSet>().is_ok()),
            Kind::SipUser => value.as_str().is_some_and(|text| is_of(text, 64, "-_.!~*+")),
            Kind::AuthUser => value.as_str().is_some_and(|text| is_of(text, 128, "-_.!~*+@")),
            Kind::Pin => value.as_str().is_some_and(is_pin),
            Kind::Dial => value.as_str().is_some_and(is_dial),
            Kind::DialPattern => value.as_str().is_some_and(is_dial_pattern),
            Kind::MulticastAddress => value
                .as_str()
                .is_some_and(|text| text.parse().is_ok_and(|ip: Ipv4Addr| ip.is_multicast())),
            Kind::LdapAttribute => value.as_str().is_some_and(is_ldap_attribute),
            Kind::Url(_) | Kind::Folder(_) => {
                value.as_str().is_some_and(|text| self.url_fault(text).is_none())
            }
            Kind::Zone => value.as_str().is_some_and(|text| Zone::named(text).is_some()),
            Kind::Language => value.as_str().is_some_and(is_language),
            Kind::Country => value.as_str().is_some_and(is_country),
            Kind::TimeOfDay => value.as_str().is_some_and(is_time_of_day),
            Kind::List { .. } | Kind::Group(_) | Kind::Numbered { .. } | Kind::Vendor => false,
        }
    }

    /// Why the text is no URL of this kind, for people; `None`: it is one, or the kind is another.
    /// Never quotes the text, which may hold a password.
    pub(super) fn url_fault(&self, text: &str) -> Option<String> {
        match self {
            Kind::Url(schemes) => url_fault(text, schemes),
            Kind::Folder(schemes) => url_fault(text, schemes).or_else(|| {
                let behind = [('?', "query"), ('#', "fragment")];
                let (mark, what) = behind.into_iter().find(|(mark, _)| text.contains(*mark))?;
                Some(format!("it has a {what} (`{mark}`), and the names of files come behind it"))
            }),
            _ => None,
        }
    }
}

/// A text of at most `max` characters that is one line everywhere and reads as what it is.
pub(super) fn is_line(text: &str, max: usize) -> bool {
    text.chars().nth(max).is_none() && hidden_char(text).is_none()
}

/// The user part of RFC 3261 section 25.1 less `'()&=$,;?/%`, which are
/// syntax in one configuration format or another, and which no extension needs.
/// Digest user names are quoted strings and often hold `@`.
fn is_of(text: &str, max: usize, marks: &str) -> bool {
    (1..=max).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

/// Digits of a dial pad, `+`, and the pauses `,` `p` and the wait `w`.
fn is_dial(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || b"*#ABCD+,pw".contains(&b))
}

/// Digits that every phone can be unlocked with.
fn is_pin(text: &str) -> bool {
    (4..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// One alternative of a digit map, RFC 3435 section 2.1.5, with the `+` that phones dial today.
/// No letter for the dial pad's fourth column: makers disagree about it.
fn is_dial_pattern(text: &str) -> bool {
    let body = text.strip_suffix('T').unwrap_or(text);
    let mut rest = body.chars();
    let mut may_repeat = false;
    while let Some(c) = rest.next() {
        may_repeat = match c {
            '0'..='9' | 'x' | '*' | '#' | '+' => true,
            '.' if may_repeat => false,
            '[' => {
                let Some((class, after)) = rest.as_str().split_once(']') else { return false };
                rest = after.chars();
                if !is_digit_class(class) {
                    return false;
                }
                true
            }
            _ => return false,
        };
    }
    (1..=64).contains(&text.len()) && !body.is_empty()
}

/// Digits and ranges of them, upwards: `2-57`.
fn is_digit_class(class: &str) -> bool {
    let mut bytes = class.bytes().peekable();
    while let Some(first) = bytes.next() {
        if !(first.is_ascii_digit() || first == b'*' || first == b'#') {
            return false;
        }
        if bytes.next_if_eq(&b'-').is_some() {
            let last = bytes.next().filter(u8::is_ascii_digit);
            if !first.is_ascii_digit() || last.is_none_or(|last| last <= first) {
                return false;
            }
        }
    }
    !class.is_empty()
}

/// `descr` of RFC 4512 section 1.4, without object identifiers in digits.
fn is_ldap_attribute(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Why a text is not `scheme://host[:port][/path...]` in ASCII, or `files:PATH` for what the
/// gateway hosts. User name and password are refused, because a URL is shown where a secret is not.
/// Braces are outside RFC 3986, but handsets have placeholders such as `{mac}`.
fn url_fault(text: &str, schemes: &[&str]) -> Option<String> {
    const MARKS: &str = "-._~:/?#[]@!$&()*+,;=%{}";
    if text.starts_with("files:") && schemes.contains(&"files") {
        let is_none = HostedPath::of_setting(text).is_none();
        return is_none.then(|| format!("behind files: comes a name of {}", HostedPath::RULE));
    }
    if text.len() > MAX_URL {
        return Some(format!("it has {} bytes", text.len()));
    }
    if hidden_char(text).is_some() {
        return Some("it has a control character, or another that nobody sees".to_owned());
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || MARKS.contains(c)) {
        return Some(format!("a URL is of letters, digits and {MARKS}"));
    }
    let Some(url) = Url::parse(text) else {
        let (authority, _) = text.split_once("://").map_or(("", ""), |(_, rest)| {
            rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
        });
        let fault = match (text.contains("://"), authority.contains('@')) {
            (false, _) => "it has no ://",
            (true, true) => "it has a user name or a password before its host",
            (true, false) => "what is behind its :// is no host, or no host and port",
        };
        return Some(fault.to_owned());
    };
    let is_odd = !schemes.contains(&url.scheme);
    is_odd.then(|| format!("it begins with none of {}", schemes.join(", ")))
}

/// RFC 5646: language, script, region, each in the case the RFC recommends.
/// The rest of the grammar names nothing a handset has a translation for.
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-').peekable();
    let lower = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase());
    if !parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && lower(part)) {
        return false;
    }
    let is_script = |part: &&str| {
        part.len() == 4 && part.as_bytes()[0].is_ascii_uppercase() && lower(&part[1..])
    };
    let is_region = |part: &&str| {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_uppercase()))
            || (part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit()))
    };
    parts.next_if(is_script);
    parts.next_if(is_region);
    parts.next().is_none()
}

fn is_country(text: &str) -> bool {
    COUNTRIES.split(' ').any(|country| country == text)
}

fn is_time_of_day(text: &str) -> bool {
    let Some((hour, minute)) = text.split_once(':') else { return false };
    let below = |part: &str, end: u8| {
        part.len() == 2
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|n| n < end)
    };
    below(hour, 24) && below(minute, 60)
}

/// A family's id, as `templates/` has a folder of that name.
pub(crate) fn is_family(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

/// A raw parameter's name: letters, digits and `_ . - / [ ]`, which spell
/// `P270`, `account.1.user_name`, `User_ID_1_`, `voip/line/0` and
/// `aucS_SERVER[0]`. Not `:` or `=`, which end a name in one format or
/// another, and no quote, space, `<`, `>`, `&`, `#` or `;`, which could make
/// one parameter two.
pub(crate) fn is_parameter(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/[]".contains(&b))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
}
