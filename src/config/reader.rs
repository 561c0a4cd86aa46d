//! Finds the value of each key among file, environment and options, and
//! collects every problem on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::from_text::FromText;
use super::{ConfigError, ConfigProblem, Origin, Override};

/// A value as it was written.
#[derive(Clone)]
pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Given>),
    /// What no key takes.
    Other(&'static str),
    /// A value of the environment or an option, where all is text: the key says what
    /// it is, a comma separates a list.
    Loose(String),
}

/// A value and where it was written.
#[derive(Clone)]
pub(super) struct Given {
    pub raw: Raw,
    pub place: Origin,
}

/// All that was given, and what is wrong with it.
#[derive(Default)]
pub(super) struct Reader {
    /// What was given, by `section.key`; what counts least comes first.
    given: BTreeMap<String, Vec<Given>>,
    /// Sections the file has, empty ones too.
    sections: Vec<(String, Origin)>,
    environment: BTreeMap<String, String>,
    /// Where each key's value is from.
    known: BTreeMap<String, Origin>,
    known_sections: BTreeSet<String>,
    /// Keys with a problem of their own.
    bad: BTreeSet<String>,
    problems: Vec<ConfigProblem>,
    warnings: Vec<String>,
}

impl Reader {
    pub(super) fn add(&mut self, key: String, given: Given) {
        self.given.entry(key).or_default().push(given);
    }

    pub(super) fn add_section(&mut self, name: &str, place: Origin) {
        self.sections.push((name.to_owned(), place));
    }

