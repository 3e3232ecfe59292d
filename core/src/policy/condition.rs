//! Decides whether a condition of a statement holds for a request.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::statement::Condition;

/// What is known about a request: condition keys in lower case, with their values.
pub(super) type Context = BTreeMap<String, Vec<String>>;

/// A condition operator, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    quantifier: Option<Quantifier>,
    test: Test,
    negated: bool,
    if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Numeric(Order),
    Date(Order),
    Ip,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The operators without prefix and suffix, as IAM's reference of policy elements lists them.
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnNotEquals",
    "ArnLike",
    "ArnNotLike",
    "Null",
];

impl Operator {
    /// Reads an operator with its prefix and suffix; `None` for one that IAM does not know.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
            Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let (base, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |base| (base, true));
        let (test, negated) = match base {
            "StringEquals" | "BinaryEquals" => (Test::Equals, false),
            "StringNotEquals" => (Test::Equals, true),
            "StringEqualsIgnoreCase" => (Test::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Test::EqualsIgnoreCase, true),
            "StringLike" => (Test::Like, false),
            "StringNotLike" => (Test::Like, true),
            "ArnEquals" | "ArnLike" => (Test::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
            "Bool" => (Test::Bool, false),
            "IpAddress" => (Test::Ip, false),
            "NotIpAddress" => (Test::Ip, true),
            "Null" if !if_exists && quantifier.is_none() => (Test::Null, false),
            _ => {
                let (family, order) = match base.strip_prefix("Numeric") {
                    Some(order) => (Test::Numeric as fn(Order) -> Test, order),
                    None => (Test::Date as fn(Order) -> Test, base.strip_prefix("Date")?),
                };
                match order {
                    "Equals" => (family(Order::Equal), false),
                    "NotEquals" => (family(Order::Equal), true),
                    "LessThan" => (family(Order::Less), false),
                    "LessThanEquals" => (family(Order::LessOrEqual), false),
                    "GreaterThan" => (family(Order::Greater), false),
                    "GreaterThanEquals" => (family(Order::GreaterOrEqual), false),
                    _ => return None,
                }
            }
        };
        Some(Self { quantifier, test, negated, if_exists })
    }

    /// What is wrong with a name that is no operator, and what was probably meant: a remedy.
    pub(super) fn remedy(name: &str) -> String {
        let (prefix, rest) = name.rsplit_once(':').map_or((None, name), |(prefix, rest)| (Some(prefix), rest));
        let near = |word: &str, legal: &mut dyn Iterator<Item = String>| {
            let distances =
                legal.map(|name| (strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase()), name));
            distances.filter(|(distance, _)| *distance <= 3).min().map(|(_, name)| name)
        };
        let prefix = match prefix {
            None => Some(String::new()),
            Some(prefix) => near(prefix, &mut ["ForAllValues", "ForAnyValue"].into_iter().map(str::to_owned)),
        };
        let colon = if prefix.as_ref().is_some_and(|prefix| !prefix.is_empty()) { ":" } else { "" };
        let mut legal = OPERATORS.iter().flat_map(|name| ["", "IfExists"].map(|suffix| format!("{name}{suffix}")));
        let meant = prefix.zip(near(rest, &mut legal));
        match meant.map(|(prefix, base)| format!("{prefix}{colon}{base}")) {
            Some(name) if Self::parse(&name).is_some() => format!("did you mean {name}? Upper and lower case matter"),
            _ => {
                "write one of IAM's, such as StringEquals, StringLike, ArnLike, IpAddress or DateGreaterThan".to_owned()
            }
        }
    }

    /// Whether the operator takes `*` and `?` for wildcards.
    pub(super) fn is_pattern(self) -> bool {
        matches!(self.test, Test::Like | Test::Arn)
    }

    /// Whether the operator lets nothing pass but values it names.
    pub(super) fn is_positive(self) -> bool {
        matches!(self.test, Test::Equals | Test::EqualsIgnoreCase | Test::Like | Test::Arn) && !self.negated
    }

    /// Whether the operator passes neither where the key is absent nor where only some of several values match.
    pub(super) fn is_plain(self) -> bool {
        self.quantifier.is_none() && !self.if_exists
    }
}

