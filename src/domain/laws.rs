//! What holds of whatever stands for one name: in a path, a header, a setting, an option.

use std::fmt::Display;
use std::str::FromStr;

use super::admission::{ProofSet, UrlToken};
use super::{CompanyId, HostedPath, Mac, NameKind, PhoneId, TypeKey};

/// A name that is taken is printed in a way that is read as the same one, bounded and in plain
/// characters.
pub fn name(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    reads_back::<Mac>(text);
    reads_back::<PhoneId>(text);
    reads_back::<TypeKey>(text);
    reads_back::<CompanyId>(text);
    reads_back::<ProofSet>(text);
    reads_back::<NameKind>(text);
    if let Ok(mac) = text.parse::<Mac>() {
        assert_eq!(mac.upper().parse(), Ok(mac));
        assert_eq!(mac.colon_upper().parse(), Ok(mac));
        assert_eq!(Mac::from_bits(mac.bits()), mac);
    }
    if let Ok(token) = text.parse::<UrlToken>() {
        assert_eq!(token.expose(), text);
    }
    if let Some(path) = HostedPath::new(text) {
        let mac = Mac::from_bits(0x0015_6500_0001);
        let url = path.url("https://gw.example/p/", mac);
        let asked = url.strip_prefix("https://gw.example").expect("it is below the address");
        assert_eq!(HostedPath::asked(asked), Some((mac, path)), "{url}");
    }
}

fn reads_back<T: FromStr + Display + PartialEq>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let printed = read.to_string();
    assert!(printed.len() <= 128, "{printed:?}");
    assert!(printed.chars().all(|c| c.is_ascii_graphic()), "{printed:?}");
    assert!(printed.parse::<T>().is_ok_and(|again| again == read), "{text:?}: {printed:?}");
}
