//! Templates: compiled once, strict, every printed value escaped for its file.

pub(crate) mod bisect;
pub(crate) mod context;
pub(crate) mod coverage;
mod environment;
pub(crate) mod escape;
pub(crate) mod examples;
pub(crate) mod fragments;
pub(crate) mod holding;
#[cfg(test)]
mod injection;
pub(crate) mod keys;
pub(crate) mod left_behind;
pub(crate) mod line_keys;
mod own_passwords;
mod references;
mod taken_back;
mod told_url;
pub(crate) mod trial;
pub(crate) mod values;

use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::{Environment, Error, ErrorKind, Value};

use super::Catalogue;
use super::family::definition::Escape;
use super::family::problem::Problem;
use super::family::source::Folders;
use super::family::{Family, FileSpec, PhoneType};
use crate::domain::Mac;
use context::{Context, NotSet, RenderInput, type_value};
pub(crate) use environment::is_template;
use environment::{MAX_FUEL, Maps, environment};
use escape::encode;
use fragments::{FragmentFunction, Fragments};

/// Larger than any handset's configuration; a template gone wild is stopped.
pub(super) const MAX_BODY_BYTES: usize = 4 << 20;

static TOO_MUCH_WORK: LazyLock<String> =
    LazyLock::new(|| format!("it takes more work than a file may: {MAX_FUEL} steps"));

/// One rendered file.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// The bytes that the phone gets, header and padding included.
    pub body: Vec<u8>,
    /// The `Content-Type` that the family says.
    pub content_type: Arc<str>,
}

impl fmt::Debug for RenderedFile {
    /// Shows it without the body, which holds passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderedFile")
            .field("bytes", &self.body.len())
            .field("content_type", &self.content_type)
            .finish()
    }
}

/// Why a file could not be rendered: where, and which setting is to blame.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("{template}{}: {message}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct RenderError {
    /// Relative to the templates folder.
    pub template: String,
    /// The line of the template, from 1; `None` where it cannot be told.
    pub line: Option<usize>,
    /// The setting that is missing, when that is the reason: `lines.1.registrar`.
    pub setting: Option<String>,
    /// What went wrong there, for people.
    pub message: String,
}

impl RenderError {
    /// Whether it was stopped because it took more work than a file may.
    fn is_endless(&self) -> bool {
        self.message == *TOO_MUCH_WORK
    }
}

/// The compiled templates, once for each way of escaping.
#[derive(Debug)]
pub(crate) struct Templates {
    line: Environment<'static>,
    quoted: Environment<'static>,
    xml: Environment<'static>,
    url: Environment<'static>,
    pub fragments: Arc<Fragments>,
}

impl Templates {
    /// Compiles every `.j2` file; problems are added to `problems`.
    pub(super) fn compile(
        folders: &Folders,
        families: &[Family],
        problems: &mut Vec<Problem>,
    ) -> Templates {
        let maps: Maps = families.iter().map(|own| (own.id.clone(), own.maps.clone())).collect();
        let maps = Arc::new(maps);
        let templates = Templates {
            line: environment(folders, Escape::Line, &maps, problems),
            quoted: environment(folders, Escape::Quoted, &maps, &mut Vec::new()),
            xml: environment(folders, Escape::Xml, &maps, &mut Vec::new()),
            url: environment(folders, Escape::Url, &maps, &mut Vec::new()),
            fragments: Arc::new(Fragments::kept()),
        };
        for (family, files) in folders {
            // Those of a family that cannot be read nobody knows.
            let tables = maps.get(family);
            let known = references::KnownNames {
                env: &templates.line,
                files,
                has_table: &|name| tables.is_none_or(|tables| tables.contains_key(name)),
            };
            for (name, text) in files.iter().filter(|(name, _)| is_template(name)) {
                let full = format!("{family}/{name}");
                problems.extend(references::unknown(&full, text, &known));
                let Ok(template) = templates.line.get_template(&full) else { continue };
                problems.extend(references::undeclared(&full, text, &template, &known));
            }
        }
        templates
    }