/// Whether the line holds; `None` where its operator is unknown.
pub(super) fn holds(line: &Condition, context: &Context, variables: bool) -> Option<bool> {
    let operator = Operator::parse(&line.operator)?;
    let actual = context.get(&line.key.to_lowercase()).filter(|values| !values.is_empty());
    if operator.test == Test::Null {
        return Some(line.values.iter().any(|value| value.eq_ignore_ascii_case("true") == actual.is_none()));
    }
    let Some(actual) = actual else {
        return Some(match operator.quantifier {
            _ if operator.if_exists => true,
            Some(Quantifier::All) => true,
            Some(Quantifier::Any) => false,
            None => operator.negated,
        });
    };
    let patterns: Vec<Pattern> =
        line.values.iter().filter_map(|value| Pattern::compile(value, context, variables)).collect();
    let hit = |value: &String| patterns.iter().any(|pattern| operator.test.passes(pattern, value));
    Some(match (operator.quantifier, operator.negated) {
        (None | Some(Quantifier::Any), false) => actual.iter().any(hit),
        (None, true) => !actual.iter().any(hit),
        (Some(Quantifier::Any), true) => actual.iter().any(|value| !hit(value)),
        (Some(Quantifier::All), false) => actual.iter().all(hit),
        (Some(Quantifier::All), true) => actual.iter().all(|value| !hit(value)),
    })
}

impl Test {
    fn passes(self, pattern: &Pattern, value: &str) -> bool {
        let wanted = || pattern.literal();
        match self {
            Self::Equals => wanted() == value,
            Self::EqualsIgnoreCase => wanted().to_lowercase() == value.to_lowercase(),
            Self::Bool => wanted().eq_ignore_ascii_case(value),
            Self::Like => pattern.matches(value),
            Self::Arn => pattern.matches_arn(value),
            Self::Numeric(order) => match (wanted().parse::<f64>(), value.parse::<f64>()) {
                (Ok(wanted), Ok(actual)) => order.holds(actual, wanted),
                _ => false,
            },
            Self::Date(order) => match (instant(&wanted()), instant(value)) {
                (Some(wanted), Some(actual)) => order.holds(actual, wanted),
                _ => false,
            },
            Self::Ip => in_network(&wanted(), value),
            Self::Null => false,
        }
    }
}

impl Order {
    fn holds(self, actual: f64, wanted: f64) -> bool {
        match self {
            Self::Equal => actual.total_cmp(&wanted).is_eq(),
            Self::Less => actual < wanted,
            Self::LessOrEqual => actual <= wanted,
            Self::Greater => actual > wanted,
            Self::GreaterOrEqual => actual >= wanted,
        }
    }
}

/// A value of a policy, with its variables replaced and its wildcards told from letters.
struct Pattern(Vec<Token>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// `*`
    Many,
    /// `?`
    One,
    Letter(char),
}

