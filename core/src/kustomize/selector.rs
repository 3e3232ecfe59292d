//! Decides whether a patch's target selects a workload.

/// How a patch's target relates to the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It selects something else.
    No,
    /// It names this workload and nothing else.
    Exact,
    /// It selects this workload and perhaps more.
    Wide,
    /// Labels, annotations or an elaborate expression decide, which the kustomization alone does not show.
    Unknown,
}

/// The one name an anchored expression stands for, when it is just a name.
///
/// A bare dot counts as itself: names hold dots, and people write them unescaped.
pub(super) fn literal(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let pattern = pattern.strip_suffix('$').unwrap_or(pattern);
    let name = pattern.replace("\\.", ".").replace("\\-", "-");
    let plain = !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.'));
    plain.then_some(name)
}

/// Whether kustomize's anchored expression matches, or `None` when it uses more than this understands.
///
/// Understood: characters, `.`, escapes of punctuation, classes, each with `*`, `+` or `?`, and alternatives at the top level.
pub(super) fn matches(pattern: &str, value: &str) -> Option<bool> {
    if pattern.is_empty() {
        return Some(true);
    }
    let mut matched = false;
    for alternative in pattern.split('|') {
        let alternative = alternative.strip_prefix('^').unwrap_or(alternative);
        let alternative = alternative.strip_suffix('$').unwrap_or(alternative);
        let atoms = atoms(alternative)?;
        let value: Vec<char> = value.chars().collect();
        matched |= run(&atoms, &value);
    }
    Some(matched)
}

#[derive(Debug)]
enum Atom {
    Any,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Atom {
    fn takes(&self, char: char) -> bool {
        match self {
            Self::Any => true,
            Self::Char(own) => *own == char,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&char)) != *negated
            }
        }
    }
}

/// An atom with how often it may come, at least and beyond.
type Repeated = (Atom, bool, bool);

fn atoms(pattern: &str) -> Option<Vec<Repeated>> {
    let mut atoms = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        let atom = match char {
            '.' => Atom::Any,
            '\\' => Atom::Char(chars.next().filter(char::is_ascii_punctuation)?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let from = chars.next().filter(|char| !matches!(char, '\\' | '['))?;
                    if from == ']' {
                        break;
                    }
                    let mut to = from;
                    if chars.peek() == Some(&'-') {
                        chars.next();
                        if chars.peek() == Some(&']') {
                            ranges.push(('-', '-'));
                        } else {
                            to = chars.next().filter(|char| !matches!(char, '\\' | '['))?;
                        }
                    }
                    ranges.push((from, to));
                }
                Atom::Class { negated, ranges }
            }
            '*' | '+' | '?' | '(' | ')' | '{' | '}' | '^' | '$' | ']' => return None,
            other => Atom::Char(other),
        };
        let (needed, more) = match chars.peek() {
            Some('*') => (false, true),
            Some('+') => (true, true),
            Some('?') => (false, false),
            _ => (true, false),
        };
        if !needed || more {
            chars.next();
        }
        // `*?` and `{2}` change how often in ways not understood here; `*?` matches the same texts when anchored.
        if (!needed || more) && chars.peek() == Some(&'?') {
            chars.next();
        }
        atoms.push((atom, needed, more));
    }
    Some(atoms)
}

/// Follows every way through the atoms at once, so no expression takes long.
fn run(atoms: &[Repeated], value: &[char]) -> bool {
    let close = |states: &mut Vec<bool>| {
        for at in 0..atoms.len() {
            if states[at] && !atoms[at].1 {
                states[at + 1] = true;
            }
        }
    };
    let mut states = vec![false; atoms.len() + 1];
    states[0] = true;
    close(&mut states);
    for char in value {
        let mut next = vec![false; atoms.len() + 1];
        for (at, (atom, _, more)) in atoms.iter().enumerate() {
            if states[at] && atom.takes(*char) {
                next[at + 1] = true;
                next[at] |= *more;
            }
        }
        // An atom that took one and may take more counts as optional from there.
        close(&mut next);
        states = next;
    }
    states[atoms.len()]
}
