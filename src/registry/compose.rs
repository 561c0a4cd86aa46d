//! From stored layers to what a file is rendered of.

use std::sync::Arc;

use serde_json::json;

use super::actor::may_see;
use super::admission::below;
use super::layer_cache::SharedLayers;
use super::{Actor, Directory, Registry, RegistryError};
use crate::catalogue::{
    Catalogue, Encryption, FileSpec, Identity, PathFacts, PhoneType, PortInput, RenderInput, Scope,
    Target, Whose, whose,
};
use crate::domain::admission::{TokenOf, UrlToken};
use crate::domain::settings::{
    HIDDEN, KeyName, Layer, Secret, Settings, Stack, TokenInUrl, UnreadableLayer, Written, resolve,
};
use crate::domain::{
    Company, CompanyId, Credentials, Device, Mac, PasswordForm, PasswordOf, PasswordSeed, Phone,
    PhoneId, Port, Timestamp,
};
use crate::store::{StoreError, SystemSettings};

/// A device with all it is configured from, at one moment.
#[derive(Debug, Clone)]
pub struct Composition {
    /// The device whose files are made.
    pub device: Device,
    /// The catalogue in force when it was composed.
    pub catalogue: Arc<Catalogue>,
    /// Ports to show as if they were inactive; they count for what the device as a whole has.
    hidden: Vec<Port>,
    /// What the phones of the device say alike of it, if that was found before its secrets
    /// were replaced.
    agreed: Option<Layer>,
    /// Whether secrets are replaced by markers.
    pub(super) is_redacted: bool,
    /// What the gateway gives every phone, below all layers.
    pub(super) gateway: Layer,
    pub(super) directory: Arc<Directory>,
}

impl Registry {
    /// The URL of a company's files as settings have it, without a token and without what a type
    /// or a phone may say.
    pub(super) fn base_url_of(&self, company: &Company, directory: &Directory) -> Option<String> {
        let layers = [&self.gateway_layer, &directory.system.settings, &company.settings];
        resolve(&layers).ok()?.provisioning.base_url
    }

    /// The device as the index has it now, with its companies and `catalogue`.
    #[must_use]
    pub fn composition(&self, catalogue: &Arc<Catalogue>, mac: Mac) -> Option<Composition> {
        let device = self.memory.index.device(mac)?;
        let gateway = self.gateway_layer.clone();
        Some(Composition::of(device, catalogue.clone(), self.directory(), gateway))
    }

    /// Any device, stored or not yet, with its companies and the catalogue.
    #[must_use]
    pub fn compose(&self, device: Device) -> Composition {
        self.compose_with(device, &self.directory())
    }

    pub(super) fn compose_with(&self, device: Device, directory: &Arc<Directory>) -> Composition {
        Composition::of(device, self.catalogue(), directory.clone(), self.gateway_layer.clone())
    }
}

/// Settings of a phone that count for the whole device and are left out of its files, see
/// [`Composition::left_out`].
#[derive(Debug)]
pub(super) struct LeftOut {
    phone: PhoneId,
    company: Option<CompanyId>,
    settings: Vec<String>,
}

impl LeftOut {
    pub(super) fn log(&self) {
        tracing::warn!(
            phoneid = %self.phone,
            company = self.company.as_ref().map(CompanyId::as_str),
            settings = self.settings.join(", "),
            "settings are left out of files for the whole device, whose ports are of several companies"
        );
    }
}

/// What common files are made of.
#[derive(Debug)]
pub struct Common {
    /// What all phones have in common, without a company's or a phone's.
    pub settings: Arc<Settings>,
    /// When any of it last changed.
    pub changed: Timestamp,
}

impl Registry {
    /// Changes whenever what common files are made of may have.
    #[must_use]
    pub fn common_version(&self) -> u64 {
        self.memory.system_revision().0
    }

