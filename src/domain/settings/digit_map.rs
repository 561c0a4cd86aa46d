//! Digit maps (RFC 3435 section 2.1.5), as far as `dial_plan.patterns` uses them: whether a phone
//! that calls what fits a pattern calls too early.

/// What of a number is dialled before the call: all that comes before the first pause.
#[must_use]
pub fn dialled(number: &str) -> &str {
    number.split([',', 'p', 'w']).next().unwrap_or_default()
}

/// Whether a phone that calls as soon as the pattern fits never gets to the end of the number: the
/// pattern fits what the number begins with. One that waits, with a T or a dot at its end, does not.
#[must_use]
pub fn cuts_short(pattern: &str, number: &str) -> bool {
    if pattern.ends_with(['T', '.']) {
        return false;
    }
    let parts = parts(pattern);
    let mut at = vec![false; parts.len() + 1];
    at[0] = true;
    let digits: Vec<char> = dialled(number).chars().collect();
    for digit in digits.iter().take(digits.len().saturating_sub(1)) {
        at = after(&parts, at, *digit);
        if at[parts.len()] {
            return true;
        }
    }
    false
}

/// One of these digits, or any number of them.
struct Part {
    digits: Vec<(char, char)>,
    repeats: bool,
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        let digits = match c {
            '.' => {
                parts.iter_mut().last().into_iter().for_each(|part| part.repeats = true);
                continue;
            }
            '[' => {
                let class: Vec<char> = rest.by_ref().take_while(|c| *c != ']').collect();
                ranges(&class)
            }
            'x' => vec![('0', '9')],
            c => vec![(c, c)],
        };
        parts.push(Part { digits, repeats: false });
    }
    parts
}

fn ranges(class: &[char]) -> Vec<(char, char)> {
    match class {
        [] => Vec::new(),
        [first, '-', last, rest @ ..] => [vec![(*first, *last)], ranges(rest)].concat(),
        [one, rest @ ..] => [vec![(*one, *one)], ranges(rest)].concat(),
    }
}

/// The places in the pattern to which one more digit leads.
fn after(parts: &[Part], mut before: Vec<bool>, digit: char) -> Vec<bool> {
    pass_repeats(parts, &mut before);
    let mut at = vec![false; before.len()];
    for (place, part) in parts.iter().enumerate() {
        let fits = part.digits.iter().any(|(first, last)| (*first..=*last).contains(&digit));
        if before[place] && fits {
            at[if part.repeats { place } else { place + 1 }] = true;
        }
    }
    pass_repeats(parts, &mut at);
    at
}

/// What may repeat may also be left out.
fn pass_repeats(parts: &[Part], at: &mut [bool]) {
    for (place, part) in parts.iter().enumerate() {
        at[place + 1] |= at[place] && part.repeats;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_cuts_the_numbers_that_go_on_where_it_fits() {
        for pattern in
            ["1", "11", "x", "[1-9]x", "1[0-9]", "[013]", "[51]", "0.1", "x.11", "1.1", "[*1]1"]
        {
            assert!(cuts_short(pattern, "112"), "{pattern}");
        }
        for pattern in
            ["112", "1xx", "1xxx", "[2-9]x", "1[02-9]", "12", "11T", "1.", "x.T", "2.12", "*1", ""]
        {
            assert!(!cuts_short(pattern, "112"), "{pattern}");
        }
        assert!(cuts_short("*x", "*123") && cuts_short("+4", "+49") && cuts_short("#1", "#12"));
    }

    #[test]
    fn what_follows_a_pause_is_no_part_of_the_number() {
        let numbers = ["112", "110,1", "9p1", "0w,2", ",1"];
        assert_eq!(numbers.map(dialled), ["112", "110", "9", "0", ""]);
        assert!(!cuts_short("9", "9,112") && cuts_short("9", "99,112"));
    }
}
