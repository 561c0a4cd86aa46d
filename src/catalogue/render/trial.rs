//! Every file of a family rendered of made-up settings, so that a slip in a template is found
//! before a phone runs into it: with everything set, with a little, and with nothing, which
//! between them take most ways through a template.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::RenderError;
use super::context::{PortInput, RenderInput};
use super::fragments::Fragments;
use crate::catalogue::family::problem::Problem;
use crate::catalogue::{
    Catalogue, FileSpec, HoldingFile, PathFacts, PhoneType, RenderedFile, Scope, parallel,
};
use crate::domain::settings::schema::{Field, Kind};
use crate::domain::settings::{Layer, Settings, Written, resolve};
use crate::domain::{CompanyId, Mac, PasswordForm, Port};

/// How much is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Everything,
    /// The accounts of the lines and what keys do.
    Little,
    Nothing,
}

impl Extent {
    const ALL: [Extent; 3] = [Extent::Everything, Extent::Little, Extent::Nothing];

    fn in_words(self) -> &'static str {
        match self {
            Extent::Everything => "everything is set",
            Extent::Little => "little is set",
            Extent::Nothing => "nothing is set",
        }
    }
}

/// Stand for every secret; a fragment that is given one is refused.
const SECRET: &str = "trial-secret";
const PIN: &str = "730915284617";

/// A family whose templates are wrong throughout is told apart by then.
const MAX_PROBLEMS: usize = 20;

impl Catalogue {
    /// Renders every file of every family, of the types that between them go every way a template
    /// can, and on all processors, since each takes its milliseconds.
    ///
    /// Gives each file to `look`, which may find something wrong with it. That a setting is
    /// missing is no problem: it is what a template says of a phone that cannot do without.
    ///
    /// # Panics
    /// When `look` does.
    #[must_use]
    pub fn try_templates(
        &self,
        look: impl Fn(&FileSpec, &RenderedFile) -> Result<(), String> + Sync,
    ) -> Vec<Problem> {
        let families: Vec<usize> = (0..self.families().len()).collect();
        let problems = parallel::each(&families, |&family| try_family(self, family, &look));
        problems.into_iter().flatten().collect()
    }
}

/// Rounds of made-up settings that a family gets at least: each has other choices.
const MIN_ROUNDS: usize = 4;

/// The types that are tried: those of [`Catalogue::representatives_of`], and the one with the
/// most of everything, with which a template does the most work.
fn tried_types(catalogue: &Catalogue, family: usize) -> Vec<&PhoneType> {
    let mut types = catalogue.representatives_of(family);
    let size = |of: &&PhoneType| {
        let keys = u32::from(of.keys) + u32::from(of.modules) * u32::from(of.module_keys);
        u32::from(of.ports) * (u32::from(of.lines) + keys)
    };
    types.extend(catalogue.types_of(family).max_by_key(size));
    let rounds = types.len().max(MIN_ROUNDS);
    types.into_iter().cycle().take(rounds).collect()
}