    /// The settings of files that are for no phone: those of the type, when it is
    /// known, and the system's, without their secrets. Whoever asks with a token in the URL is told
    /// URLs with the same, whosever it is: the phone finds its own file then as it found this one.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub fn common(
        &self,
        phone_type: Option<&PhoneType>,
        token: Option<&UrlToken>,
    ) -> Result<Common, UnreadableLayer> {
        let directory = self.directory();
        let defaults = phone_type.map(|phone_type| phone_type.defaults.clone()).unwrap_or_default();
        let mut settings = common_settings(&self.gateway_layer, &defaults, &directory.system)?;
        if let Some((token, base)) = token.zip(settings.provisioning.base_url.as_ref()) {
            let url = below(base, &token.expose());
            Arc::make_mut(&mut settings).provisioning.base_url = Some(url);
        }
        Ok(Common { settings, changed: directory.system.changed })
    }
}

impl Composition {
    pub(super) fn of(
        device: Device,
        catalogue: Arc<Catalogue>,
        directory: Arc<Directory>,
        gateway: Layer,
    ) -> Composition {
        let (hidden, agreed, is_redacted) = (Vec::new(), None, false);
        Composition { device, catalogue, hidden, agreed, is_redacted, gateway, directory }
    }

    /// The same with these ports shown as if they were inactive.
    #[must_use]
    pub(super) fn without(self, hidden: Vec<Port>) -> Composition {
        Composition { hidden, ..self }
    }

    /// `None`: the type is not, or no longer, in the catalogue.
    #[must_use]
    pub fn phone_type(&self) -> Option<&PhoneType> {
        self.catalogue.phone_type(&self.device.phone_type)
    }

    /// When anything last changed that is kept in the store.
    #[must_use]
    pub fn changed(&self) -> Timestamp {
        let companies = self.companies().map(|company| company.changed);
        let changed = self.device.changed.max(self.directory.system.changed);
        companies.fold(changed, Timestamp::max)
    }

    fn companies(&self) -> impl Iterator<Item = &Arc<Company>> {
        let of_ports = self.device.phones.values().filter_map(|phone| phone.company());
        of_ports.filter_map(|id| self.directory.companies.get(id))
    }

    /// The same with `***` in the place of every secret.
    #[must_use]
    pub(super) fn redacted(self) -> Composition {
        let agreed = self.is_of_several_companies().then(|| self.agreed().with_markers());
        let companies = self.companies().map(|company| {
            let settings = company.settings.with_markers();
            (company.id.clone(), Arc::new(Company { settings, ..Company::clone(company) }))
        });
        let system = &self.directory.system;
        let directory = Directory {
            companies: companies.collect(),
            system: Arc::new(SystemSettings {
                settings: system.settings.with_markers(),
                ..**system
            }),
            ..Directory::default()
        };
        let mut device = self.device;
        for phone in device.phones.values_mut() {
            phone.settings = phone.settings.with_markers();
        }
        let catalogue = self.catalogue;
        Composition {
            device,
            directory: Arc::new(directory),
            catalogue,
            hidden: self.hidden,
            agreed,
            is_redacted: true,
            gateway: self.gateway,
        }
    }

    /// The layers of a port by name, lowest first.
    #[must_use]
    pub fn layers(&self, port: Port) -> Vec<(&'static str, Layer)> {
        let defaults =
            self.phone_type().map(|phone_type| phone_type.defaults.clone()).unwrap_or_default();
        let mut layers = vec![
            ("gateway", self.gateway_and_passwords()),
            ("type", defaults),
            ("system", self.directory.system.settings.clone()),
        ];
        if let Some(phone) = self.device.phones.get(&port) {
            let company = phone.company().and_then(|id| self.directory.companies.get(id));
            layers.push(("company", company.map(|c| c.settings.clone()).unwrap_or_default()));
            layers.push(("phone", phone.settings.clone()));
        }
        layers
    }

