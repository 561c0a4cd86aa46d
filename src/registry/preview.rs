//! What files a phone would get now, for an operator to look at: with `***` in
//! the place of every secret, because a secret leaves only in the configuration
//! of the phone it belongs to.

use super::actor::may_see;
use super::compose::Composition;
use super::{Actor, Registry, RegistryError};
use crate::catalogue::{FileSpec, PathFacts, PhoneType, Scope, Target};
use crate::domain::{PhoneId, State, TransitionError};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedFile {
    /// The path the phone asks with, as far as its pattern says.
    pub path: String,
    /// Whether it is the phone's own or a common file.
    pub scope: Scope,
    /// The media type it would be sent with.
    pub content_type: String,
    /// Settings of the phone that are not in the file, as their paths: they would count for all
    /// ports of the device, which are of several companies.
    pub left_out: Vec<String>,
    /// The text, or why it cannot be made.
    pub content: Result<String, String>,
}

impl Registry {
    /// The files an active phone would get now, or the one a request for `file`
    /// would (none when the phone's type has no such file). Ports of the device
    /// the caller does not administer are shown as if they were inactive.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found" also for an inactive phone, which
    /// gets nothing; [`RegistryError::NoSuchType`]; what the store says.
    pub fn preview(
        &self,
        actor: &Actor,
        id: PhoneId,
        file: Option<&str>,
    ) -> Result<Vec<PreviewedFile>, RegistryError> {
        actor.require_admin()?;
        let device = self.memory.index.device(id.mac).ok_or(TransitionError::NotFound)?;
        let named = device.phone(id.port).filter(|phone| may_see(actor, phone));
        if named.is_none_or(|phone| phone.state == State::Inactive) {
            return Err(TransitionError::NotFound.into());
        }
        let hidden = device.phones.iter().filter(|(_, phone)| !may_see(actor, phone));
        let hidden = hidden.map(|(port, _)| *port).collect();
        let composed = self.compose(device);
        let shown = composed.clone().redacted().without(hidden);
        // Of what is composed: secrets that are replaced are alike.
        let preview = |phone_type: &PhoneType, file: &FileSpec, facts: PathFacts| {
            let left_out = composed.left_out_of(phone_type, file, facts.clone(), id.port);
            PreviewedFile { left_out, ..shown.preview(phone_type, file, facts) }
        };
        let phone_type = shown
            .phone_type()
            .ok_or_else(|| RegistryError::NoSuchType(shown.device.phone_type.to_string()))?;
        if let Some(path) = file {
            let asked = shown.file(&Target::parse(path));
            let previewed = asked.map(|(phone_type, file, facts)| preview(phone_type, file, facts));
            return Ok(previewed.into_iter().collect());
        }
        let mut files = Vec::new();
        let all = &shown.catalogue.family_of(phone_type).files;
        for file in all.iter().filter(|file| file.template.is_some()) {
            let asked = file.example_facts(phone_type, id.mac).into_iter();
            let mine = asked.filter(|facts| facts.port.is_none_or(|port| port == id.port));
            files.extend(mine.map(|facts| preview(phone_type, file, facts)));
        }
        Ok(files)
    }
}

impl Composition {
    fn preview(&self, phone_type: &PhoneType, file: &FileSpec, facts: PathFacts) -> PreviewedFile {
        let path = facts.fill(file.pattern(), self.device.mac);
        let input = self.input(phone_type, file, facts).map_err(|error| error.to_string());
        let family = self.catalogue.family_of(phone_type);
        let rendered = input.and_then(|input| {
            let rendered = self.catalogue.render(family, Some(phone_type), file, input);
            rendered.map_err(|error| error.to_string())
        });
        PreviewedFile {
            path,
            scope: file.scope,
            content_type: file.content_type.to_string(),
            left_out: Vec::new(),
            content: rendered.map(|rendered| text(rendered.body)),
        }
    }
}

/// Files are UTF-8 or ISO 8859-1, whose bytes are the first 256 characters.
fn text(body: Vec<u8>) -> String {
    String::from_utf8(body)
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}
