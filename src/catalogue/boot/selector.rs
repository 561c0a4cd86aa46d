//! Where in a configuration file a value stands: the selectors of `[simulate]`.
//!
//! `key_value`: the key, `account.{line}.user_name`; for an ini file `section/key`. `set`: the
//! key.
//! `url`: the field of a form, with another that the form must have if need be,
//! `sip_user_id[account_id={line}]`.
//! `xml`: the last elements of the way to it, `users/user/username`, each with an
//! attribute it must have if need be, `user_name[idx={line}]`, or an element in it that ended
//! before, `Object[Name=Line.{line}.]/User`, and `@name` where the value
//! is an attribute's, `@reg.{line}.address`. `*` is any element.
//! `{line}` stands for a decimal number, at most once.

use super::definition::Syntax;

/// One value's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The key of a `key = value` line, `section/key` in a section.
    Key(Numbered),
    /// The field of a form.
    Field(Step),
    /// The way to an element, and what of it has the value.
    Xml {
        /// The innermost last. Empty: any element.
        steps: Vec<Step>,
        /// The attribute that has the value; `None`: the element's text.
        attribute: Option<Numbered>,
    },
}

/// One element on the way, or the field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `None`: any.
    pub name: Option<Numbered>,
    /// An attribute or an element that it must have in it, or a field beside it.
    pub condition: Option<(String, Numbered)>,
}

/// Text that may have a line number in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    before: String,
    /// What follows the number; `None`: there is no number.
    after: Option<String>,
}

/// The number of what a selector without `{line}` finds: it counts for every line.
pub const ANY_LINE: u16 = 0;

/// Where one value stands: in one place, perhaps with a line's number in it, or in a place for each
/// line, as where a maker's parameters have numbers and no names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<Selector>);

/// More places than a family has lines are a slip of the pen.
const MOST_PLACES: usize = 128;
/// More than any line's number: the lines of one place come before those of the next.
const LINES_OF_A_PLACE: u16 = 256;

impl Numbered {
    fn parse(text: &str) -> Result<Numbered, String> {
        let Some((before, after)) = text.split_once("{line}") else {
            return match text.contains(['{', '}']) {
                true => Err(format!("`{text}`: the only placeholder is `{{line}}`")),
                false => Ok(Numbered { before: text.to_owned(), after: None }),
            };
        };
        if before.contains(['{', '}']) || after.contains(['{', '}']) {
            return Err(format!("`{text}`: there is room for one `{{line}}` and nothing else"));
        }
        Ok(Numbered { before: before.to_owned(), after: Some(after.to_owned()) })
    }

    /// The line the text is for, if it is this text. Lines numbered from 0 come out
    /// from 1, since 0 is [`ANY_LINE`]; within a family the order is all that counts.
    #[must_use]
    pub fn matches(&self, text: &str) -> Option<u16> {
        let Some(after) = &self.after else {
            return (text == self.before).then_some(ANY_LINE);
        };
        let digits = text.strip_prefix(self.before.as_str())?.strip_suffix(after.as_str())?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u16>().ok()?.checked_add(1)
    }

    fn has_number(&self) -> bool {
        self.after.is_some()
    }
}

impl Places {
    pub(crate) fn parse(syntax: Syntax, texts: &[String]) -> Result<Places, String> {
        if texts.is_empty() || texts.len() > MOST_PLACES {
            return Err(format!("there must be 1 to {MOST_PLACES} selectors"));
        }
        let parsed = texts.iter().map(|text| Selector::parse(syntax, text));
        parsed.collect::<Result<_, _>>().map(Places)
    }

    /// Each with what is added to the number of a line found there.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Selector)> {
        let several = u16::from(self.0.len() > 1);
        self.0.iter().zip(several..).map(move |(selector, place)| match several {
            0 => (ANY_LINE, selector),
            _ => (place * LINES_OF_A_PLACE, selector),
        })
    }
}

#[cfg(test)]
impl From<Selector> for Places {
    fn from(selector: Selector) -> Places {
        Places(vec![selector])
    }
}

