//! Settings that name a file which the gateway hosts, `files:PATH`, and the URL each becomes.

use std::sync::Arc;

use super::{Settings, VendorValue};
use crate::domain::{HostedPath, Mac};

/// A setting names a hosted file, and nobody says where phones reach the gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{setting} names a file of this gateway, and provisioning.base_url is not set: set it, or \
     [handset] public_url in the configuration"
)]
pub struct NoBaseUrl {
    /// The setting that names the file.
    pub setting: &'static str,
}

impl Settings {
    /// The same with the URL, for that phone, in place of every hosted file that they name; without
    /// a phone they name none.
    ///
    /// # Errors
    /// When there is one and `provisioning.base_url` is not set.
    pub fn with_hosted_urls(
        self: Arc<Settings>,
        mac: Option<Mac>,
    ) -> Result<Arc<Settings>, NoBaseUrl> {
        let Some(setting) = self.hosted() else { return Ok(self) };
        let mut settings = Arc::unwrap_or_clone(self);
        let base = settings.provisioning.base_url.clone();
        if mac.is_some() && base.is_none() {
            return Err(NoBaseUrl { setting });
        }
        let at = mac.zip(base);
        let url = |path: &HostedPath| at.as_ref().map(|(mac, base)| path.url(base, *mac));
        let texts = [
            &mut settings.firmware.url,
            &mut settings.display.wallpaper,
            &mut settings.trust.ca_url,
        ];
        for text in texts {
            if let Some(path) = text.as_deref().and_then(HostedPath::of_setting) {
                *text = url(&path);
            }
        }
        for parameters in settings.vendor.values_mut() {
            parameters.retain(|_, value| match hosted_by(value) {
                None => true,
                Some(path) => match url(&path) {
                    Some(url) => {
                        *value = VendorValue::Text(url);
                        true
                    }
                    None => false,
                },
            });
        }
        Ok(Arc::new(settings))
    }

    /// The first setting that names a hosted file.
    fn hosted(&self) -> Option<&'static str> {
        let texts = [
            ("firmware.url", &self.firmware.url),
            ("display.wallpaper", &self.display.wallpaper),
            ("trust.ca_url", &self.trust.ca_url),
        ];
        let is_hosted = |text: &str| HostedPath::of_setting(text).is_some();
        let of_text = texts.iter().find(|(_, text)| text.as_deref().is_some_and(is_hosted));
        let raw = || self.vendor.values().flat_map(|parameters| parameters.values());
        let of_raw = || raw().any(|value| hosted_by(value).is_some()).then_some("vendor");
        of_text.map(|(name, _)| *name).or_else(of_raw)
    }
}

fn hosted_by(value: &VendorValue) -> Option<HostedPath> {
    match value {
        VendorValue::Text(text) => HostedPath::of_setting(text),
        VendorValue::Bool(_) | VendorValue::Integer(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::settings::{Layer, resolve};

    fn settings(text: &Value) -> Arc<Settings> {
        Arc::new(resolve(&[&Layer::parse(text).unwrap()]).unwrap())
    }

    #[test]
    fn a_hosted_file_becomes_a_url_of_the_phone() {
        let of = settings(&json!({
            "provisioning": { "base_url": "http://gw.example/" },
            "firmware": { "url": "files:a.rom" },
            "display": { "wallpaper": "files:logos/a.jpg" },
            "vendor": { "yealink": { "gui_lang.url": "files:de.lang", "a": "files: no path", "b": 1 } },
        }));
        let mac = "0015654aa937".parse().unwrap();
        let with = of.clone().with_hosted_urls(Some(mac)).unwrap();
        let at = |path: &str| Some(format!("http://gw.example/files/0015654aa937/{path}"));
        assert_eq!(with.firmware.url, at("a.rom"));
        assert_eq!(with.display.wallpaper, at("logos/a.jpg"));
        let raw = |name: &str| with.vendor["yealink"][name].to_string();
        assert_eq!(Some(raw("gui_lang.url")), at("de.lang"));
        assert_eq!((raw("a"), raw("b")), ("files: no path".into(), "1".into()));

        let common = of.with_hosted_urls(None).unwrap();
        assert_eq!((&common.firmware.url, &common.display.wallpaper), (&None, &None));
        assert!(!common.vendor["yealink"].contains_key("gui_lang.url"));
    }

    #[test]
    fn without_a_base_url_it_is_said_which_setting_wants_one() {
        let mac = Some("0015654aa937".parse().unwrap());
        let missing = |text: &Value| settings(text).with_hosted_urls(mac).unwrap_err().setting;
        assert_eq!(missing(&json!({ "trust": { "ca_url": "files:ca.pem" } })), "trust.ca_url");
        let raw = json!({ "vendor": { "yealink": { "gui_lang.url": "files:de.lang" } } });
        assert_eq!(missing(&raw), "vendor");
        let other = settings(&json!({ "firmware": { "url": "http://a.example/a.rom" } }));
        assert!(Arc::ptr_eq(&other.clone().with_hosted_urls(mac).unwrap(), &other));
    }
}
