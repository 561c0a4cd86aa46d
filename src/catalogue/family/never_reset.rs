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
    /// `N`.
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

/// Lower-case letters, digits and `_`, each number as `n`.
///
/// SECURITY: templates leave out what no name of the phone can have, so that `http/_pass` comes to
/// be `http_pass`: the rest must not tell names apart here.
fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut in_number = false;
    for c in name.chars() {
        let is_digit = c.is_ascii_digit();
        match c {
            '0'..='9' if in_number => {}
            '0'..='9' => text.push('n'),
            '_' | 'a'..='z' | 'A'..='Z' => text.push(c.to_ascii_lowercase()),
            _ => {}
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
        for name in ["http_pass", "account.N.password", "user_pass[N]", "device.auth.*"] {
            never.add(name).unwrap();
        }
        for name in [
            "http_pass",
            "http/_pass",
            "HTTP_Pass",
            "account.12.password",
            "user_pass[1]",
            "device.auth.localAdminPassword",
        ] {
            assert!(never.has(name), "{name}");
        }
        for name in ["http_passes", "http", "account.password", "device.net.vlanId", "removed"] {
            assert!(!never.has(name), "{name}");
        }
        for wrong in ["", "*", "a*b", "a b", "-a", "a**"] {
            assert!(never.add(wrong).is_err(), "{wrong}");
        }
    }
}
