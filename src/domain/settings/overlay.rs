//! Laying one layer over another, and the macro that writes a group of
//! settings once: as a struct, as its description, as its overlay, and as what reads it by name.

use std::collections::BTreeMap;

/// A partial value over which another can be laid.
pub(super) trait Overlay {
    /// What `over` sets wins; what it leaves out stays.
    fn overlay(&mut self, over: Self);
}

impl<T> Overlay for Option<T> {
    fn overlay(&mut self, over: Self) {
        if over.is_some() {
            *self = over;
        }
    }
}

/// A list is one value: it is replaced, not mixed. Empty means unset.
impl<T> Overlay for Vec<T> {
    fn overlay(&mut self, over: Self) {
        if !over.is_empty() {
            *self = over;
        }
    }
}

impl<K: Ord, V: Overlay> Overlay for BTreeMap<K, V> {
    fn overlay(&mut self, over: Self) {
        if self.is_empty() {
            *self = over;
            return;
        }
        for (key, value) in over {
            match self.entry(key) {
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(value);
                }
                std::collections::btree_map::Entry::Occupied(mut there) => {
                    there.get_mut().overlay(value);
                }
            }
        }
    }
}

impl Overlay for super::VendorValue {
    fn overlay(&mut self, over: Self) {
        *self = over;
    }
}

/// Writes a group of settings: `name (as "json name")?: type = kind`. The doc
/// comment of a field is its text in the documentation.
macro_rules! layered {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $vis:vis $field:ident $(as $json:literal)?: $type:ty = $kind:expr,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Default, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                $(#[serde(rename = $json)])?
                $vis $field: $type,
            )+
        }

        impl $name {
            /// Its settings, in the schema's order.
            pub const FIELDS: &'static [$crate::domain::settings::schema::Field] = &[
                $($crate::domain::settings::schema::Field {
                    name: layered!(@name $field $($json)?),
                    doc: concat!($($doc),+),
                    kind: $kind,
                },)+
            ];
        }

        impl $crate::domain::settings::read::Fields for $name {
            fn read<'a>(
                &'a self,
                each: &mut dyn FnMut(&'static str, $crate::domain::settings::read::Read<'a>),
            ) {
                $(each(
                    layered!(@name $field $($json)?),
                    $crate::domain::settings::read::AsRead::as_read(&self.$field),
                );)+
            }

            fn field(
                &self,
                name: &str,
            ) -> Option<(&'static str, $crate::domain::settings::read::Read<'_>)> {
                $(if name == layered!(@name $field $($json)?) {
                    return Some((
                        layered!(@name $field $($json)?),
                        $crate::domain::settings::read::AsRead::as_read(&self.$field),
                    ));
                })+
                None
            }
        }

        impl $crate::domain::settings::overlay::Overlay for $name {
            fn overlay(&mut self, over: Self) {
                $($crate::domain::settings::overlay::Overlay::overlay(&mut self.$field, over.$field);)+
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $json:literal) => { $json };
}
pub(super) use layered;