    pub(super) fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        of_others: &[&str],
    ) {
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with("DIALTONE_")) else {
                continue;
            };
            if of_others.contains(&name) {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(self.environment.insert(name.to_owned(), value)),
                Err(_) => {
                    self.problem(Origin::Variable(name.to_owned()), "not UTF-8 text".to_owned());
                }
            }
        }
    }

    /// Adds what options say, after the environment, which they beat.
    pub(super) fn add_overrides(&mut self, overrides: Vec<Override>) {
        for Override { key, option, value } in overrides {
            let given = Given { raw: Raw::Loose(value), place: Origin::Option(option) };
            self.add(key.to_owned(), given);
        }
    }

    pub(super) fn section(&mut self, name: &str) -> Section<'_> {
        self.known_sections.insert(name.to_owned());
        Section { reader: self, name: name.to_owned() }
    }

    /// The names of the sections `[listener.NAME]`, sorted.
    pub(super) fn listeners(&self) -> Vec<String> {
        let names = self.sections.iter().filter_map(|(name, _)| name.strip_prefix(LISTENER));
        names.map(str::to_owned).collect()
    }

    pub(super) fn problem(&mut self, place: Origin, message: String) {
        self.problems.push(ConfigProblem { place, message });
    }

    pub(super) fn warn(&mut self, place: &Origin, message: String) {
        self.warnings.push(format!("{place}: {message}"));
    }

    /// A problem between keys, told at the first. Not when one of them has its
    /// own already: then it is their defaults that were compared.
    pub(super) fn problem_between(&mut self, keys: &[&str], message: &str) {
        if !keys.iter().any(|&key| self.bad.contains(key)) {
            let message = format!("{}: {message}", keys[0]);
            self.problem(self.place(keys), message);
        }
    }

    /// Does as [`Reader::problem_between`], but the configuration can be used.
    pub(super) fn warn_between(&mut self, keys: &[&str], message: &str) {
        if !keys.iter().any(|&key| self.bad.contains(key)) {
            let message = format!("{}: {message}", keys[0]);
            self.warn(&self.place(keys), message);
        }
    }

    /// Where the value is from that counts for a key; `None` of a key that nobody read.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        self.known.get(key)
    }

    /// The place of the first key that was given at all.
    fn place(&self, keys: &[&str]) -> Origin {
        let places = keys.iter().filter_map(|&key| self.known.get(key));
        places.min_by_key(|&place| *place == Origin::Default).cloned().unwrap_or(Origin::Default)
    }

    /// Names all keys that no section knows. It is to be called when every section was read.
    pub(super) fn refuse_unknown(&mut self, renamed: &[(&str, &str)]) {
        let mut found = Vec::new();
        for (section, place) in &self.sections {
            if !self.known_sections.contains(section.as_str()) {
                let known = self.known_sections.iter().map(String::as_str);
                let mut all: Vec<&str> =
                    known.filter(|known| !known.starts_with(LISTENER)).collect();
                all.push("listener.NAME");
                all.sort_unstable();
                let message =
                    format!("no section is called [{section}]; there are {}", all.join(", "));
                found.push(ConfigProblem { place: place.clone(), message });
            }
        }
        for (key, given) in &self.given {
            let section = split(key).map(|(section, _)| section);
            let in_unknown_section = section.is_some_and(|own| !self.known_sections.contains(own));
            if !in_unknown_section || renamed.iter().any(|(old, _)| old == key) {
                let message = self.why_unknown(key, renamed);
                found.extend(given.iter().map(|given| ConfigProblem {
                    place: given.place.clone(),
                    message: message.clone(),
                }));
            }
        }
        for name in self.environment.keys() {
            // Never the value: a misspelt DIALTONE_KEY would be a secret.
            let new = renamed.iter().find(|(old, _)| variable(old) == *name);
            let message = match new {
                Some((_, new)) => format!("is called {} now", variable(new)),
                None => "no key has this variable".to_owned(),
            };
            found.push(ConfigProblem { place: Origin::Variable(name.clone()), message });
        }
        self.problems.extend(found);
    }

    fn why_unknown(&self, key: &str, renamed: &[(&str, &str)]) -> String {
        if let Some((_, new)) = renamed.iter().find(|(old, _)| *old == key) {
            return format!("{key} is called {new} now");
        }
        let (section, name) = split(key).map_or((None, key), |(s, n)| (Some(s), n));
        if section.is_none() && self.known_sections.contains(name) {
            return format!("`{name}` is a section: write [{name}] on a line of its own");
        }
        let elsewhere = |known: &&String| split(known).is_some_and(|(_, n)| n == name);
        let elsewhere: Vec<String> = self
            .known
            .keys()
            .filter(elsewhere)
            .map(|k| format!("[{}]", &k[..k.len() - name.len() - 1]))
            .collect();
        let place = section.map_or("outside of a section".to_owned(), |s| format!("in [{s}]"));
        if !elsewhere.is_empty() {
            return format!(
                "there is no key `{name}` {place}; it is one of {}",
                elsewhere.join(", ")
            );
        }
        let in_section = |known: &&String| {
            section.is_some_and(|s| split(known).is_some_and(|(own, _)| own == s))
        };
        let names = self.known.keys().filter(in_section).filter_map(|k| split(k));
        let names: Vec<&str> = names.map(|(_, name)| name).collect();
        let there_are = if names.is_empty() {
            String::new()
        } else {
            format!("; there are {}", names.join(", "))
        };
        format!("there is no key `{name}` {place}{there_are}")
    }

    /// # Errors
    /// All that was found wrong, in order of place.
    pub(super) fn finish(mut self) -> Result<Vec<String>, ConfigError> {
        self.problems.sort();
        self.problems.dedup();
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(ConfigError(self.problems)) }
    }

    #[cfg(test)]
    pub(super) fn known_keys(&self) -> Vec<&str> {
        self.known.keys().map(String::as_str).collect()
    }
}

/// What the names of the sections of listeners begin with.
pub(super) const LISTENER: &str = "listener.";

/// The section of a key, and its name there.
fn split(key: &str) -> Option<(&str, &str)> {
    let begin = if key.starts_with(LISTENER) { LISTENER.len() } else { 0 };
    let dot = begin + key[begin..].find('.')?;
    Some((&key[..dot], &key[dot + 1..]))
}

