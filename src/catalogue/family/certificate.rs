//! How a maker's certificates name the phone: `[[certificate]]` of `family.toml`.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::Regex;
use toml::Spanned;

use super::definition::{CertificateExample, CertificateTable};
use crate::domain::{CertificateName, ClientCertificate, Mac, NameKind};

/// What stands for the MAC in a pattern.
const MAC: &str = "{mac}";

/// As makers and operators write it; what fits is parsed, which is stricter.
const MAC_PATTERN: &str = "(?P<mac>[0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(?:[.][0-9A-Fa-f]{4}){2})";

/// One form of certificate that phones of a family have.
#[derive(Debug)]
pub struct CertificateForm {
    /// The attribute that names the phone.
    pub kind: NameKind,
    /// What it looks like as a whole, as `family.toml` writes it.
    pub pattern: String,
    /// What the authorities' names look like, as `family.toml` writes it.
    pub issuers: Vec<String>,
    /// Where this is from.
    pub source: String,
    /// Whether no certificate of that form was seen.
    pub is_unverified: bool,
    names_mac: Regex,
    /// Attributes in which the MAC may stand again.
    also: Vec<(NameKind, Regex)>,
    issued_by: Vec<Regex>,
    /// The attributes of the certificate that all phones of the maker show that have none of their
    /// own; empty: none is known.
    generic: Vec<(NameKind, Regex)>,
}

impl CertificateForm {
    /// Whether an authority of the maker signed it, as far as its name tells.
    pub(crate) fn is_issued(&self, certificate: &ClientCertificate) -> bool {
        certificate.issuer_names().any(|name| self.issued_by.iter().any(|by| by.is_match(name)))
    }

    /// The MAC that it proves.
    pub(crate) fn mac(&self, certificate: &ClientCertificate) -> Option<Mac> {
        mac_in(&self.names_mac, certificate.only(self.kind)?)
    }

    /// Every MAC where one belongs.
    pub(crate) fn all_macs(&self, certificate: &ClientCertificate) -> impl Iterator<Item = Mac> {
        let also = self.also.iter().map(|(kind, regex)| (*kind, regex));
        std::iter::once((self.kind, &self.names_mac)).chain(also).flat_map(|(kind, regex)| {
            let values = certificate.names(kind).filter_map(|name| name.value.as_deref());
            values.filter_map(|value| mac_in(regex, value))
        })
    }

    /// Whether it is the one of all phones of the maker that have none of their own.
    pub(crate) fn is_generic(&self, certificate: &ClientCertificate) -> bool {
        let fits = |(kind, regex): &(NameKind, Regex)| {
            certificate.only(*kind).is_some_and(|value| regex.is_match(value))
        };
        !self.generic.is_empty() && self.generic.iter().all(fits)
    }
}

fn mac_in(regex: &Regex, value: &str) -> Option<Mac> {
    let found = regex.captures(value)?.name("mac")?.as_str();
    found.parse().ok().filter(|mac: &Mac| mac.is_usable())
}

/// What is wrong, and where in the text.
type Wrong = (Range<usize>, String);

/// Compiles one table.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn compile(table: CertificateTable) -> Result<CertificateForm, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut note = |result: Result<(), Wrong>| wrong.extend(result.err());
    let (mut named, mut also, mut generic) = (Vec::new(), Vec::new(), Vec::new());
    note(patterns(table.mac.get_ref(), value_pattern, &mut named));
    note(patterns(&table.also, value_pattern, &mut also));
    note(patterns(&table.generic, name_pattern, &mut generic));
    let mut issued_by = Vec::new();
    for issuer in table.issuers.get_ref() {
        match name_pattern(issuer.get_ref()) {
            Ok(regex) => issued_by.push(regex),
            Err(message) => note(Err((issuer.span(), message))),
        }
    }
    if table.issuers.get_ref().is_empty() {
        let message = "`issuers` has the maker's authorities: what others sign is not the maker's";
        note(Err((table.issuers.span(), message.to_owned())));
    }
    if table.mac.get_ref().len() != 1 {
        let message = "`mac` is one attribute and its pattern; others may stand in `also`";
        note(Err((table.mac.span(), message.to_owned())));
    }
    let (Some((kind, names_mac)), Some(pattern), true) =
        (named.pop(), table.mac.get_ref().values().next(), wrong.is_empty())
    else {
        return Err(wrong);
    };
    let form = CertificateForm {
        kind,
        pattern: pattern.get_ref().clone(),
        issuers: table.issuers.into_inner().into_iter().map(Spanned::into_inner).collect(),
        source: table.source,
        is_unverified: table.unverified,
        names_mac,
        also,
        issued_by,
        generic,
    };
    wrong.extend(table.examples.iter().filter_map(|example| form.misread(example)));
    if wrong.is_empty() { Ok(form) } else { Err(wrong) }
}

type Patterns = BTreeMap<Spanned<String>, Spanned<String>>;

/// Takes over what is good up to the first that is not.
fn patterns(
    written: &Patterns,
    compile: fn(&str) -> Result<Regex, String>,
    compiled: &mut Vec<(NameKind, Regex)>,
) -> Result<(), Wrong> {
    for (kind, pattern) in written {
        let kind = kind_of(kind)?;
        let regex = compile(pattern.get_ref()).map_err(|message| (pattern.span(), message))?;
        compiled.push((kind, regex));
    }
    Ok(())
}