    fn of(&self, escape: Escape) -> &Environment<'static> {
        match escape {
            Escape::Line => &self.line,
            Escape::Quoted => &self.quoted,
            Escape::Xml => &self.xml,
            Escape::Url => &self.url,
        }
    }
}

impl Catalogue {
    /// Renders one file. Same input, same bytes.
    ///
    /// # Errors
    /// Names template, line and, when one is missing, the setting.
    ///
    /// # Panics
    /// When `file` has no template: the caller answers that with the refusal.
    pub fn render(
        &self,
        family: &Family,
        phone_type: Option<&PhoneType>,
        file: &FileSpec,
        input: RenderInput,
    ) -> Result<RenderedFile, RenderError> {
        self.render_with(&self.templates.fragments, family, phone_type, file, input)
    }

    fn render_with(
        &self,
        fragments: &Arc<Fragments>,
        family: &Family,
        phone_type: Option<&PhoneType>,
        file: &FileSpec,
        input: RenderInput,
    ) -> Result<RenderedFile, RenderError> {
        let name = file.template.as_deref().expect("only files with a template are rendered");
        let named = |error: &Error| render_error(name, error);
        let template =
            self.templates.of(file.escape).get_template(name).map_err(|error| named(&error))?;
        let mac = input.mac;
        let input = input.with_hosted_urls(&family.id).with_file_key(phone_type, file);
        let fragment = Value::from_object(FragmentFunction {
            fragments: fragments.clone(),
            escape: file.escape,
            family: family.id.clone(),
            phone_type: type_value(phone_type),
        });
        let context = Context::new(input, family, phone_type, fragment);
        let text = template.render(Value::from_object(context)).map_err(|error| {
            let mut error = named(&error);
            self.quote_undefined(file.escape, &mut error);
            error
        })?;
        if text.len() > MAX_BODY_BYTES {
            let message = format!("the file has more than {MAX_BODY_BYTES} bytes");
            return Err(RenderError { template: name.into(), message, ..RenderError::default() });
        }
        let body = encode(text, file.escape, file.encoding, file.line_ending);
        let mut body = body.map_err(|message| RenderError {
            template: name.into(),
            message,
            ..RenderError::default()
        })?;
        if let Some(header) = &file.header {
            body = header.before(mac.unwrap_or(Mac::from_bits(0)), &body);
        }
        Ok(RenderedFile { body, content_type: file.content_type.clone() })
    }
}

impl Catalogue {
    /// Says of an undefined value what stands there: the engine keeps no names.
    fn quote_undefined(&self, escape: Escape, error: &mut RenderError) {
        if error.message != ErrorKind::UndefinedError.to_string() {
            return;
        }
        let line = error.line.and_then(|line| line.checked_sub(1));
        let source = self.templates.of(escape).get_template(&error.template).ok();
        if let (Some(line), Some(template)) = (line, source)
            && let Some(text) = template.source().lines().nth(line)
        {
            let printed = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
            let printed: Vec<String> =
                printed.map(|(what, _)| format!("`{{{{{what}}}}}`")).collect();
            let what = if printed.is_empty() {
                format!("`{}`", text.trim())
            } else {
                printed.join(" or ")
            };
            error.message = format!("{} in {what}", error.message);
        }
    }
}

fn render_error(template: &str, error: &Error) -> RenderError {
    // The innermost error that knows its place is the one to show.
    let mut place = (error.name().unwrap_or(template).to_owned(), error.line());
    let mut message = said(error);
    let mut setting = None;
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(NotSet(path)) = inner.downcast_ref::<NotSet>() {
            setting = Some(path.clone());
        } else if let Some(inner) = inner.downcast_ref::<Error>() {
            if let Some(name) = inner.name() {
                place = (name.to_owned(), inner.line());
            }
            message = said(inner);
        }
        source = inner.source();
    }
    RenderError { template: place.0, line: place.1, setting, message }
}

fn said(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => TOO_MUCH_WORK.clone(),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    }
}
