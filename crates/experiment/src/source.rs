//! A TOML file with overrides, read so that all its errors are found in one pass.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// One thing that is wrong with a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Byte offset in the source, for sorting.
    offset: usize,
    /// File with line and column, or the override.
    pub place: String,
    /// What is wrong, and the cure where there is one.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A config file and the overrides `a.b=c` of the command line.
///
/// The overrides are parsed at offsets behind the file's text, so that one byte offset names either.
pub struct Source {
    path: PathBuf,
    text: String,
    overrides: Vec<(String, String)>,
}

impl Source {
    /// A source from a file's text and overrides as they were typed.
    pub fn new(path: &Path, text: &str, overrides: &[String]) -> Self {
        let mut offset = text.len() + 1;
        let padded = overrides.iter().map(|typed| {
            let padded = format!("{}{}", " ".repeat(offset), as_toml(typed));
            offset = padded.len() + 1;
            (typed.clone(), padded)
        });
        Self { path: path.to_owned(), overrides: padded.collect(), text: text.to_owned() }
    }

    /// The table of the file with the overrides put in; syntax errors go to `problems`.
    pub fn table(&self, problems: &mut Vec<Problem>) -> DeTable<'_> {
        let mut parse = |text| {
            let (table, errors) = DeTable::parse_recoverable(text);
            for error in errors {
                problems.push(self.problem(error.span().map(|s| s.start), error.message().to_owned()));
            }
            table.into_inner()
        };
        let mut table = parse(&self.text);
        for (_, padded) in &self.overrides {
            merge(&mut table, parse(padded));
        }
        table
    }

    /// The keys that the overrides change, as they were typed.
    pub fn overridden(&self) -> impl Iterator<Item = &str> {
        self.overrides.iter().filter_map(|(typed, _)| typed.split_once('=')).map(|(key, _)| key.trim())
    }

    /// A problem at a byte offset (`None`: the file as a whole).
    pub fn problem(&self, offset: Option<usize>, message: String) -> Problem {
        let place = match offset {
            None => self.path.display().to_string(),
            Some(at) if at <= self.text.len() => {
                let before = &self.text.as_bytes()[..at];
                let line = before.iter().filter(|b| **b == b'\n').count() + 1;
                let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
                format!("{}:{line}:{column}", self.path.display())
            }
            Some(at) => {
                let (typed, _) =
                    self.overrides.iter().find(|(_, padded)| at <= padded.len()).unwrap_or(&self.overrides[0]);
                format!("--set {typed}")
            }
        };
        Problem { offset: offset.unwrap_or(0), place, message }
    }

    /// Reads one section; every key that cannot be read becomes a problem and the rest is read on.
    ///
    /// `None` if even without those keys nothing could be read.
    pub fn read<'t, R>(
        &self,
        name: &str,
        section: &Spanned<DeValue<'t>>,
        problems: &mut Vec<Problem>,
        parse: impl Fn(ValueDeserializer<'t>) -> Result<R, toml::de::Error>,
    ) -> Option<R> {
        let mut section = section.clone();
        let mut removed = Vec::new();
        loop {
            let error = match parse(ValueDeserializer::from(section.clone())) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            // A required key that was removed because of its value is missing now; that was reported.
            if removed.iter().any(|key| error.message() == format!("missing field `{key}`")) {
                return None;
            }
            let at = error.span().map(|s| s.start);
            let key = at.and_then(|at| remove_at(section.get_mut(), at));
            let message = match &key {
                Some(key) => format!("{name}.{key}: {}", with_nearest(error.message())),
                None => format!("{name}: {}", with_nearest(error.message())),
            };
            problems.push(self.problem(at.or(Some(section.span().start)), message));
            removed.push(key?);
        }
    }

    /// Adds what a section's own rules found; a message that begins with a key is placed at that key.
    pub fn check(
        &self,
        name: &str,
        section: &Spanned<DeValue<'_>>,
        messages: Vec<String>,
        problems: &mut Vec<Problem>,
    ) {
        for message in messages {
            let key = message.split(' ').next().unwrap_or_default();
            let at = match section.get_ref() {
                DeValue::Table(table) => table.iter().find(|(k, _)| k.get_ref() == key).map(|(k, _)| k.span().start),
                _ => None,
            };
            problems.push(self.problem(at.or(Some(section.span().start)), format!("{name}.{message}")));
        }
    }
}

