//! The raw parameters that a file never takes back.

use std::collections::BTreeSet;

/// What `never_reset` of `family.toml` names: the phone's passwords and where it fetches from.
#[derive(Debug, Default)]
pub(crate) struct NeverReset {
    names: BTreeSet<String>,
    beginnings: Vec<String>,
}

impl NeverReset {
    /// Adds a name, or with `*` at its end all that begin so; a number in it is any number, as is
    /// `N`, but for that of a name which is a letter and a number, as `P47`.
    ///
    /// # Errors
    /// What is no such name.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        let beginning = text.strip_suffix('*');
        let name = beginning.unwrap_or(text);
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-/[]".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            || !name.chars().all(fits)
        {
            return Err(format!(
                "`{text}` is not the name of a raw parameter, nor the beginning of one and a `*`"
            ));
        }
        match beginning {
            Some(beginning) => self.beginnings.push(plain(beginning)),
            None => drop(self.names.insert(plain(name))),
        }
        Ok(())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        let name = plain(name);
        self.names.contains(&name)
            || self.beginnings.iter().any(|beginning| name.starts_with(beginning))
    }
}

/// Lower-case letters, digits and `_`, each number as `n`; a letter and a number stay what they
/// are, without zeros before the number.
///
/// SECURITY: templates leave out what no name of the phone can have, so that `http/_pass` comes to
/// be `http_pass`: the rest must not tell names apart here.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|&c| c.is_ascii_alphanumeric() || c == '_');
    let kept: String = kept.map(|c| c.to_ascii_lowercase()).collect();
    let number = kept.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or_default();
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{}{}", &kept[..1], number.trim_start_matches('0'));
    }
    let mut text = String::with_capacity(kept.len());
    let mut in_number = false;
    for c in kept.chars() {
        let is_digit = c.is_ascii_digit();
        match c {
            '0'..='9' if in_number => {}
            '0'..='9' => text.push('n'),
            _ => text.push(c),
        }
        in_number = is_digit;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_however_it_is_written() {
        let mut never = NeverReset::default();
        for name in ["http_pass", "account.N.password", "user_pass[N]", "device.auth.*", "P47"] {
            never.add(name).unwrap();
        }
        for name in [
            "http_pass",
            "http/_pass",
            "HTTP_Pass",
            "account.12.password",
            "user_pass[1]",
            "device.auth.localAdminPassword",
            "p47",
            "P0/47",
        ] {
            assert!(never.has(name), "{name}");
        }
        for name in [
            "http_passes",
            "http",
            "account.password",
            "device.net.vlanId",
            "removed",
            "P48",
            "P4",
            "PN",
        ] {
            assert!(!never.has(name), "{name}");
        }
        for wrong in ["", "*", "a*b", "a b", "-a", "a**"] {
            assert!(never.add(wrong).is_err(), "{wrong}");
        }
    }
}
