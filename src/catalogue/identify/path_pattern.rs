//! The small language of `paths` in `family.toml`, compiled to regular expressions.

use std::fmt::Write;

use regex::{Regex, RegexBuilder};

use super::target::Target;
use crate::domain::{Mac, Port};

/// Twelve hex digits, alone or with separators of one kind between equal groups. Written so
/// that each character leaves one way to go on, and nothing has to be tried twice.
const MAC: &str = "[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5}|(?:\\.[0-9a-f]{2}){5}|\
                   (?:_[0-9a-f]{2}){5}|[0-9a-f]{2}(?:[0-9a-f]{8}|(?:\\.[0-9a-f]{4}){2}))";

/// What a pattern can take out, in the order of [`Groups`].
const NAMES: [&str; 5] = ["mac", "port", "model", "code", "part"];

/// The numbers of an expression's groups.
type Groups = [Option<usize>; NAMES.len()];

/// What a request's target told through one pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathFacts {
    /// Any twelve hex digits the pattern's `{mac}` stood for, also `000000000000`.
    pub mac: Option<Mac>,
    /// The port, counted from 0, that `{port}` stood for.
    pub port: Option<Port>,
    /// The model or alias that `{model}` stood for, as it was asked for.
    pub model: Option<String>,
    /// The product code that `{code}` stood for, as it was asked for.
    pub code: Option<String>,
    /// The text that `{part}` stood for, as it was asked for.
    pub part: Option<String>,
}

/// One compiled path pattern.
#[derive(Debug, Clone)]
pub(crate) struct PathPattern {
    pub text: String,
    /// Fits a path that ends as the pattern says, whatever it begins with.
    pub expression: String,
    /// Whether it says more of a name than how it ends: `*.bin` is of no maker alone.
    pub is_telling: bool,
    /// Slashes from the end of a path to where the pattern begins; at least 1.
    slashes: usize,
    /// What that part of the path must be like.
    part: Expression,
    arguments: Vec<(String, Expression)>,
}

#[derive(Debug, Clone)]
struct Expression {
    regex: Regex,
    groups: Groups,
}

impl Expression {
    fn build(expression: &str) -> Result<Expression, String> {
        let built = RegexBuilder::new(expression).case_insensitive(true).build();
        let regex = built.map_err(|error| error.to_string())?;
        let groups = NAMES.map(|name| regex.capture_names().position(|own| own == Some(name)));
        Ok(Expression { regex, groups })
    }
}

impl PathPattern {
    /// `Err` says what is wrong with the pattern.
    pub(crate) fn compile(text: &str) -> Result<PathPattern, String> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut arguments = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or("an argument needs `name=value`")?;
            let expression = format!("(?s)^{}$", translate(value, ".")?);
            arguments.push((name.to_owned(), Expression::build(&expression)?));
        }
        // No placeholder stands for a slash, so their number says where a pattern begins.
        let (expression, slashes) = match path.trim_start_matches('/') {
            // What has no suffix is a folder or a program, and no picture, tone or firmware.
            "" => ("/[^./]*$".to_owned(), 1),
            path => (format!("/{}$", translate(path, "[^/]")?), 1 + path.matches('/').count()),
        };
        let part = Expression::build(&format!("^{expression}"))?;
        let ending = path.strip_prefix("*.");
        let is_telling =
            !ending.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric()));
        let text = text.to_owned();
        Ok(PathPattern { text, expression, is_telling, slashes, part, arguments })
    }

    /// What the path alone tells; the same for all patterns of the same expression. `None` when
    /// the pattern does not fit.
    pub(crate) fn facts_of_path(&self, target: &Target) -> Option<PathFacts> {
        let path = target.path.as_str();
        let from = path.rmatch_indices('/').nth(self.slashes - 1)?.0;
        let mut facts = PathFacts::default();
        facts.take(&self.part, &path[from..])?;
        Some(facts)
    }

    /// Whether the target has every argument that is wanted, whatever it says.
    pub(crate) fn has_arguments(&self, target: &Target) -> bool {
        self.arguments.iter().all(|(name, _)| target.argument(name).is_some())
    }

    /// Adds what the arguments tell; `None` when one is missing.
    pub(crate) fn with_arguments(
        &self,
        mut facts: PathFacts,
        target: &Target,
    ) -> Option<PathFacts> {
        for (name, expression) in &self.arguments {
            facts.take(expression, target.argument(name)?)?;
        }
        Some(facts)
    }
}