/// Does as [`Catalogue::try_templates`], for one family.
pub(crate) fn try_family(
    catalogue: &Catalogue,
    family: usize,
    look: &(dyn Fn(&FileSpec, &RenderedFile) -> Result<(), String> + Sync),
) -> Vec<Problem> {
    let fragments = Arc::new(Fragments::kept_without(SECRET));
    let mut found = HashSet::new();
    let mut problems = Vec::new();
    for (file, error) in holding_faults(catalogue, family, look) {
        let message = format!("{} (holding of {})", error.message, file.pattern());
        problems.push(Problem::new(&error.template, error.line, message));
    }
    if !problems.is_empty() {
        return problems;
    }
    for (round, phone_type) in tried_types(catalogue, family).into_iter().enumerate() {
        for extent in Extent::ALL {
            let settings = settings(catalogue, phone_type, extent, round);
            let files =
                files(catalogue, phone_type, &settings, extent).flat_map(|(file, input)| {
                    let of_new_phone = RenderInput { written: Written::default(), ..input.clone() };
                    let of_new_phone = (extent == Extent::Nothing).then_some(of_new_phone);
                    [Some(input), of_new_phone]
                        .into_iter()
                        .flatten()
                        .map(move |input| (file, input))
                });
            for (file, input) in files {
                let of = &catalogue.families()[family];
                let rendered = catalogue.render_with(&fragments, of, Some(phone_type), file, input);
                let wrong = match rendered {
                    Ok(rendered) => look(file, &rendered).err().map(|message| {
                        let template = file.template.clone().unwrap_or_default();
                        RenderError { template, message, ..RenderError::default() }
                    }),
                    Err(error) => Some(error).filter(|error| error.setting.is_none()),
                };
                let Some(error) = wrong else { continue };
                if found.insert((error.template.clone(), error.line, error.message.clone())) {
                    let (what, when) = (file.pattern(), extent.in_words());
                    let message =
                        format!("{} ({what} of `{}`, {when})", error.message, phone_type.key);
                    problems.push(Problem::new(&error.template, error.line, message));
                }
                if error.is_endless() || problems.len() >= MAX_PROBLEMS {
                    return problems;
                }
            }
        }
    }
    problems
}

/// What is wrong with the holding files of a family, each once: with a type that is told, and with
/// none. Nothing is set that one could print.
fn holding_faults<'c>(
    catalogue: &'c Catalogue,
    family: usize,
    look: &(dyn Fn(&FileSpec, &RenderedFile) -> Result<(), String> + Sync),
) -> Vec<(&'c FileSpec, RenderError)> {
    let of = &catalogue.families()[family];
    let types = tried_types(catalogue, family);
    let mut faults: Vec<(&FileSpec, RenderError)> = Vec::new();
    for file in of.holding_files() {
        for phone_type in types.iter().copied().map(Some).chain([None]) {
            let rendered = catalogue.render_holding(&HoldingFile { family: of, phone_type, file });
            let looked = rendered.and_then(|rendered| {
                look(file, &rendered).map_err(|message| RenderError {
                    template: file.template.clone().unwrap_or_default(),
                    message,
                    ..RenderError::default()
                })
            });
            let Err(error) = looked else { continue };
            if !faults.iter().any(|(_, found)| *found == error) {
                faults.push((file, error));
            }
        }
    }
    faults.truncate(MAX_PROBLEMS);
    faults
}

/// A MAC of a block for documentation, RFC 7042 section 2.1.2.
pub(super) fn mac() -> Mac {
    Mac::from_bits(0x0000_5e00_5301)
}

/// Every file that the type can ask for, and what it is made of.
pub(crate) fn files<'c, 's>(
    catalogue: &'c Catalogue,
    phone_type: &'c PhoneType,
    settings: &'s Arc<Settings>,
    extent: Extent,
) -> impl Iterator<Item = (&'c FileSpec, RenderInput)> + use<'c, 's> {
    let with_template =
        catalogue.family_of(phone_type).files.iter().filter(|file| file.template.is_some());
    with_template.flat_map(move |file| {
        let paths = file.example_facts(phone_type, mac()).into_iter();
        paths.map(move |path| {
            // All was set once: every way back is tried.
            let written = Written::everything(&catalogue.family_of(phone_type).id);
            let input = input(file, path, settings, Port::first(phone_type.ports), extent);
            (file, RenderInput { written, ..input })
        })
    })
}

pub(super) fn input(
    file: &FileSpec,
    path: PathFacts,
    settings: &Arc<Settings>,
    ports: impl Iterator<Item = Port>,
    extent: Extent,
) -> RenderInput {
    let is_common = file.scope == Scope::Common;
    // With everything set all ports are in use; else there are some to switch off.
    let is_active = |port: Port| extent == Extent::Everything || port.number().is_multiple_of(2);
    let port = |port: Port| PortInput {
        port,
        company: is_active(port).then(CompanyId::default_company),
        name: "Reception".to_owned(),
        settings: settings.clone(),
    };
    RenderInput {
        mac: (!is_common).then(mac),
        ports: if is_common { vec![] } else { ports.map(port).collect() },
        named_port: path.port,
        path,
        device_wide: settings.clone(),
        written: Written::default(),
    }
}