fn kind_of(written: &Spanned<String>) -> Result<NameKind, Wrong> {
    let kind: Result<NameKind, _> = written.get_ref().parse();
    kind.map_err(|error| (written.span(), error.to_string()))
}

/// Fits the whole of a value that has the MAC.
fn value_pattern(pattern: &str) -> Result<Regex, String> {
    if pattern.matches(MAC).count() != 1 {
        return Err(format!("a pattern here has `{MAC}` once, where the value has the MAC"));
    }
    regex(&format!(r"\A(?:{})\z", pattern.replace(MAC, MAC_PATTERN)))
}

/// Fits the whole of a name, in whatever case: Snom's authorities are spelled in two.
fn name_pattern(pattern: &str) -> Result<Regex, String> {
    regex(&format!(r"(?i)\A(?:{pattern})\z"))
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("not a regular expression: {error}"))
}

impl CertificateForm {
    /// What is wrong when a certificate that was seen is not read as it is.
    fn misread(&self, example: &Spanned<CertificateExample>) -> Option<Wrong> {
        let CertificateExample { issuer, subject, mac } = example.get_ref();
        let mut holder = Vec::new();
        for (kind, value) in subject {
            let kind = match kind_of(kind) {
                Ok(kind) => kind,
                Err(wrong) => return Some(wrong),
            };
            holder.push(CertificateName::new(kind, Some(value.clone())));
        }
        let issued_by = CertificateName::new(NameKind::CommonName, Some(issuer.clone()));
        let certificate = ClientCertificate::new(holder, vec![issued_by], false);
        let message = if self.is_issued(&certificate) {
            let read = self.mac(&certificate).map(|mac| mac.to_string());
            let said = |mac: &Option<String>| mac.clone().unwrap_or_else(|| "no MAC".to_owned());
            (read != *mac).then(|| format!("{} is read, and not {}", said(&read), said(mac)))
        } else {
            Some(format!("`{issuer}` is none of the `issuers`"))
        };
        Some((example.span(), message?))
    }
}

#[cfg(test)]
mod tests {
    use crate::catalogue::family::load;
    use crate::catalogue::tests::{FAMILY, folders};

    fn problems(table: &str) -> Vec<String> {
        let text = format!("{FAMILY}\n[[certificate]]\nsource = \"none\"\n{table}\n");
        let folders = folders(&text, "");
        match load::family("acme", 0, &folders["acme"]) {
            Ok(loaded) => {
                assert_eq!(loaded.family.certificates.len(), 1);
                Vec::new()
            }
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let line = FAMILY.lines().count() + 4;
        for (table, problem) in [
            ("mac = { CN = '{mac}' }\nissuers = ['Acme CA']", None),
            (
                "mac = { cn = '{mac}' }\nissuers = ['Acme CA']",
                Some((0, "`cn` is no attribute of a certificate")),
            ),
            (
                "mac = { CN = '[0-9a-f]+' }\nissuers = ['Acme CA']",
                Some((0, "a pattern here has `{mac}` once, where the value has the MAC")),
            ),
            (
                "mac = { CN = '({mac}' }\nissuers = ['Acme CA']",
                Some((0, "not a regular expression")),
            ),
            (
                "mac = { CN = '{mac}', ST = '{mac}' }\nissuers = ['Acme CA']",
                Some((0, "`mac` is one attribute and its pattern")),
            ),
            ("mac = {}\nissuers = ['Acme CA']", Some((0, "`mac` is one attribute"))),
            ("mac = { CN = '{mac}' }\nissuers = []", Some((1, "`issuers` has the maker's"))),
            ("mac = { CN = '{mac}' }\nissuers = ['[']", Some((1, "not a regular expression"))),
            (
                "mac = { CN = '{mac}' }\nissuers = ['Acme CA']\nalso = { L = '.*' }",
                Some((2, "a pattern here has `{mac}` once")),
            ),
            (
                "mac = { CN = '{mac}' }\nissuers = ['Acme CA']\ngeneric = { X = 'a' }",
                Some((2, "`X` is no attribute of a certificate")),
            ),
            (
                "mac = { CN = '{mac}' }\nissuers = ['Acme CA']\n\
                 examples = [{ issuer = 'Acme CA', subject = { CN = 'AP-00a0ba000001' }, mac = '00a0ba000001' }]",
                Some((2, "no MAC is read, and not 00a0ba000001")),
            ),
            (
                "mac = { CN = '{mac}' }\nissuers = ['Acme CA']\n\
                 examples = [{ issuer = 'Another CA', subject = { CN = '00a0ba000001' } }]",
                Some((2, "`Another CA` is none of the `issuers`")),
            ),
        ] {
            let found = problems(table);
            let Some((offset, message)) = problem else {
                assert_eq!(found, [""; 0], "{table}");
                continue;
            };
            let expected = format!("acme/family.toml:{}: {message}", line + offset);
            assert!(found.len() == 1 && found[0].starts_with(&expected), "{table}: {found:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_with_one_is_told_at_once() {
        let found = problems("mac = { CN = 'x' }\nissuers = ['(']\nalso = { Y = '{mac}' }");
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