impl PathFacts {
    /// A path pattern with these facts, and the phone's MAC, in their places; what is
    /// not told stays a placeholder.
    #[must_use]
    pub fn fill(&self, pattern: &str, mac: Mac) -> String {
        let mut path = pattern.replace("{mac}", &mac.to_string());
        let port = self.port.map(|port| port.to_string());
        for (name, value) in [("{port}", &port), ("{model}", &self.model), ("{code}", &self.code)] {
            if let Some(value) = value {
                path = path.replace(name, value);
            }
        }
        path
    }

    /// Adds what the expression takes out of `text`; `None` when it does not fit.
    fn take(&mut self, expression: &Expression, text: &str) -> Option<()> {
        let captures = expression.regex.captures(text)?;
        let [mac, port, model, code, part] =
            expression.groups.map(|at| captures.get(at?).map(|found| found.as_str()));
        if let Some(mac) = mac {
            self.mac = Some(mac.parse().ok()?);
        }
        if let Some(port) = port {
            self.port = Some(port.parse().ok().and_then(Port::new)?);
        }
        for (own, found) in
            [(&mut self.model, model), (&mut self.code, code), (&mut self.part, part)]
        {
            if let Some(found) = found {
                *own = Some(found.to_owned());
            }
        }
        Some(())
    }
}