/// Settings of that extent; `round` moves choices along, so that between the types of a family
/// each comes to be somewhere.
pub(crate) fn settings(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    extent: Extent,
    round: usize,
) -> Arc<Settings> {
    let layer = match extent {
        Extent::Nothing => Layer::default(),
        extent => {
            let made = document(catalogue, phone_type, extent, round);
            Layer::parse(&made).expect("what is made of the schema fits the schema")
        }
    };
    Arc::new(resolve(&[&phone_type.defaults, &layer]).expect("layers that were just checked"))
}

/// Makes what [`settings`] makes, as an operator would write it.
pub(crate) fn document(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    extent: Extent,
    round: usize,
) -> Value {
    let family = &catalogue.family_of(phone_type).id;
    Maker { phone_type, family, extent, round }.group("", Settings::FIELDS)
}

/// What is set where little is.
const LITTLE: &[&str] =
    &["lines", "number", "user", "password", "registrar", "keys", "type", "expansion"];

/// Makes a document of the schema.
pub(super) struct Maker<'a> {
    phone_type: &'a PhoneType,
    family: &'a str,
    extent: Extent,
    round: usize,
}

impl<'a> Maker<'a> {
    /// Makes everything; the family's raw parameters under no name.
    pub(super) fn new(phone_type: &'a PhoneType, round: usize) -> Maker<'a> {
        Maker { phone_type, family: "", extent: Extent::Everything, round }
    }
}

impl Maker<'_> {
    /// The fields of a group below `path`, which ends in a dot or is empty.
    fn group(&self, path: &str, fields: &[Field]) -> Value {
        let wanted = fields.iter().filter(|field| match self.extent {
            // Each line says everything itself.
            Extent::Everything => field.name != "line_defaults",
            _ => LITTLE.contains(&field.name),
        });
        let pairs = wanted.map(|field| {
            let value = match field.name {
                "enabled" => json!(true),
                name => self.value(&format!("{path}{name}"), &field.kind),
            };
            (field.name.to_owned(), value)
        });
        Value::Object(pairs.collect())
    }