impl Pattern {
    /// `None` where a variable has no value in the context: such a value matches nothing.
    fn compile(value: &str, context: &Context, variables: bool) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut rest = value;
        while let Some(character) = rest.chars().next() {
            let variable = if variables { rest.strip_prefix("${").and_then(|rest| rest.split_once('}')) } else { None };
            if let Some((name, after)) = variable {
                rest = after;
                if matches!(name, "*" | "?" | "$") {
                    tokens.extend(name.chars().map(Token::Letter));
                    continue;
                }
                let (name, default) = match name.split_once(',') {
                    Some((name, default)) => (name, Some(default.trim().trim_matches('\''))),
                    None => (name, None),
                };
                let found = match context.get(&name.trim().to_lowercase()).map(Vec::as_slice) {
                    Some([single]) => Some(single.as_str()),
                    _ => default,
                };
                tokens.extend(found?.chars().map(Token::Letter));
                continue;
            }
            rest = &rest[character.len_utf8()..];
            tokens.push(match character {
                '*' => Token::Many,
                '?' => Token::One,
                letter => Token::Letter(letter),
            });
        }
        Some(Self(tokens))
    }

    fn literal(&self) -> String {
        let letter = |token: &Token| match token {
            Token::Many => '*',
            Token::One => '?',
            Token::Letter(letter) => *letter,
        };
        self.0.iter().map(letter).collect()
    }

    fn matches(&self, value: &str) -> bool {
        matches(&self.0, &value.chars().collect::<Vec<_>>())
    }

    /// ARNs match part by part: a wildcard does not reach over a colon, except in the last part.
    fn matches_arn(&self, value: &str) -> bool {
        let patterns: Vec<_> = self.0.splitn(6, |token| *token == Token::Letter(':')).collect();
        let parts: Vec<_> = value.splitn(6, ':').collect();
        patterns.len() == parts.len()
            && patterns.iter().zip(parts).all(|(pattern, part)| matches(pattern, &part.chars().collect::<Vec<_>>()))
    }
}

fn matches(pattern: &[Token], value: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < value.len() {
        match pattern.get(at) {
            Some(Token::Many) => {
                star = Some((at, read));
                at += 1;
            }
            Some(token) if *token == Token::One || *token == Token::Letter(value[read]) => {
                at += 1;
                read += 1;
            }
            _ => match &mut star {
                Some((place, from)) => {
                    *from += 1;
                    (at, read) = (*place + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|token| *token == Token::Many)
}

/// Whether a pattern with `*` and `?` matches the whole value.
pub(super) fn glob(pattern: &str, value: &str) -> bool {
    Pattern::compile(pattern, &Context::new(), false).is_some_and(|pattern| pattern.matches(value))
}

/// Seconds since 1970 of an ISO 8601 date or date-time, or of a number of seconds.
fn instant(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some(seconds);
    }
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let mut numbers = date.splitn(3, '-').map(str::parse::<i32>);
    let (year, month, day) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (clock, offset) = if let Some(clock) = time.strip_suffix('Z') {
        (clock, 0.0)
    } else if let Some(at) = time.rfind(['+', '-']) {
        let (hours, minutes) = time[at + 1..].split_once(':')?;
        let offset = hours.parse::<f64>().ok()? * 3600.0 + minutes.parse::<f64>().ok()? * 60.0;
        (&time[..at], if time[at..].starts_with('-') { -offset } else { offset })
    } else {
        (time, 0.0)
    };
    let mut seconds = 0.0;
    for (part, weight) in clock.splitn(3, ':').zip([3600.0, 60.0, 1.0]) {
        seconds += part.parse::<f64>().ok()? * weight;
    }
    // Days since 1970 in the proleptic Gregorian calendar, with the year starting in March.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let of_era = year.rem_euclid(400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(f64::from(days) * 86_400.0 + seconds - offset)
}

/// Whether an address lies in a network written as `address/bits`, or equals a bare address.
fn in_network(network: &str, address: &str) -> bool {
    fn bits(address: IpAddr) -> (u128, u32) {
        match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        }
    }
    let (base, length) = network.split_once('/').map_or((network, None), |(base, length)| (base, Some(length)));
    let (Ok(base), Ok(address)) = (base.parse(), address.parse()) else {
        return false;
    };
    let ((base, width), (address, other)) = (bits(base), bits(address));
    let length = length.map_or(Ok(width), str::parse);
    match length {
        Ok(length) if width == other && length <= width => {
            (base ^ address).checked_shr(width - length).unwrap_or_default() == 0
        }
        _ => false,
    }
}
