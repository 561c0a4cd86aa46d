//! XML, read to its end: a document that is not well-formed is no configuration.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Found, Part, Unreadable};
use crate::catalogue::{ANY_LINE, Selector, Step};

/// Deeper than any phone's files; a parser that follows a thousand levels is not a phone.
const MOST_DEPTH: usize = 64;

struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    /// The elements in it that have ended and that a selector asks for, each with its text.
    children: Vec<(String, String)>,
    text: String,
}

/// The first of several equal places counts.
pub(super) fn read(text: &str, found: &mut Found<'_>) -> Result<(), Unreadable> {
    let asked_for: Vec<&str> = found.selectors().flat_map(|(.., one)| one.conditions()).collect();
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut roots = 0;
    loop {
        match reader.read_event().map_err(|error| wrong(&error))? {
            Event::Start(start) => {
                roots += usize::from(open.is_empty());
                open.push(element(&start)?);
                if open.len() > MOST_DEPTH {
                    return Err(Unreadable::Xml("it nests too deeply".to_owned()));
                }
                attributes(&open, found);
            }
            Event::Empty(start) => {
                roots += usize::from(open.is_empty());
                open.push(element(&start)?);
                attributes(&open, found);
                end(&mut open, &asked_for, found);
            }
            Event::End(_) => end(&mut open, &asked_for, found),
            Event::Text(piece) => match open.last_mut() {
                Some(inside) => inside.text.push_str(&piece.xml10_content()),
                None if piece.trim().is_empty() => {}
                None => return Err(Unreadable::Xml("text outside the root element".to_owned())),
            },
            Event::CData(piece) => {
                if let Some(inside) = open.last_mut() {
                    inside.text.push_str(&piece.xml10_content());
                }
            }
            Event::GeneralRef(name) => {
                let resolved = match name.resolve_char_ref().map_err(|error| wrong(&error))? {
                    Some(character) => character.to_string(),
                    None => resolve_predefined_entity(&name)
                        .ok_or_else(|| Unreadable::Xml(format!("unknown entity `{}`", &*name)))?
                        .to_owned(),
                };
                if let Some(inside) = open.last_mut() {
                    inside.text.push_str(&resolved);
                }
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    match (open.last(), roots) {
        (Some(unclosed), _) => Err(Unreadable::Xml(format!("`{}` is never closed", unclosed.name))),
        (None, 1) => Ok(()),
        (None, count) => Err(Unreadable::Xml(format!("{count} root elements"))),
    }
}

fn wrong(error: &dyn std::fmt::Display) -> Unreadable {
    Unreadable::Xml(error.to_string())
}

fn element(start: &BytesStart<'_>) -> Result<Element, Unreadable> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| wrong(&error))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| wrong(&error))?;
        attributes.push((attribute.key.0.to_owned(), value.into_owned()));
    }
    let name = start.name().0.to_owned();
    Ok(Element { name, attributes, children: Vec::new(), text: String::new() })
}

/// Ends the innermost element, whose text may tell which element its parent is.
fn end(open: &mut Vec<Element>, asked_for: &[&str], found: &mut Found<'_>) {
    content(open, found);
    let Some(ended) = open.pop() else { return };
    if let Some(parent) = open.last_mut()
        && asked_for.contains(&ended.name.as_str())
    {
        parent.children.push((ended.name, ended.text.trim().to_owned()));
    }
}

/// Looks at the attributes of the innermost element.
fn attributes(open: &[Element], found: &mut Found<'_>) {
    let Some(innermost) = open.last() else { return };
    for (part, before, selector) in found.selectors() {
        let Selector::Xml { steps, attribute: Some(wanted) } = selector else { continue };
        let Some(outer) = position(steps, open) else { continue };
        for (name, value) in &innermost.attributes {
            if let Some(number) = wanted.matches(name) {
                take(found, part, before.saturating_add(number).max(outer), value);
            }
        }
    }
}

/// Looks at the text of the innermost element, which has ended.
fn content(open: &[Element], found: &mut Found<'_>) {
    let Some(innermost) = open.last() else { return };
    for (part, before, selector) in found.selectors() {
        let Selector::Xml { steps, attribute: None } = selector else { continue };
        if let Some(number) = position(steps, open) {
            take(found, part, before.saturating_add(number), &innermost.text);
        }
    }
}

fn take(found: &mut Found<'_>, part: Part, line: u16, value: &str) {
    if !found.has(part, line) {
        found.parts.push((part, line, value.trim().to_owned()));
    }
}

/// The line told by the steps, if the innermost elements are those.
fn position(steps: &[Step], open: &[Element]) -> Option<u16> {
    let first = open.len().checked_sub(steps.len())?;
    let mut number = ANY_LINE;
    for (step, element) in steps.iter().zip(&open[first..]) {
        let known = element.attributes.iter().chain(&element.children);
        let known = known.map(|(name, value)| (name.as_str(), value.as_str()));
        number = number.max(step.matches(&element.name, known)?);
    }
    Some(number)
}