/// `DIALTONE_HANDSET_HTTP` for `handset.http`, `DIALTONE_LISTENER_OLD_PHONES_LISTEN` for
/// `listener.old-phones.listen`.
pub(super) fn variable(key: &str) -> String {
    format!("DIALTONE_{}", key.replace(['.', '-'], "_").to_ascii_uppercase())
}

/// One section, read key by key.
pub(super) struct Section<'r> {
    reader: &'r mut Reader,
    name: String,
}

impl Section<'_> {
    /// One value; `default` is written as in the file.
    pub(super) fn value<T: FromText>(&mut self, key: &str, default: &str) -> T {
        self.optional(key).unwrap_or_else(|| by_default(default))
    }

    pub(super) fn optional<T: FromText>(&mut self, key: &str) -> Option<T> {
        self.take_single(key, |given| match &given.raw {
            Raw::Text(text) | Raw::Loose(text) => {
                T::from_text(text).map_err(|e| vec![given.problem(e)])
            }
            other => Err(vec![given.problem(format!("{} is not text in quotes", other.kind()))]),
        })
    }

    /// A list; one value alone is a list of one.
    pub(super) fn list<T: FromText>(&mut self, key: &str, default: &[&str]) -> Vec<T> {
        let list = self.optional_list(key);
        list.unwrap_or_else(|| default.iter().map(|text| by_default(text)).collect())
    }

    /// Does as [`Section::list`]; `None` where none was given.
    pub(super) fn optional_list<T: FromText>(&mut self, key: &str) -> Option<Vec<T>> {
        self.take(key, |given| {
            let items = given.items();
            let parsed = items.iter().map(|item| match &item.raw {
                Raw::Text(text) => T::from_text(text).map_err(|error| item.problem(error)),
                other => Err(item.problem(format!("{} is not text in quotes", other.kind()))),
            });
            let (good, bad): (Vec<_>, Vec<_>) = parsed.partition(Result::is_ok);
            if bad.is_empty() {
                Ok(good.into_iter().filter_map(Result::ok).collect())
            } else {
                Err(bad.into_iter().filter_map(Result::err).collect())
            }
        })
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, key: &str, default: bool) -> bool {
        let is_on = self.take_single(key, |given| {
            let is_on = match &given.raw {
                Raw::Boolean(is_on) => Some(*is_on),
                Raw::Loose(text) => text.trim().parse().ok(),
                _ => None,
            };
            is_on.ok_or_else(|| vec![given.problem("must be true or false".to_owned())])
        });
        is_on.unwrap_or(default)
    }

    /// A whole number within `range`, which must fit into `N`.
    pub(super) fn number<N: TryFrom<u64>>(
        &mut self,
        key: &str,
        default: N,
        range: RangeInclusive<u64>,
    ) -> N {
        let number = self.take_single(key, |given| {
            let number = match &given.raw {
                Raw::Integer(number) => u64::try_from(*number).ok(),
                Raw::Loose(text) => text.trim().parse().ok(),
                other => {
                    return Err(vec![
                        given.problem(format!("{} is not a whole number", other.kind())),
                    ]);
                }
            };
            number.filter(|number| range.contains(number)).ok_or_else(|| {
                vec![given.problem(format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ))]
            })
        });
        number.map_or(default, |number| {
            N::try_from(number).ok().expect("bounds of a key fit its type")
        })
    }

    /// Whole seconds.
    pub(super) fn seconds(
        &mut self,
        key: &str,
        default: Duration,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_secs(self.number(key, default.as_secs(), range))
    }

    /// Whether a key that was read was given.
    pub(super) fn is_given(&self, key: &str) -> bool {
        let origin = self.reader.origin(&format!("{}.{key}", self.name));
        origin.is_some_and(|origin| *origin != Origin::Default)
    }

    /// Whether a key was read that has a problem of its own.
    pub(super) fn is_bad(&self, key: &str) -> bool {
        self.reader.bad.contains(&format!("{}.{key}", self.name))
    }

    /// A problem of the section as a whole, told where it begins.
    pub(super) fn problem(&mut self, message: &str) {
        let begin = self.reader.sections.iter().find(|(name, _)| *name == self.name);
        let place = begin.map_or(Origin::Default, |(_, place)| place.clone());
        self.reader.problem(place, format!("[{}] {message}", self.name));
    }

    /// A problem between keys of this section, told at the first.
    pub(super) fn problem_between(&mut self, keys: &[&str], message: &str) {
        let names = self.full(keys);
        self.reader.problem_between(&names.iter().map(String::as_str).collect::<Vec<_>>(), message);
    }

    /// Does as [`Section::problem_between`], but the configuration can be used.
    pub(super) fn warn_between(&mut self, keys: &[&str], message: &str) {
        let names = self.full(keys);
        self.reader.warn_between(&names.iter().map(String::as_str).collect::<Vec<_>>(), message);
    }

    fn full(&self, keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| format!("{}.{key}", self.name)).collect()
    }

    /// Does as [`Section::take`], for a key that is no list: there `NAME=` in a unit
    /// file or a compose file means that it is not set.
    fn take_single<T>(
        &mut self,
        key: &str,
        read: impl Fn(&Given) -> Result<T, Vec<ConfigProblem>>,
    ) -> Option<T> {
        let variable = variable(&format!("{}.{key}", self.name));
        if self.reader.environment.get(&variable).is_some_and(String::is_empty) {
            self.reader.environment.remove(&variable);
        }
        self.take(key, read)
    }

    /// Reads the key everywhere it was given; the last counts, all must be right.
    fn take<T>(
        &mut self,
        key: &str,
        read: impl Fn(&Given) -> Result<T, Vec<ConfigProblem>>,
    ) -> Option<T> {
        let name = format!("{}.{key}", self.name);
        let mut all = self.reader.given.remove(&name).unwrap_or_default();
        let variable = variable(&name);
        if let Some(value) = self.reader.environment.remove(&variable) {
            let given = Given { raw: Raw::Loose(value), place: Origin::Variable(variable) };
            let before_options = all.iter().position(|g| matches!(g.place, Origin::Option(_)));
            all.insert(before_options.unwrap_or(all.len()), given);
        }
        let mut value = None;
        let mut place = Origin::Default;
        for given in all {
            match read(&given) {
                Ok(read) => (value, place) = (Some(read), given.place),
                Err(problems) => {
                    self.reader.bad.insert(name.clone());
                    for ConfigProblem { place, message } in problems {
                        self.reader.problem(place, format!("{name}: {message}"));
                    }
                }
            }
        }
        self.reader.known.insert(name, place);
        value
    }
}

fn by_default<T: FromText>(text: &str) -> T {
    T::from_text(text).unwrap_or_else(|e| unreachable!("the default `{text}` is valid: {e}"))
}

impl Given {
    fn problem(&self, message: String) -> ConfigProblem {
        ConfigProblem { place: self.place.clone(), message }
    }

    fn items(&self) -> Vec<Given> {
        let of = |raw| Given { raw, place: self.place.clone() };
        match &self.raw {
            Raw::List(items) => items.clone(),
            // In a file the empty list is `[]`.
            Raw::Loose(text) if text.trim() == "none" => Vec::new(),
            Raw::Loose(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| of(Raw::Text(part.to_owned()))).collect()
            }
            other => vec![of(other.clone())],
        }
    }
}

impl Raw {
    fn kind(&self) -> &'static str {
        match self {
            Raw::Text(_) | Raw::Loose(_) => "text",
            Raw::Integer(_) => "a number",
            Raw::Boolean(_) => "a boolean",
            Raw::List(_) => "a list",
            Raw::Other(kind) => kind,
        }
    }
}
