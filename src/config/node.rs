//! `[node]`: what this gateway is called among several.

use super::from_text::FromText;
use super::reader::Section;

/// `[node]`
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSection {
    /// Its name in lists and in the log: letters, digits, `.`, `-` and `_`, at most 64 of them.
    pub name: String,
}

/// As long as Linux lets the name of a host be.
const MOST: usize = 64;

impl NodeSection {
    pub(super) fn read(mut section: Section<'_>) -> NodeSection {
        let given: Option<Name> = section.optional("name");
        NodeSection { name: given.map_or_else(of_this_machine, |Name(name)| name) }
    }
}

/// A name as it may be given.
struct Name(String);

impl FromText for Name {
    fn from_text(text: &str) -> Result<Name, String> {
        if (1..=MOST).contains(&text.len()) && text.chars().all(is_plain) {
            Ok(Name(text.to_owned()))
        } else {
            Err(format!("must be 1 to {MOST} letters, digits, `.`, `-` and `_`"))
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// The name of the host, as far as it can be one.
fn of_this_machine() -> String {
    usable(&rustix::system::uname().nodename().to_string_lossy())
}

fn usable(host: &str) -> String {
    let name: String = host.chars().filter(|&c| is_plain(c)).take(MOST).collect();
    if name.is_empty() { "gateway".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["gw1", "gw-1.example.com", "A_b", &"x".repeat(64)] {
            assert_eq!(Name::from_text(name).map(|Name(name)| name), Ok(name.to_owned()));
        }
        for name in ["", "gw 1", "gw\n", "g\u{fc}", &"x".repeat(65)] {
            assert!(Name::from_text(name).is_err(), "{name}");
        }
    }

    #[test]
    fn any_host_has_a_name() {
        assert_eq!(usable("gw1"), "gw1");
        assert_eq!(usable("\u{1b}[31mgw"), "31mgw");
        assert_eq!(usable("\u{fc}"), "gateway");
        assert_eq!(usable(&"x".repeat(100)).len(), 64);
        assert!(Name::from_text(&of_this_machine()).is_ok());
    }
}
