//! What holds whatever comes from outside: one law for each thing that reads what strangers, makers
//! or operators write. A law takes any bytes, reads them as the gateway does, and panics when what
//! comes of it is not what the rest of the program builds on.
//!
//! The fuzz targets of `fuzz/` look for bytes that break one; the tests here try what handsets and
//! operators really write, and damaged copies of it.

mod seeds;

use std::fmt;

pub use crate::catalogue::laws::{family, identification};
pub use crate::domain::laws::name;
pub use crate::domain::settings::laws::settings;
pub use crate::handset::laws::{authorization, forwarded, request};
pub use crate::net::laws::proxy_header;
pub use crate::registry::transfer::laws::document;

use crate::{catalogue, net, registry};

/// A path stays below its root and steers nothing, and of a token in it nothing is kept to be shown.
pub fn target(raw: &[u8]) {
    catalogue::laws::target(raw);
    registry::laws::logged_target(raw);
}

/// What a certificate names is bounded, and what it proves is of the catalogue.
pub fn certificate(der: &[u8]) {
    catalogue::laws::certified(&net::laws::certificate(der));
}

/// One law.
#[derive(Clone, Copy)]
pub struct Law {
    /// The name of its fuzz target.
    pub name: &'static str,
    /// Panics when it is broken.
    pub holds: fn(&[u8]),
    /// What is really written, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All of them.
pub const LAWS: [Law; 11] = [
    Law { name: "request", holds: request, seeds: seeds::heads },
    Law { name: "target", holds: target, seeds: seeds::targets },
    Law { name: "name", holds: name, seeds: seeds::names },
    Law { name: "identification", holds: identification, seeds: seeds::identities },
    Law { name: "authorization", holds: authorization, seeds: seeds::authorizations },
    Law { name: "forwarded", holds: forwarded, seeds: seeds::forwarding },
    Law { name: "proxy_header", holds: proxy_header, seeds: seeds::proxy_headers },
    Law { name: "certificate", holds: certificate, seeds: seeds::certificates },
    Law { name: "settings", holds: settings, seeds: seeds::documents_of_settings },
    Law { name: "document", holds: document, seeds: seeds::documents },
    Law { name: "family", holds: family, seeds: seeds::families },
];

/// Readies a law for its fuzz target: writes its seeds, each into a file of its own below
/// `DIALTONE_SEEDS`, when that is set, and has it hold for once, as the first time reads the
/// catalogue.
///
/// # Panics
/// When they cannot be written.
pub fn begin(name: &str) {
    let law = LAWS.iter().find(|law| law.name == name).expect("the target has the name of a law");
    (law.holds)(&[]);
    let Some(folder) = std::env::var_os("DIALTONE_SEEDS") else { return };
    let folder = std::path::Path::new(&folder).join(name);
    std::fs::create_dir_all(&folder).expect("the folder of the seeds can be made");
    for (number, seed) in (law.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed can be written");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;

    #[test]
    fn what_is_really_written_breaks_no_law() {
        for law in LAWS {
            for seed in (law.seeds)() {
                (law.holds)(&seed);
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Damage {
        Byte(Index, u8),
        Cut(Index),
        Twice(Index, Index),
        Insert(Index, Vec<u8>),
    }

    fn damage() -> impl Strategy<Value = Damage> {
        let odd = prop::sample::select(vec![
            b"%00".to_vec(),
            b"/../".to_vec(),
            b"\r\n".to_vec(),
            b"\x1b[31m".to_vec(),
            "\u{202e}".as_bytes().to_vec(),
            b"\"".to_vec(),
            b"{{".to_vec(),
            b"9999999999".to_vec(),
            vec![0xff],
        ]);
        prop_oneof![
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
            any::<Index>().prop_map(Damage::Cut),
            (any::<Index>(), any::<Index>()).prop_map(|(at, length)| Damage::Twice(at, length)),
            (any::<Index>(), odd).prop_map(|(at, what)| Damage::Insert(at, what)),
        ]
    }

    fn damaged(mut text: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
        for damage in damages {
            if text.is_empty() {
                return text;
            }
            match damage {
                Damage::Byte(at, byte) => *at.get_mut(&mut text) = *byte,
                Damage::Cut(at) => text.truncate(at.index(text.len())),
                Damage::Twice(at, length) => {
                    let at = at.index(text.len());
                    let end = (at + length.index(64)).min(text.len());
                    let part = text[at..end].to_vec();
                    text.splice(at..at, part);
                }
                Damage::Insert(at, what) => {
                    let at = at.index(text.len());
                    text.splice(at..at, what.iter().copied());
                }
            }
        }
        text
    }

    #[test]
    fn what_is_damaged_breaks_no_law() {
        for law in LAWS {
            let seeds = (law.seeds)();
            // A family takes a tenth of a second to read.
            let cases = if law.name == "family" { 24 } else { 256 };
            let mut runner = TestRunner::new(Config { cases, ..Config::default() });
            let of_seed = (any::<Index>(), prop::collection::vec(damage(), 0..6));
            let result = runner.run(&of_seed, |(seed, damages)| {
                (law.holds)(&damaged(seed.get(&seeds).clone(), &damages));
                Ok(())
            });
            result.unwrap_or_else(|broken| panic!("{law:?}: {broken}"));
        }
    }
}
