//! Reading settings by name, for templates and whatever else walks them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::value::{
    AdmissionMode, CallerIdSource, Codec, Contradictions, DateFormat, Dtmf, EncryptionFormat,
    ExpiredCertificates, FileEncryption, HourFormat, KeyType, LdapSecurity, Secret, SharedLine,
    Srtp, SyslogLevel, TokenInUrl, Transport, WifiSecurity,
};
use super::{Change, Daylight, Zone};

/// A group of named values.
pub trait Fields {
    /// Gives each field to `each`, in the schema's order. Secrets are exposed:
    /// for the phone's own configuration only.
    fn read<'a>(&'a self, each: &mut dyn FnMut(&'static str, Read<'a>));

    /// The field of this name, with its name as the schema has it; `None` when the group
    /// has no such field. Exposes secrets as [`Fields::read`] does.
    fn field(&self, name: &str) -> Option<(&'static str, Read<'_>)>;
}

/// One value.
pub enum Read<'a> {
    /// Nobody set it.
    Unset,
    /// `true` or `false`.
    Bool(bool),
    /// A number, within the bounds of the schema.
    Integer(i64),
    /// A text that is no secret.
    Text(&'a str),
    /// One of the names of a [`super::schema::Kind::Choice`].
    Word(&'static str),
    /// A text that is nobody's business but the phone's.
    Secret(&'a str),
    /// May be empty: a list nobody set.
    Texts(Vec<Cow<'a, str>>),
    /// A group of settings below it.
    Group(&'a dyn Fields),
    /// Groups by number or name; they have their own ways to be read.
    Map,
}

pub(super) trait AsRead {
    fn as_read(&self) -> Read<'_>;
}

impl<T: AsRead> AsRead for Option<T> {
    fn as_read(&self) -> Read<'_> {
        self.as_ref().map_or(Read::Unset, AsRead::as_read)
    }
}

impl<T: Fields> AsRead for T {
    fn as_read(&self) -> Read<'_> {
        Read::Group(self)
    }
}

impl<K, V> AsRead for BTreeMap<K, V> {
    fn as_read(&self) -> Read<'_> {
        Read::Map
    }
}

impl AsRead for bool {
    fn as_read(&self) -> Read<'_> {
        Read::Bool(*self)
    }
}

macro_rules! integers { ($($type:ty)+) => { $(
    impl AsRead for $type {
        fn as_read(&self) -> Read<'_> {
            Read::Integer(i64::from(*self))
        }
    }
)+ } }
integers! { u8 u16 u32 i32 }

impl AsRead for String {
    fn as_read(&self) -> Read<'_> {
        Read::Text(self)
    }
}

impl AsRead for Secret {
    fn as_read(&self) -> Read<'_> {
        Read::Secret(self.expose())
    }
}

macro_rules! words { ($($type:ty)+) => { $(
    impl AsRead for $type {
        fn as_read(&self) -> Read<'_> {
            Read::Word(self.as_str())
        }
    }
)+ } }
words! {
    AdmissionMode Contradictions ExpiredCertificates TokenInUrl Transport Srtp Dtmf KeyType HourFormat DateFormat SyslogLevel SharedLine LdapSecurity WifiSecurity
    FileEncryption EncryptionFormat
}

impl AsRead for Vec<String> {
    fn as_read(&self) -> Read<'_> {
        Read::Texts(self.iter().map(|text| Cow::Borrowed(text.as_str())).collect())
    }
}

impl AsRead for Vec<Codec> {
    fn as_read(&self) -> Read<'_> {
        Read::Texts(self.iter().map(|codec| Cow::Borrowed(codec.as_str())).collect())
    }
}

impl AsRead for Vec<CallerIdSource> {
    fn as_read(&self) -> Read<'_> {
        Read::Texts(self.iter().map(|source| Cow::Borrowed(source.as_str())).collect())
    }
}

impl AsRead for Vec<IpAddr> {
    fn as_read(&self) -> Read<'_> {
        Read::Texts(self.iter().map(|address| Cow::Owned(address.to_string())).collect())
    }
}

macro_rules! fields { ($($type:ty { $($field:ident)+ })+) => { $(
    impl Fields for $type {
        fn read<'a>(&'a self, each: &mut dyn FnMut(&'static str, Read<'a>)) {
            $(each(stringify!($field), self.$field.as_read());)+
        }

        fn field(&self, name: &str) -> Option<(&'static str, Read<'_>)> {
            $(if name == stringify!($field) {
                return Some((stringify!($field), self.$field.as_read()));
            })+
            None
        }
    }
)+ } }
fields! {
    Zone { name posix offset_s abbreviation dst }
    Daylight { offset_s saving_s abbreviation start end }
    Change { month week weekday day_on_or_after week_is_exact time_s }
}
