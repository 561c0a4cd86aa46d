//! Families from text to compiled form; every problem is found, with its line.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use minijinja::Value;
use regex::Regex;
use toml::Spanned;

use super::certificate::{self, CertificateForm};
use super::definition::{
    self, ALL_TEXTS, CertificateTable, EncryptionFile, Escape, FamilyFile, File, Keeps, Limit,
    LineKeys, OwnPassword, OwnPasswordsFile, Scope, Separator, Type, UploadFile, UserAgent,
};
use super::followed::followed;
use super::header::Header;
use super::never_reset::NeverReset;
use super::problem::{Problem, line_at};
use super::source::Files;
use super::{Closest, Encryption, Family, FileSpec, OwnPasswords, PhoneType, UploadSpec, limits};
use crate::catalogue::identify::facts::UserAgentPattern;
use crate::catalogue::identify::path_pattern::PathPattern;
use crate::catalogue::render::context::{Names, constant};
use crate::catalogue::render::coverage::kind_of;
use crate::catalogue::render::is_template;
use crate::domain::settings::{Layer, schema};
use crate::domain::{PasswordForm, Port, TypeKey, did_you_mean, nearest};

/// One loaded folder.
pub(crate) struct Loaded {
    pub family: Family,
    pub types: Vec<PhoneType>,
}

/// Lines, keys and modules beyond any handset known; a slip of the keyboard is caught.
const MAX_LINES: u16 = 64;
const MAX_KEYS: u16 = 255;
const MAX_MODULES: u16 = 6;
const MAX_MODULE_KEYS: u16 = 120;
const MAX_SOFT_KEYS: u16 = 10;

/// Settings of encrypted files, which nobody has for phones that know less ways than these.
const ENCRYPTION: [(usize, &str, &str); 3] = [
    (1, "provisioning.encryption", NO_ENCRYPTION),
    (1, "provisioning.encryption_key", NO_ENCRYPTION),
    (2, "provisioning.encryption_format", "there is no choice of ways to encrypt their files"),
];
const NO_ENCRYPTION: &str = "no way to encrypt their files is known: their makers publish none";

/// Compiles one folder. `index` is the place the family will have.
pub(crate) fn family(id: &str, index: usize, files: &Files) -> Result<Loaded, Vec<Problem>> {
    let name = format!("{id}/family.toml");
    let Some(text) = files.get("family.toml") else {
        return Err(vec![Problem::new(&name, None, "there is no such file")]);
    };
    let definition: FamilyFile = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_at(text, span.start));
        // The parser names the program's own types.
        let message = error.message().replace("expected u16", "expected a whole number");
        vec![Problem::new(&name, line, message)]
    })?;
    let problems = Vec::new();
    let mut loader =
        Loader { id, name, text, files, problems, lacks_types: false, lacks_files: false };
    let loaded = loader.compile(definition, index);
    if loader.problems.is_empty() { Ok(loaded) } else { Err(loader.problems) }
}

struct Loader<'a> {
    id: &'a str,
    name: String,
    text: &'a str,
    files: &'a Files,
    problems: Vec<Problem>,
    /// Whether a type, or a file, was refused: that another one named is not there may come of it,
    /// and is not said beside it.
    lacks_types: bool,
    lacks_files: bool,
}