    /// What `file` is made of. A port the type has and the device has no phone for is inactive.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub fn input(
        &self,
        phone_type: &PhoneType,
        file: &FileSpec,
        path: PathFacts,
    ) -> Result<RenderInput, UnreadableLayer> {
        if file.scope == Scope::Common {
            let device_wide =
                common_settings(&self.gateway, &phone_type.defaults, &self.directory.system)?;
            let (ports, named_port) = (Vec::new(), None);
            let written = Written::default();
            return Ok(RenderInput { mac: None, ports, named_port, path, device_wide, written });
        }
        let mut ports = self.ports(phone_type)?;
        let named_port = match file.scope {
            Scope::Port => Some(path.port.unwrap_or(Port::FIRST)),
            _ => None,
        };
        let mut written = self.device.written.clone();
        if let Whose::SeveralCompanies = whose(&ports) {
            // SECURITY: raw parameters that one company set once are nothing the others may
            // read, and the one may still set them: they are taken back when the device is of
            // one company again.
            written = written.without_parameters();
        }
        let mut device_wide = self.device_wide(phone_type, &ports)?;
        if file.is_encrypted {
            device_wide = self.with_own_file_key(phone_type, device_wide);
        }
        let common = self.shared_layers(phone_type, None)?.settings.clone();
        for port in ports.iter_mut().filter(|port| self.hidden.contains(&port.port)) {
            *port = PortInput { settings: common.clone(), ..PortInput::inactive(port.port) };
        }
        let mac = Some(self.device.mac);
        Ok(RenderInput { mac, ports, named_port, path, device_wide, written })
    }

    /// Every port that the type has, with its settings; one without an active phone has those of
    /// nobody in particular.
    fn ports(&self, phone_type: &PhoneType) -> Result<Vec<PortInput>, UnreadableLayer> {
        let common = self.shared_layers(phone_type, None)?.settings.clone();
        let mut ports = Vec::with_capacity(usize::from(phone_type.ports));
        for port in Port::first(phone_type.ports) {
            let phone = self.device.phones.get(&port);
            let company = phone.and_then(|phone| phone.company());
            let settings = match (phone, company) {
                (Some(phone), Some(company)) => {
                    let shared = self.shared_layers(phone_type, Some(company))?;
                    let settings = finish(&shared, &phone.settings)?;
                    self.with_url_token(company, self.with_own_passwords(phone_type, settings))
                }
                _ => common.clone(),
            };
            ports.push(PortInput {
                port,
                company: company.cloned(),
                name: phone.map(|phone| phone.name.clone()).unwrap_or_default(),
                settings,
            });
        }
        Ok(ports)
    }

    /// What counts for the device as a whole.
    fn device_wide(
        &self,
        phone_type: &PhoneType,
        ports: &[PortInput],
    ) -> Result<Arc<Settings>, UnreadableLayer> {
        Ok(match whose(ports) {
            Whose::Nobodys => self.shared_layers(phone_type, None)?.settings.clone(),
            Whose::OneCompanys(settings) => settings.clone(),
            Whose::SeveralCompanies => {
                let shared = self.shared_layers(phone_type, None)?;
                let settings = finish(&shared, &self.agreed())?;
                let settings = self.with_own_passwords(phone_type, settings);
                let first = self.device.companies().find(|id| self.token_in_url(id).is_some());
                first.map_or(settings.clone(), |first| self.with_url_token(first, settings))
            }
        })
    }

    /// What the device is to prove that it has, by the settings that its files say it; `None` where
    /// they say none.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, UnreadableLayer> {
        let Some(phone_type) = self.phone_type() else { return Ok(None) };
        let settings = self.device_wide(phone_type, &self.ports(phone_type)?)?;
        Ok(credentials_of(&settings))
    }

    /// All layers of an active port, resolved, with their secrets; `None` when its type is not in the
    /// catalogue, or a stored layer cannot be read.
    #[must_use]
    pub fn settings(&self, port: Port) -> Option<Arc<Settings>> {
        self.settings_of(self.phone_type()?, port).ok()
    }

    /// All layers of an active port, resolved.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub(super) fn settings_of(
        &self,
        phone_type: &PhoneType,
        port: Port,
    ) -> Result<Arc<Settings>, UnreadableLayer> {
        let phone = self.device.phones.get(&port);
        let shared = self.shared_layers(phone_type, phone.and_then(|phone| phone.company()))?;
        let own = phone.map(|phone| phone.settings.clone()).unwrap_or_default();
        Ok(self.with_own_passwords(phone_type, finish(&shared, &own)?))
    }

    /// Adds a password of the phone's own where no layer sets one, and its type takes one.
    pub(super) fn with_own_passwords(
        &self,
        phone_type: &PhoneType,
        mut settings: Arc<Settings>,
    ) -> Arc<Settings> {
        let own = phone_type.own_passwords;
        let admin = own.admin.filter(|_| settings.access.admin_password.is_none());
        let user = own.user.filter(|_| settings.access.user_password.is_none());
        let made = |of, form: Option<PasswordForm>| self.own_password(of, form?);
        let (admin, user) = (made(PasswordOf::Admin, admin), made(PasswordOf::User, user));
        if admin.is_some() || user.is_some() {
            let access = &mut Arc::make_mut(&mut settings).access;
            access.admin_password = admin.or(access.admin_password.take());
            access.user_password = user.or(access.user_password.take());
        }
        settings
    }

    pub(super) fn token_in_url(&self, company: &CompanyId) -> Option<TokenInUrl> {
        let company = self.directory.companies.get(company)?;
        let policy = self.directory.policies.of(company, &self.directory.system);
        Some(policy.token_in_url).filter(|whose| *whose != TokenInUrl::None)
    }

    /// Has the URL of the phone's files hold a token, where its company's policy says so: what the
    /// phone asks for from then on shows it.
    fn with_url_token(&self, company: &CompanyId, mut settings: Arc<Settings>) -> Arc<Settings> {
        let whose = self.token_in_url(company);
        let Some((whose, base)) = whose.zip(settings.provisioning.base_url.as_ref()) else {
            return settings;
        };
        let token = match self.url_token(company, whose) {
            _ if self.is_redacted => HIDDEN.to_owned(),
            Some(token) => token.expose(),
            None => return settings,
        };
        let url = below(base, &token);
        Arc::make_mut(&mut settings).provisioning.base_url = Some(url);
        settings
    }

    /// `None`: nobody made the seed yet, or the company has just gone.
    fn url_token(&self, company: &CompanyId, whose: TokenInUrl) -> Option<UrlToken> {
        let seed = self.directory.system.password_seed?;
        let company = self.directory.companies.get(company)?;
        let policy = self.directory.policies.of(company, &self.directory.system);
        // A device of several companies has its own: none of them has the other's.
        Some(seed.token(match whose {
            TokenInUrl::Company if !self.is_of_several_companies() => {
                TokenOf::Company(company, policy.company_token)
            }
            _ => TokenOf::Phone(self.device.mac, self.device.admission.token),
        }))
    }

    /// Adds a key of the device's own where files are to be encrypted and no layer sets one.
    fn with_own_file_key(
        &self,
        phone_type: &PhoneType,
        mut settings: Arc<Settings>,
    ) -> Arc<Settings> {
        let set = &settings.provisioning;
        if let Some(encryption) = phone_type.wanted_encryption(set)
            && set.encryption_key.is_none()
            && let Some(KeyName::Own(name)) = self.own_file_key_name()
            && let Some(key) = self.own_file_key(encryption, name)
        {
            Arc::make_mut(&mut settings).provisioning.encryption_key = Some(key);
        }
        settings
    }

    pub(super) fn own_file_key(&self, encryption: &Encryption, name: u64) -> Option<Secret> {
        if self.is_redacted {
            return Some(Secret::new(HIDDEN.to_owned()));
        }
        let seed = self.directory.system.password_seed?;
        Some(Secret::new(encryption.own_key(&seed.file_key(self.device.mac, name))))
    }

    /// `None`: the company has just gone.
    pub(super) fn own_file_key_name(&self) -> Option<KeyName> {
        Some(PasswordSeed::file_key_name(self.company_of_all()?))
    }

    /// The one company of all active ports, if there is one; `None`: it has just gone.
    fn company_of_all(&self) -> Option<Option<&Company>> {
        let mut companies = self.device.companies();
        // Ports of several companies have one password, which none of these ever had alone.
        let company = companies.next().filter(|first| companies.all(|other| other == *first));
        match company {
            Some(id) => Some(Some(self.directory.companies.get(id)?)),
            None => Some(None),
        }
    }

    /// `None`: nobody made the seed yet, or the company has just gone.
    fn own_password(&self, of: PasswordOf, form: PasswordForm) -> Option<Secret> {
        if self.is_redacted {
            return Some(Secret::new(HIDDEN.to_owned()));
        }
        let company = self.company_of_all()?;
        let seed = self.directory.system.password_seed?;
        Some(seed.password(of, self.device.mac, company, form))
    }

    /// What the gateway gives this phone, with a marker for each password of its own.
    fn gateway_and_passwords(&self) -> Layer {
        let Some(phone_type) = self.phone_type() else { return self.gateway.clone() };
        let own = phone_type.own_passwords;
        let marker = |form: Option<PasswordForm>| {
            form.filter(|_| self.directory.system.password_seed.is_some()).map(|_| HIDDEN)
        };
        let mut gateway = self.gateway.to_json();
        let markers = [("admin_password", marker(own.admin)), ("user_password", marker(own.user))];
        for (name, marker) in markers {
            if let Some(marker) = marker {
                gateway["access"][name] = json!(marker);
            }
        }
        // Not as a patch, which must not have markers.
        Layer::from_stored(&gateway.to_string())
    }

    pub(super) fn is_of_several_companies(&self) -> bool {
        let mut companies = self.device.phones.values().filter_map(|phone| phone.company());
        companies.next().is_some_and(|first| companies.any(|other| other != first))
    }

    /// What the active phones of the device say alike of it, their companies' settings included.
    pub(super) fn agreed(&self) -> Layer {
        let found = || {
            let active = self.device.phones.values().filter(|phone| phone.company().is_some());
            let phones: Vec<_> = active.map(|phone| self.said_by(phone)).collect();
            Layer::agreed(&phones)
        };
        self.agreed.clone().unwrap_or_else(found)
    }

    pub(super) fn said_by<'a>(&'a self, phone: &'a Phone) -> Vec<&'a Layer> {
        let company = phone.company().and_then(|id| self.directory.companies.get(id));
        company.map(|company| &company.settings).into_iter().chain([&phone.settings]).collect()
    }

    /// The layers below those of a company's phones of that type.
    fn shared_layers(
        &self,
        phone_type: &PhoneType,
        company: Option<&CompanyId>,
    ) -> Result<Arc<SharedLayers>, UnreadableLayer> {
        let key = (self.catalogue.version(), phone_type.key.clone(), company.cloned());
        self.directory.layers.get(key, || {
            let mut stack =
                shared_stack(&self.gateway, &phone_type.defaults, &self.directory.system)?;
            if let Some(company) = company.and_then(|id| self.directory.companies.get(id)) {
                stack.overlay(&company.settings)?;
            }
            Ok(stack)
        })
    }

    /// Renders every file the device's type can ask for, so that what cannot be
    /// rendered is known before a phone asks.
    ///
    /// # Errors
    /// [`RegistryError::Render`] for the first that fails, or [`RegistryError::RenderOfAnother`]
    /// when that is for what `actor` does not see; [`RegistryError::NoSuchType`] when the type is
    /// not in the catalogue.
    pub(super) fn check_renderable(
        &self,
        actor: &Actor,
        named: PhoneId,
    ) -> Result<(), RegistryError> {
        self.render_all(named).map_err(|error| self.as_seen_by(actor, named, error))
    }

    /// What is left out of the device's files, of each phone of which anything is.
    pub(super) fn all_left_out(&self) -> Vec<LeftOut> {
        let left_out = self.device.phones.iter().map(|(port, phone)| LeftOut {
            phone: PhoneId { mac: self.device.mac, port: *port },
            company: phone.company().cloned(),
            settings: self.left_out(*port),
        });
        left_out.filter(|left_out| !left_out.settings.is_empty()).collect()
    }

    /// An error of [`Composition::render_all`] in which nothing of another's phones is named.
    fn as_seen_by(&self, actor: &Actor, named: PhoneId, error: RegistryError) -> RegistryError {
        let mut device = self.device.clone();
        device.phones.retain(|_, phone| may_see(actor, phone));
        let sees_all = device.phones.len() == self.device.phones.len();
        if sees_all || !matches!(error, RegistryError::Render { .. }) {
            return error;
        }
        // SECURITY: what a render error says may be of any port. That of the phones the caller
        // sees is the caller's own.
        let own = Composition { device, ..self.clone() };
        own.render_all(named).err().unwrap_or(RegistryError::RenderOfAnother { phone: named })
    }

    fn render_all(&self, named: PhoneId) -> Result<(), RegistryError> {
        let phone_type = self
            .phone_type()
            .ok_or_else(|| RegistryError::NoSuchType(self.device.phone_type.to_string()))?;
        let family = self.catalogue.family_of(phone_type);
        for file in family.files.iter().filter(|file| file.template.is_some()) {
            for path in file.example_facts(phone_type, self.device.mac) {
                let input = self.input(phone_type, file, path).map_err(unreadable)?;
                if file.is_encrypted {
                    self.check_file_key(phone_type, &input)?;
                }
                self.catalogue.render(family, Some(phone_type), file, input).map_err(|source| {
                    RegistryError::Render { phone: named, file: file.pattern().to_owned(), source }
                })?;
            }
        }
        Ok(())
    }

    /// The file of a target, when the type has one with a template.
    #[must_use]
    pub fn file(&self, target: &Target) -> Option<(&PhoneType, &FileSpec, PathFacts)> {
        let phone_type = self.phone_type()?;
        let (file, path) = self.catalogue.file_for(phone_type, target)?;
        file.template.is_some().then_some((phone_type, file, path))
    }

    /// Does as [`Composition::file`], for a request that the same catalogue identified.
    #[must_use]
    pub fn file_identified(
        &self,
        target: &Target,
        identity: &Identity,
    ) -> Option<(&PhoneType, &FileSpec, PathFacts)> {
        let phone_type = self.phone_type()?;
        let (file, path) = self.catalogue.file_for_identified(phone_type, target, identity)?;
        file.template.is_some().then_some((phone_type, file, path))
    }
}

