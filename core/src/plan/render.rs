//! A plan for people: what, before → after, why.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::action::{Change, Step};
use super::{Level, Plan, Verb};

/// A plan as text: see [`Plan::view`].
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'p> {
    plan: &'p Plan,
    width: usize,
    color: bool,
}

impl<'p> PlanView<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self { plan, width: 100, color: false }
    }

    /// Columns to fill, at least 40; default 100.
    pub fn width(mut self, width: usize) -> Self {
        self.width = width.max(40);
        self
    }

    /// Whether to colour with ANSI codes; default no. Callers decide by terminal and `NO_COLOR`.
    pub fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn step(&self, f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
        let symbol = step.action.symbol();
        let code = match symbol {
            '+' => "32",
            '-' => "31",
            _ => "33",
        };
        let lead = format!("{:>3} {} ", step.id, self.paint(code, &symbol.to_string()));
        self.wrapped(f, &lead, 6, &clean(&step.summary), "1")?;
        let width = step.changes.iter().map(|change| change.field.chars().count()).max().unwrap_or(0);
        for change in &step.changes {
            let (field, value) = (clean(&change.field), arrow(change));
            let columns = 8 + width + 2 + value.chars().count();
            if columns <= self.width {
                writeln!(f, "        {field:<width$}  {value}")?;
            } else {
                // Field and value do not fit side by side: the value goes below.
                self.wrapped(f, "        ", 8, &field, "")?;
                self.wrapped(f, "          ", 12, &value, "")?;
            }
        }
        self.wrapped(f, "        ", 8, &format!("because {}", clean(&step.why)), "2")?;
        if !step.depends_on.is_empty() {
            let list = step.depends_on.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            self.wrapped(f, "        ", 8, &format!("after {list}"), "2")?;
        }
        Ok(())
    }

    /// Text behind a lead, broken at blanks to the width, further lines indented.
    fn wrapped(&self, f: &mut fmt::Formatter<'_>, lead: &str, indent: usize, text: &str, code: &str) -> fmt::Result {
        let lead_width = visible(lead);
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        let mut room = self.width.saturating_sub(lead_width).max(16);
        for word in text.split(' ') {
            let mut word = word.to_owned();
            let whole = self.width.saturating_sub(indent).max(16);
            let left = room.saturating_sub(line.chars().count() + 1);
            if !line.is_empty() && word.chars().count() > whole && left >= 16 {
                // It fits no line: it begins here.
                let head: String = word.chars().take(left).collect();
                word = word.chars().skip(left).collect();
                lines.push(format!("{line} {head}"));
                line.clear();
                room = whole;
            }
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                lines.push(std::mem::take(&mut line));
                room = self.width.saturating_sub(indent).max(16);
            }
            // A word longer than a line is cut: it would break the layout otherwise.
            while line.is_empty() && word.chars().count() > room {
                let head: String = word.chars().take(room).collect();
                word = word.chars().skip(room).collect();
                lines.push(head);
                room = self.width.saturating_sub(indent).max(16);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
        for (index, line) in lines.iter().enumerate() {
            let painted = if code.is_empty() { line.clone() } else { self.paint(code, line) };
            if index == 0 {
                writeln!(f, "{lead}{painted}")?;
            } else {
                writeln!(f, "{}{painted}", " ".repeat(indent))?;
            }
        }
        Ok(())
    }
}

/// Columns of a text without its ANSI codes.
fn visible(text: &str) -> usize {
    let mut columns = 0;
    let mut escape = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            _ if escape => {}
            _ => columns += 1,
        }
    }
    columns
}

/// Values come from outside: control characters must not reach a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

fn arrow(change: &Change) -> String {
    match (&change.before, &change.after) {
        (None, Some(after)) => format!("+ {}", clean(after)),
        (Some(before), None) => format!("- {}", clean(before)),
        (Some(before), Some(after)) => format!("{} → {}", clean(before), clean(after)),
        (None, None) => String::new(),
    }
}

impl fmt::Display for PlanView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        let verb = match plan.verb {
            Verb::Apply => "apply",
            Verb::Revoke => "revoke",
        };
        for grant in &plan.grants {
            let title = format!(
                "Plan to {verb}: {} on {} as role {}",
                clean(&grant.subject()),
                clean(&grant.cluster.name),
                clean(&grant.role.name)
            );
            self.wrapped(f, "", 2, &title, "1")?;
        }
        // Names of clusters and roles are the same in many accounts and regions.
        let clusters: BTreeSet<&str> = plan.hints.clusters.iter().map(|(_, cluster)| cluster.arn.as_str()).collect();
        for cluster in clusters {
            self.wrapped(f, "  cluster: ", 4, &clean(cluster), "")?;
        }
        if plan.is_empty() {
            writeln!(f, "  nothing to do")?;
        }
        for step in &plan.steps {
            self.step(f, step)?;
        }
        for notice in &plan.notices {
            let (word, code) = match notice.level {
                Level::Warning => ("warning", "33"),
                Level::Info => ("note", "36"),
            };
            let lead = format!("  {}: ", self.paint(code, word));
            self.wrapped(f, &lead, 4, &format!("{}: {}", clean(&notice.resource), clean(&notice.message)), "")?;
        }
        let count = |symbol| plan.steps.iter().filter(|step| step.action.symbol() == symbol).count();
        write!(f, "  {} to add, {} to change, {} to remove", count('+'), count('~'), count('-'))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}
