//! What the files of a phone are encrypted with, and what they give it.

use super::RegistryError;
use super::compose::Composition;
use crate::catalogue::{Encryption, PhoneType, RenderInput};
use crate::domain::Timestamp;
use crate::domain::settings::{
    Delivery, FileEncryption, GivenKeys, KeyName, NamedKey, Provisioning, Secret, SettingError,
    Wish,
};
use crate::encryption::Format;

/// What a file is encrypted with.
pub struct FileKey {
    /// How its bytes are made.
    pub format: Format,
    /// The phone's key.
    pub key: Secret,
}

impl Composition {
    /// How a file that is made of `input`, one of those that are encrypted, is sent over such a
    /// connection, and what it is encrypted with. `input` loses the key that the file must not have.
    #[must_use]
    pub fn delivery(
        &self,
        phone_type: &PhoneType,
        input: &mut RenderInput,
        is_tls: bool,
        now: Timestamp,
    ) -> (Delivery, Option<FileKey>) {
        let set = input.device_wide.provisioning.clone();
        let given: &GivenKeys = self.device.written.keys();
        if given.is_empty() && phone_type.wanted_encryption(&set).is_none() {
            return (given.delivery(Wish::Plain, |_| false, is_tls, now), None);
        }
        let wish = self.wish(phone_type, &set);
        let key = |named: NamedKey| self.file_key(phone_type, &set, named);
        let delivery = given.delivery(wish, |named| key(named).is_some(), is_tls, now);
        if !delivery.has_key {
            input.take_file_key();
        }
        let encrypted_with = delivery.encrypted_with.and_then(key);
        (delivery, encrypted_with)
    }

    /// Whether the phone's files can be encrypted with the key that is set.
    ///
    /// # Errors
    /// [`RegistryError::Settings`] that says what a key for this type is.
    pub(super) fn check_file_key(
        &self,
        phone_type: &PhoneType,
        input: &RenderInput,
    ) -> Result<(), RegistryError> {
        let set = &input.device_wide.provisioning;
        let wanted = phone_type.wanted_encryption(set).zip(set.encryption_key.as_ref());
        let fault = wanted.and_then(|(way, key)| way.key_fault(key.expose()));
        match fault.filter(|_| !self.is_redacted) {
            None => Ok(()),
            Some(fault) => Err(RegistryError::Settings(vec![SettingError {
                field: "provisioning.encryption_key".to_owned(),
                message: format!("{fault}, for {}", phone_type.description),
            }])),
        }
    }

    fn wish(&self, phone_type: &PhoneType, set: &Provisioning) -> Wish {
        let wanted = phone_type.wanted_encryption(set);
        let (Some(encryption), Some(key)) = (wanted, &set.encryption_key) else {
            return Wish::Plain;
        };
        let Some(name) = self.name_of(encryption, key) else { return Wish::Plain };
        let key = NamedKey { name, format: encryption.format };
        match set.encryption {
            Some(FileEncryption::Forced) => Wish::Always(key),
            _ => Wish::Once(key),
        }
    }

    /// `None`: nobody made the seed yet.
    fn name_of(&self, encryption: &Encryption, key: &Secret) -> Option<KeyName> {
        if let Some(KeyName::Own(name)) = self.own_file_key_name()
            && self.own_file_key(encryption, name).as_ref() == Some(key)
        {
            return Some(KeyName::Own(name));
        }
        Some(self.directory.system.password_seed?.set_key_name(key))
    }

    /// The key of that name: one that the gateway makes, or the one that is set now.
    fn file_key(
        &self,
        phone_type: &PhoneType,
        set: &Provisioning,
        named: NamedKey,
    ) -> Option<FileKey> {
        // A phone of another type than was thought never read a file of those before.
        let mut ways = phone_type.encryptions.iter();
        let encryption = ways.find(|way| way.format == named.format)?;
        let key = match named.name {
            KeyName::Own(name) => self.own_file_key(encryption, name)?,
            KeyName::Set(_) => {
                let key = set.encryption_key.as_ref()?;
                let seed = self.directory.system.password_seed?;
                (seed.set_key_name(key) == named.name).then(|| key.clone())?
            }
        };
        Some(FileKey { format: named.format, key })
    }
}