/// The expression of a pattern in which `*` stands for any number of `any`.
fn translate(pattern: &str, any: &str) -> Result<String, String> {
    let mut expression = String::new();
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("*{mac}*") {
            // A MAC inside other text must not be cut out of a longer run of digits.
            let edge = if any == "." { "[^0-9a-f]" } else { "[^0-9a-f/]" };
            write!(expression, "(?:{any}*{edge})?(?P<mac>{MAC})(?:{edge}{any}*)?")
                .expect("a String takes everything");
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (name, after) = after.split_once('}').ok_or("a `{` is never closed")?;
            expression.push_str(&match name {
                "mac" => format!("(?P<mac>{MAC})"),
                "model" => "(?P<model>[a-z0-9][a-z0-9_ -]*?)".to_owned(),
                "code" => "(?P<code>[a-z0-9]{3,12}?)".to_owned(),
                "port" => "(?P<port>0|[1-9][0-9]{0,2})".to_owned(),
                "part" => "(?P<part>[a-z0-9_-]+)".to_owned(),
                words if words.contains('|') => {
                    let words: Vec<String> = words.split('|').map(regex::escape).collect();
                    format!("(?:{})", words.join("|"))
                }
                other => {
                    return Err(format!(
                        "there is no placeholder `{{{other}}}`: there are {{mac}}, {{model}}, \
                         {{code}}, {{port}} and {{part}}"
                    ));
                }
            });
            rest = after;
        } else if let Some(after) = rest.strip_prefix('*') {
            expression.push_str(any);
            expression.push('*');
            rest = after;
        } else {
            expression.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
            rest = &rest[next.len_utf8()..];
        }
    }
    Ok(expression)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pattern: &str, target: &str) -> Option<PathFacts> {
        let (pattern, target) = (PathPattern::compile(pattern).unwrap(), Target::parse(target));
        pattern.with_arguments(pattern.facts_of_path(&target)?, &target)
    }

    fn mac(pattern: &str, target: &str) -> Option<String> {
        facts(pattern, target)?.mac.map(|mac| mac.to_string())
    }

    #[test]
    fn a_mac_is_found_in_every_spelling() {
        for target in [
            "/0004f2aa0335.cfg",
            "/prov/acme/0004F2AA0335.CFG",
            "/00-04-f2-aa-03-35.cfg",
            "/00%3A04%3AF2%3AAA%3A03%3A35.cfg",
            "/00_04_f2_aa_03_35.cfg",
        ] {
            assert_eq!(mac("{mac}.cfg", target).as_deref(), Some("0004f2aa0335"), "{target}");
        }
        assert_eq!(mac("{mac}.cfg", "/x0004f2aa0335.cfg"), None);
        assert_eq!(mac("{mac}.cfg", "/0004f2aa0335.cfg.bak"), None);
        assert_eq!(mac("{mac}.cfg", "/0004f2aa03.cfg"), None);
    }

    #[test]
    fn a_mac_inside_text_is_not_cut_out_of_a_longer_number() {
        let pattern = "*{mac}*";
        assert_eq!(mac(pattern, "/phone-0004f2aa0335.conf").as_deref(), Some("0004f2aa0335"));
        assert_eq!(mac(pattern, "/0004f2aa0335").as_deref(), Some("0004f2aa0335"));
        assert_eq!(mac(pattern, "/x_00-04-f2-aa-03-35.cfg").as_deref(), Some("0004f2aa0335"));
        assert_eq!(mac(pattern, "/0004.f2aa.0335.cfg").as_deref(), Some("0004f2aa0335"));
        assert_eq!(mac(pattern, "/0004f2aa03351.cfg"), None);
        assert_eq!(mac(pattern, "/001565jabd"), None);
    }

    #[test]
    fn arguments_must_be_there_wherever_they_stand() {
        let pattern = "settings.php?mac={mac}";
        assert_eq!(
            mac(pattern, "/a/settings.php?x=1&mac=000413301234").as_deref(),
            Some("000413301234")
        );
        assert_eq!(mac(pattern, "/a/settings.php"), None);
        assert_eq!(
            mac("?mac={mac}", "/anything?mac=000413301234").as_deref(),
            Some("000413301234")
        );
        for target in ["/logo.png", "/fw/snom.bin", "/.htaccess"] {
            assert_eq!(mac("?mac={mac}", &format!("{target}?mac=000413301234")), None, "{target}");
        }
        assert_eq!(
            mac("*?mac=*{mac}*", "/a.png?mac=000413301234/cfg.xml").as_deref(),
            Some("000413301234")
        );
        assert_eq!(mac("?mac={mac}", "/?mac=000413301234").as_deref(), Some("000413301234"));
    }

    #[test]
    fn models_codes_ports_and_parts_are_taken_out() {
        let found = facts("snom{model}-{mac}.htm", "/snomD785-00041396D9B4.htm").unwrap();
        assert_eq!(found.model.as_deref(), Some("D785"));
        let found = facts("y000000000{code}.cfg", "/y000000000028.cfg").unwrap();
        assert_eq!(found.code.as_deref(), Some("028"));
        let found = facts("ata{mac}-{port}.xml", "/ATA0004f2aa0335-12.xml").unwrap();
        assert_eq!(found.port, Port::new(12));
        let found = facts("{part}.sip.ld", "/2345-12375-001.sip.ld").unwrap();
        assert_eq!(found.part.as_deref(), Some("2345-12375-001"));
    }

    #[test]
    fn one_of_several_words_may_stand_there() {
        let pattern = "{settings|prov}.{php|xml}?mac={mac}";
        for (target, fits) in [
            ("/a/settings.php", true),
            ("/PROV.xml", true),
            ("/prov.png", false),
            ("/resettings.php", false),
        ] {
            let found = mac(pattern, &format!("{target}?mac=000413301234"));
            assert_eq!(found.is_some(), fits, "{target}");
        }
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong() {
        let message = |text| PathPattern::compile(text).unwrap_err();
        assert_eq!(message("{mac.cfg"), "a `{` is never closed");
        assert_eq!(
            message("{mak}.cfg"),
            "there is no placeholder `{mak}`: there are {mac}, {model}, {code}, {port} and {part}"
        );
        assert_eq!(message("a?mac"), "an argument needs `name=value`");
    }
}
