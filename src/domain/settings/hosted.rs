//! Settings that name a file which the gateway hosts, `files:PATH`, and the URL each becomes.

use std::sync::Arc;

use super::{Settings, VendorValue};
use crate::domain::{HostedPath, Mac};

impl Settings {
    /// The same with the URL, for that phone, in place of every hosted file that they name, of the
    /// raw parameters those of the family. Where no URL can be made they are unset: without a
    /// phone, and where nobody says where phones reach the gateway.
    ///
    /// SECURITY: a file for ports of several companies must not fail by what one of them sets.
    #[must_use]
    pub fn with_hosted_urls(self: Arc<Settings>, family: &str, mac: Option<Mac>) -> Arc<Settings> {
        if !self.has_hosted(family) {
            return self;
        }
        let mut settings = Arc::unwrap_or_clone(self);
        let at = mac.zip(settings.provisioning.base_url.clone());
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
        if let Some(parameters) = settings.vendor.get_mut(family) {
            parameters.retain(|_, value| match hosted_by(value).map(|path| url(&path)) {
                None => true,
                Some(Some(url)) => {
                    *value = VendorValue::Text(url);
                    true
                }
                Some(None) => false,
            });
        }
        Arc::new(settings)
    }

    fn has_hosted(&self, family: &str) -> bool {
        let is_hosted = |text: &str| HostedPath::of_setting(text).is_some();
        let raw = || self.vendor.get(family).into_iter().flat_map(|raw| raw.values());
        self.may_be_hosted().into_iter().any(|(_, text)| text.is_some_and(is_hosted))
            || raw().any(|value| hosted_by(value).is_some())
    }

    /// The settings of which a hosted file may be the value.
    fn may_be_hosted(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("firmware.url", self.firmware.url.as_deref()),
            ("display.wallpaper", self.display.wallpaper.as_deref()),
            ("trust.ca_url", self.trust.ca_url.as_deref()),
        ]
    }

    /// The settings whose value begins with `files:`, each with the file it names, or `Err` with
    /// its value where that is the name of none; of the raw parameters those of the family, or of
    /// all.
    #[must_use]
    pub fn hosted_names(&self, family: Option<&str>) -> Vec<(String, Result<HostedPath, String>)> {
        let named = |text: &str| {
            text.starts_with("files:")
                .then(|| HostedPath::of_setting(text).ok_or_else(|| text.to_owned()))
        };
        let texts = self.may_be_hosted().into_iter();
        let texts = texts.filter_map(|(name, text)| Some((name.to_owned(), named(text?)?)));
        let raw = self.vendor.iter().filter(|(id, _)| family.is_none_or(|family| family == *id));
        let raw = raw.flat_map(|(family, parameters)| {
            parameters.iter().filter_map(move |(name, value)| match value {
                VendorValue::Text(text) => Some((format!("vendor.{family}.{name}"), named(text)?)),
                VendorValue::Bool(_) | VendorValue::Integer(_) => None,
            })
        });
        texts.chain(raw).collect()
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
    use crate::domain::settings::{Layer, resolve, schema};

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
        let with = of.clone().with_hosted_urls("yealink", Some(mac));
        let at = |path: &str| Some(format!("http://gw.example/files/0015654aa937/{path}"));
        assert_eq!(with.firmware.url, at("a.rom"));
        assert_eq!(with.display.wallpaper, at("logos/a.jpg"));
        let raw = |name: &str| with.vendor["yealink"][name].to_string();
        assert_eq!(Some(raw("gui_lang.url")), at("de.lang"));
        assert_eq!((raw("a"), raw("b")), ("files: no path".into(), "1".into()));

        let common = of.with_hosted_urls("yealink", None);
        assert_eq!((&common.firmware.url, &common.display.wallpaper), (&None, &None));
        assert!(!common.vendor["yealink"].contains_key("gui_lang.url"));
    }

    #[test]
    fn every_setting_that_takes_a_hosted_file_is_made_a_url() {
        let fields = schema::fields();
        let hosted = fields.iter().filter(|field| field.bounds.contains("files)"));
        let hosted: Vec<&str> = hosted.map(|field| &*field.path).collect();
        let of = Settings::default();
        assert_eq!(of.may_be_hosted().map(|(name, _)| name).to_vec().len(), hosted.len());
        for (name, _) in of.may_be_hosted() {
            assert!(hosted.contains(&name), "{name} {hosted:?}");
        }
    }

    #[test]
    fn what_can_be_no_url_is_unset_and_what_names_none_is_as_it_was() {
        let mac = Some("0015654aa937".parse().unwrap());
        let raw = json!({ "gui_lang.url": "files:de.lang" });
        let text = json!({ "trust": { "ca_url": "files:ca.pem" }, "vendor": { "yealink": raw } });
        let nowhere = settings(&text).with_hosted_urls("yealink", mac);
        assert_eq!((&nowhere.trust.ca_url, nowhere.vendor["yealink"].len()), (&None, 0));
        let other = settings(&json!({
            "firmware": { "url": "http://a.example/a.rom" }, "vendor": { "yealink": raw },
        }));
        assert!(Arc::ptr_eq(&other.clone().with_hosted_urls("snom", mac), &other));
    }
}