/// Sorts problems by their place.
pub fn sort(problems: &mut [Problem]) {
    problems.sort_by_key(|p| p.offset);
}

/// `a.b=c` as TOML; a value that is not TOML is taken as a string.
fn as_toml(typed: &str) -> String {
    let Some((key, value)) = typed.split_once('=') else { return typed.to_owned() };
    let plain = format!("{key}={value}");
    match DeTable::parse(&plain) {
        Ok(_) => plain,
        Err(_) => format!("{key}={}", toml::Value::from(value.trim())),
    }
}

fn merge<'t>(into: &mut DeTable<'t>, from: DeTable<'t>) {
    for (key, value) in from {
        let both_tables = matches!(value.get_ref(), DeValue::Table(_));
        match into.get_mut(&key).map(Spanned::get_mut) {
            Some(DeValue::Table(inner)) if both_tables => {
                let DeValue::Table(value) = value.into_inner() else { continue };
                merge(inner, value);
            }
            _ => {
                into.remove(&key);
                into.insert(key, value);
            }
        }
    }
}

/// Removes the entry of a table whose key or value stands at `at`; its dotted name.
fn remove_at(value: &mut DeValue<'_>, at: usize) -> Option<String> {
    let DeValue::Table(table) = value else { return None };
    let holds = |span: std::ops::Range<usize>| span.start <= at && at < span.end.max(span.start + 1);
    let key = table.iter().find(|(k, v)| holds(k.span()) || holds(v.span())).map(|(k, _)| k.clone())?;
    let inner = table.get_mut(&key).and_then(|v| remove_at(v.get_mut(), at));
    let name = key.get_ref().to_string();
    match inner {
        Some(inner) => Some(format!("{name}.{inner}")),
        None => table.remove(&key).map(|_| name),
    }
}

/// An error of the form "unknown field `x`, expected one of `a`, `b`" with the nearest name put first.
fn with_nearest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = ["unknown field", "unknown variant", "unknown name"].iter().any(|start| message.starts_with(start));
    let Some(given) = quoted.next().filter(|_| unknown) else { return message.to_owned() };
    let known: Vec<&str> = quoted.collect();
    let what = if message.starts_with("unknown field") { "unknown key" } else { "unknown value" };
    format!("{what} `{given}`{}", suggestion(given, &known))
}

/// "; did you mean `x`?" or the list of known names.
pub fn suggestion(given: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|k| (strsim::damerau_levenshtein(given, k), k)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 2 + nearest.len() / 4 => format!("; did you mean `{nearest}`?"),
        _ if known.is_empty() => String::new(),
        _ => format!("; known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_replaces_one_key_and_keeps_the_others() {
        let source = Source::new(Path::new("a.toml"), "[a]\nb = 1\nc = 2\n", &["a.b=7".into(), "a.d=x y".into()]);
        let mut problems = Vec::new();
        let table = source.table(&mut problems);
        assert_eq!(problems, []);
        let table: toml::Table =
            serde::Deserialize::deserialize(toml::de::Deserializer::from(Spanned::new(0..0, table))).unwrap();
        assert_eq!(table.to_string(), "[a]\nb = 7\nc = 2\nd = \"x y\"\n");
    }

    #[test]
    fn a_problem_in_an_override_names_the_override() {
        let source = Source::new(Path::new("a.toml"), "x = 1", &["a.b=1".into(), "a.c=[".into(), "a.d=".into()]);
        let padded = &source.overrides[1].1;
        assert_eq!(source.problem(Some(padded.len() - 1), "m".into()).to_string(), "--set a.c=[: m");
        assert_eq!(source.problem(Some(4), "m".into()).to_string(), "a.toml:1:5: m");
    }

    #[test]
    fn the_nearest_known_name_is_suggested_and_far_ones_are_listed() {
        assert_eq!(
            with_nearest("unknown field `lerning_rate`, expected one of `clip`, `learning_rate`"),
            "unknown key `lerning_rate`; did you mean `learning_rate`?"
        );
        assert_eq!(suggestion("zebra", &["clip", "discount"]), "; known are clip, discount");
    }
}