impl Loader<'_> {
    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        let line = line_at(self.text, span.start);
        self.problems.push(Problem::new(&self.name, Some(line), message));
    }

    fn compile(&mut self, definition: FamilyFile, index: usize) -> Loaded {
        self.shares(&definition.shares);
        let family_defaults = self.layer(&Layer::default(), definition.defaults.as_ref());
        let mut types = self.types(definition.types, &definition.vendor, index, &family_defaults);
        let login_names = definition.own_passwords.names.clone();
        self.own_passwords(definition.own_passwords, &definition.cannot, &mut types);
        self.line_keys(definition.line_keys, &mut types);
        let has_encryption = !definition.encryption.is_empty();
        self.encryptions(definition.encryption, &mut types);
        let fallback_type = definition.fallback_type.and_then(|key| {
            let found = types.iter().find(|phone_type| phone_type.key.as_str() == key.get_ref());
            if found.is_none() {
                self.no_such_type(&key, &types);
            }
            found.map(|phone_type| phone_type.key.clone())
        });
        let maps = definition.maps.into_iter().map(|(table, entries)| {
            let entries = entries.into_iter().map(|(k, v)| (k, constant(&v)));
            (table, entries.collect())
        });
        let maps = Arc::new(maps.collect());
        let resets: Vec<_> = definition.file.iter().filter_map(|f| f.reset_in.clone()).collect();
        let files: Vec<_> =
            definition.file.into_iter().filter_map(|file| self.file(file)).collect();
        self.resets(&resets, &files);
        if files.iter().any(|file| file.is_encrypted) != has_encryption && !self.lacks_files {
            let message = "[[encryption]] says how, `encrypted` of a [[file]] which: neither \
                           without the other";
            self.problem(0..0, message);
        }
        let mut cannot = self.of_schema(definition.cannot, None);
        let ways = types.iter().map(|of| of.encryptions.len()).max().unwrap_or(0);
        for (at_least, setting, why) in ENCRYPTION {
            if ways < at_least {
                cannot.entry(setting.to_owned()).or_insert_with(|| why.to_owned());
            }
        }
        let family = Family {
            id: self.id.to_owned(),
            vendor: definition.vendor,
            group: definition.group,
            certificates: self.certificates(definition.certificate),
            files,
            cannot,
            limits: self.limits(definition.limits),
            login_names,
            never_reset: Arc::new(self.never_reset(&definition.never_reset)),
            fallback_type,
            foreign_macs: definition.foreign_macs.and_then(|macs| self.regex(&macs)),
            closest: self.closest(definition.closest, &types),
            ouis: definition.ouis.into_iter().filter_map(|oui| self.oui(&oui)).collect(),
            user_agents: self.user_agents(definition.user_agent, &types),
            headers: definition
                .header
                .into_iter()
                .filter_map(|header| {
                    let regex = self.regex(&header.pattern)?;
                    if header.name.get_ref().parse::<http::HeaderName>().is_err() {
                        let message =
                            format!("no header can be called `{}`", header.name.get_ref());
                        self.problem(header.name.span(), message);
                    }
                    Some((header.name.get_ref().to_ascii_lowercase(), regex))
                })
                .collect(),
            always_names_itself: definition.always_names_itself,
            followed: followed(definition.boot.as_ref()),
            text: self.text.to_owned(),
            maps,
        };
        Loaded { family, types }
    }

    /// What another family was to have was laid beside the family's own files.
    fn shares(&mut self, shares: &BTreeMap<String, Vec<Spanned<String>>>) {
        for (from, names) in shares {
            for name in names {
                if !is_template(name.get_ref()) || !self.files.contains_key(name.get_ref()) {
                    let name_of = name.get_ref();
                    let message =
                        format!("shares: `{from}` has no template `{name_of}` of its own");
                    self.problem(name.span(), message);
                }
            }
        }
    }

    fn closest(
        &mut self,
        rules: Vec<definition::ClosestTable>,
        types: &[PhoneType],
    ) -> Vec<Closest> {
        let mut closest = Vec::new();
        for rule in rules {
            let models = self.regex(&rule.models);
            let firmware = rule.firmware.map(|firmware| self.regex(&firmware));
            let named = rule.phone_type.get_ref().as_str();
            let found = types.iter().find(|phone_type| phone_type.key.as_str() == named);
            if found.is_none() {
                self.no_such_type(&rule.phone_type, types);
            }
            let text = rule.models.get_ref();
            if !(text.starts_with('^') && text.ends_with('$')) {
                self.problem(rule.models.span(), "`models` is of whole names: `^` to `$`");
            }
            let (Some(models), Some(found)) = (models, found) else { continue };
            let phone_type = found.key.clone();
            closest.push(Closest { models, firmware: firmware.flatten(), phone_type });
        }
        closest
    }

    fn no_such_type(&mut self, named: &Spanned<String>, types: &[PhoneType]) {
        if self.lacks_types {
            return;
        }
        let key = named.get_ref();
        let near = did_you_mean(nearest(key, types.iter().map(|own| own.key.as_str())));
        self.problem(named.span(), format!("`{key}` is no type of this family{near}"));
    }

    fn regex(&mut self, pattern: &Spanned<String>) -> Option<Regex> {
        match Regex::new(pattern.get_ref()) {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.problem(pattern.span(), format!("not a regular expression: {error}"));
                None
            }
        }
    }

    /// What is said of settings, by their paths.
    fn of_schema<T>(
        &mut self,
        said: BTreeMap<Spanned<String>, T>,
        also: Option<&str>,
    ) -> BTreeMap<String, T> {
        for path in said.keys() {
            // Of a kind of key or a codec: `keys.N.type=park`.
            let setting = path.get_ref().split('=').next().unwrap_or_default();
            if Some(setting) != also && !schema::fields().iter().any(|field| field.path == setting)
            {
                let known = schema::fields().iter().map(|field| field.path.as_str());
                let near = did_you_mean(nearest(setting, known));
                self.problem(path.span(), format!("`{}` is not a setting{near}", path.get_ref()));
            }
        }
        said.into_iter().map(|(path, said)| (path.into_inner(), said)).collect()
    }

    fn limits(&mut self, rows: BTreeMap<Spanned<String>, Limit>) -> BTreeMap<String, Limit> {
        for (path, limit) in &rows {
            let problem = limits::problem(path.get_ref(), limit);
            // That there is no such setting is said once.
            let is_known = path.get_ref() == ALL_TEXTS || kind_of(path.get_ref()).is_some();
            if let Some(problem) = problem.filter(|_| is_known) {
                self.problem(path.span(), problem);
            }
        }
        self.of_schema(rows, Some(ALL_TEXTS))
    }

    fn never_reset(&mut self, names: &[Spanned<String>]) -> NeverReset {
        let mut never = NeverReset::default();
        for name in names {
            if let Err(message) = never.add(name.get_ref()) {
                self.problem(name.span(), message);
            }
        }
        never
    }

    /// How many keys of each type can show a line: the product of these constants of its data, all
    /// where it has none of them.
    fn line_keys(&mut self, written: Option<Spanned<LineKeys>>, types: &mut [PhoneType]) {
        let Some(written) = written else { return };
        let span = written.span();
        let constants = match written.into_inner() {
            LineKeys::All(true) => Vec::new(),
            LineKeys::All(false) => return,
            LineKeys::Constants(names) => names,
        };
        let number = |of: &PhoneType, name: &String| {
            let data = of.view.get_attr("data").ok()?;
            u16::try_from(data.get_attr(name).ok().filter(|value| !value.is_undefined())?).ok()
        };
        for name in &constants {
            if !types.iter().any(|of| number(of, name).is_some()) {
                self.problem(span.clone(), format!("no type has a number `{name}` in its data"));
            }
        }
        for of in types {
            let numbers: Option<Vec<u16>> = constants.iter().map(|name| number(of, name)).collect();
            let numbers = numbers.filter(|numbers| !numbers.is_empty());
            let product = numbers.map(|numbers| numbers.into_iter().fold(1, u16::saturating_mul));
            of.line_keys = product.map_or(of.keys, |product| product.min(of.keys));
        }
    }

    /// How the files of each type are encrypted.
    fn encryptions(&mut self, written: Vec<Spanned<EncryptionFile>>, types: &mut [PhoneType]) {
        for written in written {
            let span = written.span();
            let (only, encryption) = match Encryption::new(written.into_inner()) {
                Ok(made) => made,
                Err(message) => {
                    self.problem(span, message);
                    continue;
                }
            };
            let encryption = Arc::new(encryption);
            let has = |of: &PhoneType| {
                only.iter().all(|(name, value)| of.constant(name).as_ref() == Some(value))
            };
            if !types.iter().any(has) && !self.lacks_types {
                self.problem(span, "no type has these constants in its data");
            }
            for of in types.iter_mut().filter(|of| has(of)) {
                of.encryptions.push(encryption.clone());
            }
        }
    }

    fn own_passwords(
        &mut self,
        written: OwnPasswordsFile,
        cannot: &BTreeMap<Spanned<String>, String>,
        types: &mut [PhoneType],
    ) {
        let says_none =
            |path| cannot.keys().any(|cannot| [path, "access"].contains(&&**cannot.get_ref()));
        let admin = self.own_password(written.admin, says_none("access.admin_password"), types);
        let user = self.own_password(written.user, says_none("access.user_password"), types);
        for (phone_type, (admin, user)) in types.iter_mut().zip(admin.into_iter().zip(user)) {
            phone_type.own_passwords = OwnPasswords { admin, user };
        }
    }

    /// What password each type is given.
    fn own_password(
        &mut self,
        written: Option<Spanned<OwnPassword>>,
        says_none: bool,
        types: &[PhoneType],
    ) -> Vec<Option<PasswordForm>> {
        let all = |form| vec![form; types.len()];
        let Some(written) = written else {
            return all((!says_none).then_some(PasswordForm::USUAL));
        };
        let span = written.span();
        let said = match written.into_inner() {
            OwnPassword::Has(has) => return all(has.then_some(PasswordForm::USUAL)),
            OwnPassword::Form(said) => said,
        };
        let (form, length) = match (said.digits, said.characters) {
            (Some(digits), None) => (PasswordForm::Digits(digits), Some(digits)),
            (None, Some(count)) => (PasswordForm::Characters(count), Some(count)),
            (None, None) => (PasswordForm::USUAL, None),
            (Some(_), Some(_)) => {
                self.problem(span.clone(), "a password is of `digits` or of `characters`");
                return all(None);
            }
        };
        let lengths = PasswordForm::LENGTHS;
        if length.is_some_and(|length| !lengths.contains(&length)) {
            let message =
                format!("a password has {} to {} characters", lengths.start(), lengths.end());
            self.problem(span.clone(), message);
        }
        let has = |phone_type: &PhoneType, constant: &str| {
            let data = phone_type.view.get_attr("data");
            data.and_then(|data| data.get_attr(constant)).is_ok_and(|value| !value.is_undefined())
        };
        let Some(constant) = said.unless else { return all(Some(form)) };
        if !types.iter().any(|phone_type| has(phone_type, &constant)) && !self.lacks_types {
            self.problem(span, format!("no type has `{constant}` in its data"));
        }
        types.iter().map(|of| Some(form).filter(|_| !has(of, &constant))).collect()
    }

    fn oui(&mut self, oui: &Spanned<String>) -> Option<u32> {
        let text = oui.get_ref();
        let parsed = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6);
        if parsed.is_none() {
            self.problem(oui.span(), format!("`{text}` is not six hex digits"));
        }
        parsed
    }

    fn layer(&mut self, base: &Layer, defaults: Option<&Spanned<toml::Table>>) -> Layer {
        let Some(defaults) = defaults else { return base.clone() };
        let json = serde_json::to_value(defaults.get_ref()).expect("TOML without dates is JSON");
        match base.patched(&json) {
            Ok(layer) => {
                let document = layer.to_json();
                let access = &document["access"];
                if document["provisioning"]["encryption_key"].is_string() {
                    let message = "defaults: a key of a type is known to everybody";
                    self.problem(defaults.span(), message);
                }
                if ["admin_password", "user_password"].iter().any(|own| access[*own].is_string()) {
                    // The maker's would be that of every phone in the world.
                    let message = "defaults: a password of a type is known to everybody";
                    self.problem(defaults.span(), message);
                }
                layer
            }
            Err(errors) => {
                for error in errors {
                    self.problem(defaults.span(), format!("defaults: {error}"));
                }
                Layer::default()
            }
        }
    }

    /// What only a file of a device can be.
    fn only_of_devices(&mut self, file: &File, span: &Range<usize>) {
        for (word, is_said) in [("form", file.form), ("encrypted", file.encrypted)] {
            if is_said && (file.template.is_none() || file.scope != Some(Scope::Device)) {
                let message = format!("`{word}` is for files with a template and scope device");
                self.problem(span.clone(), message);
            }
        }
    }

    fn file(&mut self, file: File) -> Option<FileSpec> {
        let mut patterns = Vec::new();
        for path in &file.paths {
            match PathPattern::compile(path.get_ref()) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.problem(path.span(), error),
            }
        }
        let Some(first) = file.paths.first() else {
            self.problem(0..0, "a [[file]] has no paths");
            return None;
        };
        let span = first.span();
        if patterns.len() < file.paths.len() {
            self.lacks_files = true;
            return None;
        }
        self.only_of_devices(&file, &span);
        let is_made = file.template.is_some() || file.holding.is_some();
        let upload = file.upload.clone().and_then(|upload| self.upload(upload, is_made));
        let holding = file.holding.clone();
        let holding = holding.and_then(|named| self.holding(named, &file, &patterns));
        let Some(template) = file.template else {
            return Some(FileSpec {
                patterns,
                template: None,
                holding,
                scope: file.scope.unwrap_or(Scope::Device),
                content_type: "".into(),
                escape: Escape::Line,
                encoding: file.encoding,
                line_ending: file.line_ending,
                separator: file.separator,
                repeats: file.repeats,
                named_by: file.named_by,
                header: None,
                keeps: file.keeps,
                sets: false,
                reset_in: None,
                upload,
                form: false,
                is_encrypted: false,
            });
        };
        self.template(&template);
        let lacking =
            lacking(file.scope.is_some(), file.content_type.is_some(), file.escape.is_some());
        let (Some(scope), Some(content_type), Some(escape)) =
            (file.scope, file.content_type, file.escape)
        else {
            self.problem(span, format!("a file with a template needs {lacking} as well"));
            self.lacks_files = true;
            return None;
        };
        if http::HeaderValue::from_str(&content_type).is_err() {
            self.problem(span.clone(), "content_type has a character a header cannot have");
        }
        let (repeats, named) = (!file.repeats.is_empty(), !file.named_by.is_empty());
        if let Some(problem) = unfit_for(escape, file.separator, repeats, named) {
            self.problem(span.clone(), problem);
        }
        let tells_mac = |p: &PathPattern| p.text.contains("{mac}");
        if scope == Scope::Common && patterns.iter().any(tells_mac) {
            self.problem(span.clone(), "a common file's path cannot have {mac}: it is for anyone");
        }
        let header = file.header.and_then(|written| {
            let span = written.span();
            let made = Header::new(written.into_inner(), file.pad);
            let mut header = made.map_err(|error| self.problem(span.clone(), error)).ok();
            if header.as_ref().is_some_and(|own| own.has_mac() && scope == Scope::Common) {
                self.problem(
                    span,
                    "the header of a common file cannot have a MAC: it is for anyone",
                );
                header = None;
            }
            header
        });
        if scope == Scope::Port && !patterns.iter().all(|p| p.text.contains("{port}")) {
            self.problem(span, "the paths of a file with scope `port` need {port}");
        }
        Some(FileSpec {
            patterns,
            template: Some(format!("{}/{}", self.id, template.get_ref())),
            holding,
            scope,
            content_type: content_type.into(),
            escape,
            encoding: file.encoding,
            line_ending: file.line_ending,
            separator: file.separator,
            repeats: file.repeats,
            named_by: file.named_by,
            header,
            keeps: file.keeps,
            sets: file.sets,
            reset_in: file.reset_in.map(Spanned::into_inner),
            upload: None,
            form: file.form,
            is_encrypted: file.encrypted,
        })
    }

    fn template(&mut self, named: &Spanned<String>) {
        if !self.files.contains_key(named.get_ref()) {
            let near = nearest(named.get_ref(), self.files.keys().map(String::as_str));
            let near = did_you_mean(near);
            let message = format!("there is no {} in the folder{near}", named.get_ref());
            self.problem(named.span(), message);
        }
    }

    /// What a phone that nobody has made active is sent under the names of a file.
    fn holding(
        &mut self,
        named: Spanned<String>,
        file: &File,
        patterns: &[PathPattern],
    ) -> Option<Box<FileSpec>> {
        self.template(&named);
        let span = named.span();
        if file.scope == Some(Scope::Common) {
            let message =
                "`holding` is for a file of one phone: a common one goes to anyone as it is";
            self.problem(span, message);
            return None;
        }
        let (Some(content_type), Some(escape)) = (file.content_type.clone(), file.escape) else {
            let lacking = lacking(true, file.content_type.is_some(), file.escape.is_some());
            self.problem(span, format!("a file with a `holding` needs {lacking} as well"));
            return None;
        };
        let header = file.header.clone().map(Spanned::into_inner);
        // What else is wrong with the header is told of the file itself.
        let header = header.and_then(|fields| Header::new(fields, file.pad).ok());
        if header.as_ref().is_some_and(Header::has_mac) {
            let message =
                "a holding file is the same for every phone: its header cannot have a MAC";
            self.problem(span, message);
            return None;
        }
        Some(Box::new(FileSpec {
            patterns: patterns.to_vec(),
            template: Some(format!("{}/{}", self.id, named.get_ref())),
            holding: None,
            scope: Scope::Common,
            content_type: content_type.into(),
            escape,
            encoding: file.encoding,
            line_ending: file.line_ending,
            separator: file.separator,
            repeats: file.repeats.clone(),
            named_by: file.named_by.clone(),
            header,
            keeps: Keeps::default(),
            sets: false,
            reset_in: None,
            upload: None,
            form: false,
            is_encrypted: false,
        }))
    }

    fn upload(&mut self, upload: Spanned<UploadFile>, has_template: bool) -> Option<UploadSpec> {
        let span = upload.span();
        if has_template {
            // SECURITY: what a phone sent must not take the place of its configuration.
            self.problem(span, "a file with a template is the gateway's: no phone can send it");
            return None;
        }
        let UploadFile { kind, max_bytes, served_back } = upload.into_inner();
        let max_bytes = max_bytes.unwrap_or(UploadSpec::USUAL_MAX_BYTES);
        if !(1..=UploadSpec::MAX_BYTES).contains(&max_bytes) {
            let message = format!("max_bytes must be 1 to {}", UploadSpec::MAX_BYTES);
            self.problem(span, message);
            return None;
        }
        Some(UploadSpec { kind, max_bytes, is_served_back: served_back })
    }

    /// What takes back what another file set must be a file, and take its own back itself.
    fn resets(&mut self, resets: &[Spanned<String>], files: &[FileSpec]) {
        if self.lacks_files {
            return;
        }
        for reset in resets {
            let mut all = files.iter();
            let file = all.find(|file| file.pattern() == reset.get_ref());
            if !file.is_some_and(|file| file.template.is_some() && file.reset_in.is_none()) {
                let message = format!(
                    "reset_in: `{}` is no first path of a [[file]] with a template and without \
                     a reset_in",
                    reset.get_ref()
                );
                self.problem(reset.span(), message);
            }
        }
    }

    fn certificates(&mut self, tables: Vec<CertificateTable>) -> Vec<CertificateForm> {
        let mut forms = Vec::new();
        for table in tables {
            match certificate::compile(table) {
                Ok(form) => forms.push(form),
                Err(wrong) => {
                    wrong.into_iter().for_each(|(span, message)| self.problem(span, message));
                }
            }
        }
        forms
    }

    fn user_agents(
        &mut self,
        agents: Vec<UserAgent>,
        types: &[PhoneType],
    ) -> Vec<UserAgentPattern> {
        let mut patterns = Vec::new();
        for agent in agents {
            let Some(regex) = self.regex(&agent.pattern) else { continue };
            if !agent.pattern.get_ref().starts_with('^') {
                self.problem(agent.pattern.span(), "a User-Agent pattern must begin with ^");
            }
            let pattern = UserAgentPattern { regex, renamed: agent.renamed };
            for example in &agent.examples {
                self.example(example, &pattern, types);
            }
            patterns.push(pattern);
        }
        patterns
    }

    /// A captured User-Agent must be read exactly as the family says.
    fn example(
        &mut self,
        example: &Spanned<super::definition::UserAgentExample>,
        pattern: &UserAgentPattern,
        types: &[PhoneType],
    ) {
        let wanted = example.get_ref();
        let Some(read) = pattern.read(&wanted.text) else {
            self.problem(example.span(), format!("the pattern does not fit `{}`", wanted.text));
            return;
        };
        let spelled = |name: &str| {
            types.iter().find_map(|phone_type| phone_type.spelling(name)).unwrap_or(name).to_owned()
        };
        let model = read.model.map(spelled);
        let mac = read.mac.map(|mac| mac.to_string());
        let modules = read.modules.map(|count| count.to_string());
        for (what, wanted, read) in [
            ("model", wanted.model.as_deref(), model.as_deref()),
            ("firmware", wanted.firmware.as_deref(), read.firmware),
            ("mac", wanted.mac.as_deref(), mac.as_deref()),
            ("modules", wanted.modules.as_deref(), modules.as_deref()),
        ] {
            if wanted != read {
                let (read, wanted) = (read.unwrap_or("nothing"), wanted.unwrap_or("nothing"));
                self.problem(example.span(), format!("{what} is read as {read}, not {wanted}"));
            }
        }
    }

    fn types(
        &mut self,
        types: Vec<Type>,
        vendor: &str,
        family: usize,
        defaults: &Layer,
    ) -> Vec<PhoneType> {
        let mut done: Vec<PhoneType> = Vec::with_capacity(types.len());
        let mut places: HashMap<TypeKey, usize> = HashMap::new();
        let mut tables: BTreeMap<usize, toml::Table> = BTreeMap::new();
        for written in types {
            let span = written.key.span();
            let key = match written.key.get_ref().parse::<TypeKey>() {
                Ok(key) => key,
                Err(error) => {
                    self.problem(span, format!("`{}` is {error}", written.key.get_ref()));
                    self.lacks_types = true;
                    continue;
                }
            };
            let base = written.base.as_ref().and_then(|base| {
                let found = places.get(&base.get_ref().parse().ok()?).copied();
                if found.is_none() && !self.lacks_types {
                    let above = done.iter().map(|own| own.key.as_str());
                    let near = did_you_mean(nearest(base.get_ref(), above));
                    let message = format!("`{}` is no type above this one{near}", base.get_ref());
                    self.problem(base.span(), message);
                }
                found
            });
            let mut data = base.and_then(|at| tables.get(&at).cloned()).unwrap_or_default();
            data.extend(written.data.clone().unwrap_or_default());
            let below = base.map_or(defaults, |at| &done[at].defaults).clone();
            let defaults = self.layer(&below, written.defaults.as_ref());
            let from = base.map(|at| &done[at]);
            let is_variant = written.model.is_none();
            let number = |written: Option<u16>, base: fn(&PhoneType) -> u16, none: u16| {
                written.or(from.map(base)).unwrap_or(none)
            };
            let phone_type = PhoneType {
                family,
                model: written
                    .model
                    .or(from.map(|base| base.model.clone()))
                    .unwrap_or_else(|| key.to_string()),
                aliases: if written.aliases.is_empty() && is_variant {
                    from.map(|base| base.aliases.clone()).unwrap_or_default()
                } else {
                    written.aliases
                },
                description: written
                    .description
                    .or(from.map(|base| base.description.clone()))
                    .unwrap_or_else(|| key.to_string()),
                notice: written.notice.or(from.and_then(|base| base.notice.clone())),
                lines: number(written.lines, |base| base.lines, 1),
                keys: number(written.keys, |base| base.keys, 0),
                ports: number(written.ports, |base| base.ports, 1),
                modules: number(written.modules, |base| base.modules, 0),
                module_keys: number(written.module_keys, |base| base.module_keys, 0),
                soft_keys: number(written.soft_keys, |base| base.soft_keys, 0),
                code: written.code.or(from.and_then(|base| base.code.clone())),
                base: from.filter(|_| is_variant).map(|base| base.key.clone()),
                defaults,
                view: Value::UNDEFINED,
                macs: written.macs.as_ref().and_then(|macs| self.regex(macs)),
                line_keys: 0,
                own_passwords: OwnPasswords { admin: None, user: None },
                encryptions: Vec::new(),
                expressed: Mutex::default(),
                unsaid: Mutex::default(),
                key: key.clone(),
            };
            let phone_type = PhoneType { view: view(&phone_type, vendor, &data), ..phone_type };
            self.bounds(&phone_type, &span);
            tables.insert(done.len(), data);
            if places.insert(key, done.len()).is_some() {
                self.problem(span, format!("`{}` is there twice", phone_type.key));
            }
            done.push(phone_type);
        }
        if done.is_empty() && !self.lacks_types {
            self.problem(0..0, "a family needs at least one [[type]]");
        }
        done
    }

    fn bounds(&mut self, phone_type: &PhoneType, span: &Range<usize>) {
        for (what, value, least, most) in [
            ("lines", phone_type.lines, 1, MAX_LINES),
            ("keys", phone_type.keys, 0, MAX_KEYS),
            ("ports", phone_type.ports, 1, Port::MAX + 1),
            ("modules", phone_type.modules, 0, MAX_MODULES),
            ("module_keys", phone_type.module_keys, 0, MAX_MODULE_KEYS),
            ("soft_keys", phone_type.soft_keys, 0, MAX_SOFT_KEYS),
        ] {
            if !(least..=most).contains(&value) {
                let message = format!(
                    "{what} of `{}` must be {least} to {most}, not {value}",
                    phone_type.key
                );
                self.problem(span.clone(), message);
            }
        }
    }
}