/// The settings of common files: no company, no phone, no secret, because anyone gets them.
fn common_settings(
    gateway: &Layer,
    defaults: &Layer,
    system: &SystemSettings,
) -> Result<Arc<Settings>, UnreadableLayer> {
    Ok(Arc::new(shared_stack(gateway, defaults, system)?.finish().without_secrets()))
}

fn shared_stack(
    gateway: &Layer,
    defaults: &Layer,
    system: &SystemSettings,
) -> Result<Stack, UnreadableLayer> {
    let mut stack = Stack::default();
    stack.overlay(gateway)?;
    stack.overlay(defaults)?;
    stack.overlay(&system.settings)?;
    Ok(stack)
}

/// What whoever is no active phone is to prove: what is set for all.
///
/// # Errors
/// When a stored layer cannot be read.
pub(super) fn common_credentials(
    gateway: &Layer,
    system: &SystemSettings,
) -> Result<Option<Credentials>, UnreadableLayer> {
    Ok(credentials_of(&shared_stack(gateway, &Layer::default(), system)?.finish()))
}

fn credentials_of(settings: &Settings) -> Option<Credentials> {
    let (user, password) = (&settings.provisioning.user, &settings.provisioning.password);
    Some(Credentials { user: user.clone()?, password: password.clone()? })
}

fn finish(shared: &SharedLayers, phone: &Layer) -> Result<Arc<Settings>, UnreadableLayer> {
    if phone.is_empty() {
        return Ok(shared.settings.clone());
    }
    let mut stack = shared.stack.clone();
    stack.overlay(phone)?;
    Ok(Arc::new(stack.finish()))
}

fn unreadable(error: UnreadableLayer) -> RegistryError {
    let what = "the settings of a phone".to_owned();
    RegistryError::Store(StoreError::Unusable { what, why: error.to_string() })
}
