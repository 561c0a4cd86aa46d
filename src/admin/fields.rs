//! Taking fields out of `scope` and `values`, each error naming the field.
//!
//! `null` is absent everywhere, and an empty list is an empty object: some
//! languages have one way to write both.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::answer::Fail;
use crate::domain::{CompanyId, Mac, PhoneId, Port};
use crate::net::{InvalidNetwork, Network};

/// `scope` or `values`.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    place: &'static str,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(place: &'static str, value: Option<&'a Value>) -> Result<Fields<'a>, Fail> {
        match value {
            None => Ok(Fields { place, map: None }),
            Some(Value::Object(map)) => Ok(Fields { place, map: Some(map) }),
            Some(Value::Array(list)) if list.is_empty() => Ok(Fields { place, map: None }),
            Some(_) => Err(Fail::new(format!("{place}: must be an object"))),
        }
    }

    /// Refuses fields of other names: a misspelt filter must not widen a command.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Fail> {
        let mut own = self.map.into_iter().flat_map(Map::keys);
        match own.find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(40).collect();
                let known = names.join(", ");
                Err(Fail::new(format!("{}.{name:?} is not known here: {known}", self.place)))
            }
        }
    }

    /// The field as it is, `null` too.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.map?.get(name)
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// A text, a number or a list as a log shows it; `None` for anything else and for nothing.
    pub(super) fn shown(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Array(_) => self.texts(name).ok()?.map(|texts| texts.join(",")),
            _ => None,
        }
    }

    fn wrong(&self, name: &str, wanted: &str) -> Fail {
        Fail::new(format!("{name}: must be {wanted}"))
    }

    /// A string, may be empty.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Fail> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    /// A string; an empty one is as good as none.
    pub(super) fn filled(&self, name: &str) -> Result<Option<&'a str>, Fail> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A list of strings, or one string alone.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Fail> {
        let wanted = "a string or a list of strings";
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(list)) => {
                let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                texts.map(Some).ok_or_else(|| self.wrong(name, wanted))
            }
            Some(_) => Err(self.wrong(name, wanted)),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Fail> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Fail> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_u64().ok_or_else(|| self.wrong(name, "a whole number"));
                number.map(Some)
            }
        }
    }

    /// How many rows at most.
    pub(super) fn limit(&self, default: usize, most: usize) -> Result<usize, Fail> {
        let Some(limit) = self.number("limit")? else { return Ok(default) };
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| self.wrong("limit", &format!("1 to {most}")))
    }

    /// The phone a command acts on, always one and written whole.
    pub(super) fn phone_id(&self) -> Result<PhoneId, Fail> {
        let text = self.filled("phoneid")?.ok_or_else(|| Fail::new("phoneid required"))?;
        text.parse().map_err(|error| Fail::new(format!("phoneid: {error}")))
    }

    pub(super) fn mac(&self) -> Result<Option<Mac>, Fail> {
        let Some(text) = self.filled("mac")? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| Fail::new(format!("mac: {error}")))
    }

    /// A network, or an address for itself; bits behind the prefix do not count.
    pub(super) fn network(&self, name: &str) -> Result<Option<IpNet>, Fail> {
        let Some(text) = self.filled(name)? else { return Ok(None) };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Some(address.to_canonical().into()));
        }
        match text.parse::<Network>() {
            Ok(network) => Ok(Some(network.into())),
            Err(error @ InvalidNetwork::HostBits { .. }) => {
                Err(Fail::new(format!("{name}: {error}")))
            }
            Err(_) => Err(self.wrong(name, "an address or a network, 192.0.2.0/24")),
        }
    }

    /// A number or its digits; `0` is a port.
    pub(super) fn port(&self) -> Result<Option<Port>, Fail> {
        let number = match self.value("port") {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let padded = text.len() > 1 && text.starts_with('0');
                text.parse().ok().filter(|_| digits && !padded)
            }
            Some(value) => value.as_u64(),
        };
        let port = number.and_then(|number| u16::try_from(number).ok()).and_then(Port::new);
        port.map(Some).ok_or_else(|| Fail::new("Invalid port"))
    }

    /// One phone by `mac`, with `port` or else 0, or by `phoneid`, which counts
    /// only without `mac`.
    pub(super) fn phone(&self) -> Result<PhoneId, Fail> {
        let port = self.port()?;
        if let Some(mac) = self.mac()? {
            return Ok(PhoneId { mac, port: port.unwrap_or(Port::FIRST) });
        }
        if self.filled("phoneid")?.is_none() {
            return Err(Fail::new("mac or phoneid required"));
        }
        let id = self.phone_id()?;
        if port.is_some_and(|port| port != id.port) {
            return Err(Fail::new("Invalid port"));
        }
        Ok(id)
    }

    /// Companies of a filter. An empty string is no filter; a name that can be no
    /// company's is an unknown company.
    pub(super) fn companies(&self, name: &str) -> Result<Option<Vec<CompanyId>>, Fail> {
        match self.texts(name)? {
            None => Ok(None),
            Some(texts) if self.value(name).is_some_and(|value| value == "") => {
                drop(texts);
                Ok(None)
            }
            Some(texts) => texts.into_iter().map(company).collect::<Result<_, _>>().map(Some),
        }
    }

    /// One company, if any is named.
    pub(super) fn company(&self, name: &str) -> Result<Option<CompanyId>, Fail> {
        self.filled(name)?.map(company).transpose()
    }
}

fn company(text: &str) -> Result<CompanyId, Fail> {
    text.parse().map_err(|_| Fail::new("No such company"))
}