/// What a file of this syntax cannot have.
fn unfit_for(
    escape: Escape,
    separator: Separator,
    has_repeats: bool,
    is_named: bool,
) -> Option<&'static str> {
    let is_blank = separator == Separator::Blank;
    match () {
        () if is_blank && !matches!(escape, Escape::Line | Escape::Quoted) => {
            Some("only lines, of escape line or quoted, have a separator")
        }
        () if !is_blank && has_repeats => Some("`repeats` needs separator = \"blank\""),
        () if escape != Escape::Xml && is_named => Some("`named_by` needs escape = \"xml\""),
        () => None,
    }
}

/// Which of what a file with a template needs are missing.
fn lacking(has_scope: bool, has_content_type: bool, has_escape: bool) -> String {
    let needed = [("scope", has_scope), ("content_type", has_content_type), ("escape", has_escape)];
    let lacking = needed.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name);
    lacking.collect::<Vec<_>>().join(" and ")
}

/// What templates see as `type`.
fn view(phone_type: &PhoneType, vendor: &str, data: &toml::Table) -> Value {
    let data = data.iter().map(|(name, value)| (name.clone(), constant(value)));
    Names::value([
        ("key", Value::from(phone_type.key.as_str())),
        ("model", Value::from(phone_type.model.as_str())),
        ("description", Value::from(phone_type.description.as_str())),
        ("vendor", Value::from(vendor)),
        ("lines", Value::from(phone_type.lines)),
        ("keys", Value::from(phone_type.keys)),
        ("modules", Value::from(phone_type.modules)),
        ("module_keys", Value::from(phone_type.module_keys)),
        ("soft_keys", Value::from(phone_type.soft_keys)),
        ("ports", Value::from(phone_type.ports)),
        ("data", Names::value(data)),
    ])
}
