//! What a handset's certificate tells of it.

use crate::domain::Mac;

/// The MAC in a certificate's subject: Yealink, Polycom and Snom write it alone, Cisco
/// among other things (`SPA-525G2, MAC: 708105B37234, Serial: ...`). Most names of lab
/// certificates have none.
#[must_use]
pub fn mac_of_subject(subject: &str) -> Option<Mac> {
    let words = subject.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '='));
    words.filter_map(|word| word.parse().ok()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_found_alone_and_among_other_things() {
        for (subject, mac) in [
            ("001565112233", Some("001565112233")),
            ("00:15:65:11:22:33", Some("001565112233")),
            ("CN=0004F2AA0335, O=Polycom Inc.", Some("0004f2aa0335")),
            ("SPA-525G2, MAC: 708105B37234, Serial: CBT123456", Some("708105b37234")),
            ("CN=phones.example.com", None),
            ("", None),
        ] {
            assert_eq!(mac_of_subject(subject).map(String::from).as_deref(), mac, "{subject}");
        }
    }
}