impl Selector {
    pub(crate) fn parse(syntax: Syntax, text: &str) -> Result<Selector, String> {
        if text.is_empty() {
            return Err("a selector cannot be empty".to_owned());
        }
        let one_number = |steps: &[Step], attribute: &Option<Numbered>| {
            let numbered = steps.iter().flat_map(Step::texts).chain(attribute);
            match numbered.filter(|text| text.has_number()).count() {
                0 | 1 => Ok(()),
                _ => Err(format!("`{text}`: there is room for one `{{line}}`")),
            }
        };
        match syntax {
            Syntax::Xml => {}
            Syntax::Url => {
                let field = Step::parse(text)?;
                one_number(std::slice::from_ref(&field), &None)?;
                return Ok(Selector::Field(field));
            }
            Syntax::KeyValue | Syntax::Set => return Numbered::parse(text).map(Selector::Key),
        }
        let (path, attribute) = match text.split_once('@') {
            Some((path, name)) => (path, Some(Numbered::parse(name)?)),
            None => (text, None),
        };
        let steps = path.split('/').filter(|step| !step.is_empty());
        let steps = steps.map(Step::parse).collect::<Result<Vec<_>, _>>()?;
        one_number(&steps, &attribute)?;
        Ok(Selector::Xml { steps, attribute })
    }

    /// What its conditions are of.
    pub fn conditions(&self) -> impl Iterator<Item = &str> {
        let steps = match self {
            Selector::Key(_) => &[],
            Selector::Field(step) => std::slice::from_ref(step),
            Selector::Xml { steps, .. } => steps,
        };
        steps.iter().filter_map(|step| Some(step.condition.as_ref()?.0.as_str()))
    }
}

impl Step {
    fn parse(text: &str) -> Result<Step, String> {
        let (name, condition) = match text.split_once('[') {
            None => (text, None),
            Some((name, rest)) => {
                let inside = rest.strip_suffix(']').ok_or("a `[` is never closed")?;
                let (attribute, value) =
                    inside.split_once('=').ok_or("`[...]` needs `name=value`")?;
                (name, Some((attribute.to_owned(), Numbered::parse(value)?)))
            }
        };
        let name = if name == "*" { None } else { Some(Numbered::parse(name)?) };
        Ok(Step { name, condition })
    }

    fn texts(&self) -> impl Iterator<Item = &Numbered> {
        self.name.iter().chain(self.condition.as_ref().map(|(_, value)| value))
    }

    /// The line that something called `name` is for, if it is this; `known` is what a condition
    /// can be of.
    pub fn matches<'a>(
        &self,
        name: &str,
        mut known: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<u16> {
        let mut number = ANY_LINE;
        if let Some(own) = &self.name {
            number = own.matches(name)?;
        }
        if let Some((wanted, value)) = &self.condition {
            let (_, own) = known.find(|(name, _)| name == wanted)?;
            number = number.max(value.matches(own)?);
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(text: &str) -> Numbered {
        Numbered::parse(text).unwrap()
    }

    #[test]
    fn a_line_number_is_digits_and_nothing_else() {
        let key = numbered("reg.{line}.address");
        assert_eq!(key.matches("reg.1.address"), Some(2));
        assert_eq!(key.matches("reg.12.address"), Some(13));
        for other in ["reg.1.server.1.address", "reg..address", "reg.+1.address", "reg.1.addres"] {
            assert_eq!(key.matches(other), None, "{other}");
        }
        assert_eq!(numbered("P47").matches("P47"), Some(ANY_LINE));
        assert_eq!(numbered("P47").matches("P471"), None);
        assert_eq!(numbered("x{line}").matches("x65535"), None, "no number is left for it");
    }

    #[test]
    fn a_bad_selector_says_what_is_wrong() {
        let message = |syntax, text| Selector::parse(syntax, text).unwrap_err();
        assert!(message(Syntax::KeyValue, "a.{n}").contains("the only placeholder is `{line}`"));
        assert!(message(Syntax::KeyValue, "{line}.{line}").contains("room for one"));
        assert!(message(Syntax::Xml, "a[i={line}]@b{line}").contains("room for one"));
        assert_eq!(message(Syntax::Xml, "a[b=1"), "a `[` is never closed");
        assert_eq!(message(Syntax::Xml, "a[b]"), "`[...]` needs `name=value`");
        assert_eq!(message(Syntax::Xml, ""), "a selector cannot be empty");
        let message = Places::parse(Syntax::Xml, &[]).unwrap_err();
        assert_eq!(message, "there must be 1 to 128 selectors");
    }
}