    /// A secret; of those of the phone itself one that it takes.
    fn password(&self, path: &str) -> &'static str {
        let form = match path {
            "access.admin_password" => self.phone_type.own_passwords.admin,
            "access.user_password" => self.phone_type.own_passwords.user,
            _ => None,
        };
        match form {
            Some(PasswordForm::Digits(count)) => &PIN[..count.min(PIN.len())],
            _ => SECRET,
        }
    }

    /// A key that its phones take.
    fn file_key(&self) -> String {
        let random = [u8::try_from(self.round % 256).unwrap_or_default(); 32];
        let first = self.phone_type.encryptions.first();
        first.map_or_else(|| SECRET.to_owned(), |encryption| encryption.own_key(&random))
    }

    pub(super) fn value(&self, path: &str, kind: &Kind) -> Value {
        // Something else for each place of each type, and the same each time.
        let turn = path.bytes().fold(self.round, |turn, byte| turn.wrapping_add(byte.into()));
        match kind {
            Kind::Bool => json!(turn.is_multiple_of(2)),
            Kind::Integer { min, max, .. } => json!(min + turn as u64 % (max - min + 1)),
            Kind::Text { .. } => json!(format!("Text {turn}")),
            Kind::Secret if path == "provisioning.encryption_key" => json!(self.file_key()),
            Kind::Secret => json!(self.password(path)),
            Kind::Pin => json!(PIN),
            // With what is off nothing of the rest would show.
            Kind::Choice(_) if path == "provisioning.encryption" => json!("on"),
            Kind::Choice(names) => json!(names[turn % names.len()]),
            Kind::Host => json!(format!("host{turn}.example.com")),
            Kind::Ip => json!(format!("192.0.2.{}", turn % 256)),
            // No phone is told any.
            Kind::Net => json!("192.0.2.0/24"),
            Kind::Proofs => json!("network"),
            Kind::SipUser | Kind::AuthUser => json!(format!("{turn}")),
            Kind::Dial => json!(format!("*{turn}")),
            Kind::DialPattern => {
                json!(format!("{turn}{}", DIAL_PATTERNS[turn % DIAL_PATTERNS.len()]))
            }
            Kind::MulticastAddress => json!(format!("224.0.1.{}", turn % 256)),
            Kind::LdapAttribute => json!(format!("attribute{turn}")),
            Kind::Url(schemes) => {
                // A file of the gateway's own has become a URL before a template sees it.
                let far: Vec<_> = schemes.iter().filter(|scheme| **scheme != "files").collect();
                json!(format!("{}://host.example.com:8080/a/b.xml", far[turn % far.len()]))
            }
            Kind::Folder(schemes) => {
                json!(format!("{}://host.example.com:8080/a/", schemes[turn % schemes.len()]))
            }
            Kind::Zone => json!(ZONES[turn % ZONES.len()]),
            Kind::Language => json!(LANGUAGES[turn % LANGUAGES.len()]),
            Kind::Country => json!(COUNTRIES[turn % COUNTRIES.len()]),
            Kind::TimeOfDay => json!("03:30"),
            // Different ones: what makes them so is their place.
            Kind::List { of, max } => {
                let longest = if let Kind::Choice(names) = of { names.len() } else { 3 };
                let one = |at| Maker { round: self.round + at, ..*self }.value(path, of);
                (0..longest.min(*max)).map(one).collect()
            }
            Kind::Group(fields) => self.group(&format!("{path}."), fields),
            Kind::Numbered { max, of } => {
                let count = match path {
                    "lines" => self.phone_type.lines,
                    "keys" => self.phone_type.keys,
                    "expansion" => self.phone_type.modules,
                    "soft_keys" => self.phone_type.soft_keys,
                    "expansion.keys" => self.phone_type.module_keys,
                    _ => *max,
                };
                let one = |at: u16| {
                    let round = self.round + usize::from(at);
                    let path = format!("{path}.");
                    (at.to_string(), Maker { round, ..*self }.group(&path, of))
                };
                Value::Object((1..=count.min(*max)).map(one).collect::<Map<_, _>>())
            }
            Kind::Vendor => json!({ self.family: { "trial": SECRET } }),
        }
    }
}

/// Zones with summer time and without, of halves of hours, in both halves of the earth.
const ZONES: [&str; 5] =
    ["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "UTC"];
const LANGUAGES: [&str; 5] = ["de", "en", "fr-CA", "pt-BR", "zh-Hant-TW"];
const DIAL_PATTERNS: [&str; 4] = ["xx.T", "[2-57]xxx", "#", "x."];
const COUNTRIES: [&str; 4] = ["DE", "US", "GB", "ZA"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Sources;

    #[test]
    fn everything_that_the_schema_has_is_set() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let phone_type = catalogue.phone_type(&"snom370-1".parse().unwrap()).unwrap();
        let settings = settings(&catalogue, phone_type, Extent::Everything, 0);
        let is_set = |fields: &dyn crate::domain::settings::Fields| unset("", fields);
        assert_eq!(is_set(&*settings), Vec::<String>::new());
        let line = &settings.lines[&phone_type.lines];
        assert_eq!(is_set(line), Vec::<String>::new());
        let key = &settings.expansion[&1].keys[&phone_type.module_keys];
        assert_eq!(is_set(key), Vec::<String>::new());
    }

    fn unset(path: &str, fields: &dyn crate::domain::settings::Fields) -> Vec<String> {
        use crate::domain::settings::Read;
        let mut all = Vec::new();
        fields.read(&mut |name, read| match read {
            Read::Unset => all.push(format!("{path}{name}")),
            Read::Texts(texts) if texts.is_empty() => all.push(format!("{path}{name}")),
            Read::Group(below) if name != "line_defaults" => {
                all.extend(unset(&format!("{path}{name}."), below));
            }
            _ => {}
        });
        all
    }
}
