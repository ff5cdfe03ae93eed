//! Section `[matrix]`: named axes, each a set of labelled alternatives, each a set of changes of the config.

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::plan::{SECTIONS, Value};
use crate::source::{Problem, Source, suggestion};

/// A named set of alternatives.
pub struct Axis<'t> {
    pub name: String,
    pub at: usize,
    pub alternatives: Vec<Alternative<'t>>,
}

/// A labelled set of changes.
pub struct Alternative<'t> {
    pub label: String,
    pub at: usize,
    pub changes: Vec<Change<'t>>,
}

/// A key of the config and what it becomes.
pub struct Change<'t> {
    /// The key, `section.key`, by its parts.
    pub path: Vec<String>,
    pub value: Value<'t>,
}

/// Sections that no axis can change.
const FIXED: [&str; 5] = ["schema_version", "name", "trials", "manifest", "other_manifests"];

/// Reads the section: `[matrix.AXIS]` in the order of the file, or the list of axes of a run's `plan.toml`.
pub fn read<'t>(source: &Source, section: &Value<'t>, problems: &mut Vec<Problem>) -> Vec<Axis<'t>> {
    let mut reader = Reader { source, problems };
    let axes = match section.get_ref() {
        DeValue::Table(table) => {
            ordered(table).into_iter().map(|(name, at, value)| reader.axis(name, at, value)).collect()
        }
        DeValue::Array(list) => list.iter().filter_map(|item| reader.listed_axis(item)).collect(),
        _ => {
            reader.problem(section.span().start, "matrix must hold tables [matrix.AXIS]".into());
            Vec::new()
        }
    };
    reader.check(&axes);
    axes
}

/// The axes as a list that keeps their order, for `plan.toml`.
pub fn to_toml(axes: &[Axis<'_>]) -> toml::Value {
    let change = |change: &Change<'_>| (change.path.join("."), plain(&change.value));
    let alternative = |alternative: &Alternative<'_>| {
        let set = alternative.changes.iter().map(change).collect::<toml::Table>();
        toml::Table::from_iter([("label".into(), alternative.label.clone().into()), ("set".into(), set.into())])
    };
    let axis = |axis: &Axis<'_>| {
        let alternatives = axis.alternatives.iter().map(|a| alternative(a).into()).collect();
        let alternatives = ("alternatives".to_owned(), toml::Value::Array(alternatives));
        toml::Table::from_iter([("axis".into(), axis.name.clone().into()), alternatives])
    };
    toml::Value::Array(axes.iter().map(|a| axis(a).into()).collect())
}

/// A value of a file without its place.
pub fn plain(value: &Value<'_>) -> toml::Value {
    toml::Value::deserialize(ValueDeserializer::from(value.clone())).expect("what was parsed as TOML is TOML")
}

/// Puts a change into a config, with the tables that it needs.
pub fn apply<'t>(config: &mut DeTable<'t>, change: &Change<'t>) {
    let (last, above) = change.path.split_last().expect("a key has a name");
    let mut table = config;
    for part in above {
        let span = change.value.span();
        let entry = table.entry(Spanned::new(span.clone(), part.clone().into()));
        let value = entry.or_insert_with(|| Spanned::new(span, DeValue::Table(DeTable::new()))).get_mut();
        if !matches!(value, DeValue::Table(_)) {
            *value = DeValue::Table(DeTable::new());
        }
        let DeValue::Table(inner) = value else { return };
        table = inner;
    }
    table.remove(last.as_str());
    table.insert(Spanned::new(change.value.span(), last.clone().into()), change.value.clone());
}

/// The entries of a table in the order of the file.
fn ordered<'a, 't>(table: &'a DeTable<'t>) -> Vec<(&'a str, usize, &'a Value<'t>)> {
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect();
    entries.sort_by_key(|(_, at, _)| *at);
    entries
}

struct Reader<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, at: usize, message: String) {
        self.problems.push(self.source.problem(Some(at), message));
    }

    fn axis<'t>(&mut self, name: &str, at: usize, value: &Value<'t>) -> Axis<'t> {
        let place = format!("matrix.{name}");
        let alternatives = match value.get_ref() {
            DeValue::Table(table) if table.contains_key("key") || table.contains_key("values") => {
                self.short(&place, at, table)
            }
            DeValue::Table(table) => {
                let labelled = |(label, at, value)| self.labelled(&place, label, at, value);
                ordered(table).into_iter().map(labelled).collect()
            }
            _ => {
                let cure = "{ key = \"section.key\", values = [...] } or tables of changes by label";
                self.problem(value.span().start, format!("{place} must be {cure}"));
                Vec::new()
            }
        };
        Axis { name: name.to_owned(), at, alternatives }
    }

    /// `{ key = "section.key", values = [...] }`, or `values = { label = value }`.
    fn short<'t>(&mut self, place: &str, at: usize, table: &DeTable<'t>) -> Vec<Alternative<'t>> {
        for (key, at, _) in ordered(table).into_iter().filter(|(key, ..)| !["key", "values"].contains(key)) {
            self.problem(at, format!("{place}: unknown key `{key}`{}", suggestion(key, &["key", "values"])));
        }
        let key = table.get("key").map(|key| (key.get_ref().as_str(), key.span().start));
        let (Some((Some(key), key_at)), Some(values)) = (key, table.get("values")) else {
            self.problem(at, format!("{place} needs both `key`, a word like \"agent.discount\", and `values`"));
            return Vec::new();
        };
        let path = self.path(place, key_at, key.split('.'));
        let made = |label: String, at: usize, value: &Value<'t>| {
            let changes = path.iter().map(|path| Change { path: path.clone(), value: value.clone() }).collect();
            Alternative { label, at, changes }
        };
        match values.get_ref() {
            DeValue::Array(list) => {
                let label = |value: &Value<'t>| match value.get_ref() {
                    DeValue::String(text) => Some(text.rsplit('/').next().unwrap_or(text).to_owned()),
                    DeValue::Array(_) | DeValue::Table(_) => None,
                    _ => Some(plain(value).to_string()),
                };
                let mut found = Vec::new();
                for value in list.iter() {
                    match label(value) {
                        Some(label) => found.push(made(label, value.span().start, value)),
                        None => {
                            let message = format!("{place}.values: a list or table needs a label: {{ label = value }}");
                            self.problem(value.span().start, message);
                        }
                    }
                }
                found
            }
            DeValue::Table(table) => {
                ordered(table).into_iter().map(|(label, at, value)| made(label.to_owned(), at, value)).collect()
            }
            _ => {
                self.problem(values.span().start, format!("{place}.values must be a list, or a table by label"));
                Vec::new()
            }
        }
    }

    /// `label = { section.key = value, "section.deeper.key" = value }`.
    fn labelled<'t>(&mut self, place: &str, label: &str, at: usize, value: &Value<'t>) -> Alternative<'t> {
        let place = format!("{place}.{label}");
        let mut changes = Vec::new();
        match value.get_ref() {
            DeValue::Table(table) => {
                for (key, at, value) in ordered(table) {
                    match value.get_ref() {
                        _ if key.contains('.') => changes.extend(self.change(&place, at, key.split('.'), value)),
                        DeValue::Table(section) => {
                            changes.extend(ordered(section).into_iter().filter_map(|(inner, at, value)| {
                                let parts = std::iter::once(key).chain(inner.split('.'));
                                self.change(&place, at, parts, value)
                            }))
                        }
                        _ => {
                            self.problem(at, format!("{place}.{key} must be a change of a key, `section.key = value`"))
                        }
                    }
                }
            }
            _ => self.problem(value.span().start, format!("{place} must be a table of changes, `section.key = value`")),
        }
        Alternative { label: label.to_owned(), at, changes }
    }

    fn change<'t, 'p>(
        &mut self,
        place: &str,
        at: usize,
        parts: impl Iterator<Item = &'p str>,
        value: &Value<'t>,
    ) -> Option<Change<'t>> {
        let path = self.path(place, at, parts)?;
        Some(Change { path, value: value.clone() })
    }

    /// The parts of a key, the first of which must be a section that can be changed.
    fn path<'p>(&mut self, place: &str, at: usize, parts: impl Iterator<Item = &'p str>) -> Option<Vec<String>> {
        let path: Vec<String> = parts.map(|part| part.trim().to_owned()).collect();
        let known: Vec<&str> = SECTIONS.into_iter().filter(|section| !FIXED.contains(section)).collect();
        if path.len() < 2 || path.iter().any(String::is_empty) {
            self.problem(at, format!("{place}: `{}` must be a key like `agent.discount`", path.join(".")));
            return None;
        }
        if !known.contains(&path[0].as_str()) {
            let message = format!("{place}: unknown section `{}`{}", path[0], suggestion(&path[0], &known));
            self.problem(at, message);
            return None;
        }
        Some(path)
    }

    /// An axis of the list in a run's `plan.toml`.
    fn listed_axis<'t>(&mut self, item: &Value<'t>) -> Option<Axis<'t>> {
        let at = item.span().start;
        let table = item.get_ref().as_table();
        let axis = table.and_then(|table| Some((table.get("axis")?.get_ref().as_str()?, table.get("alternatives")?)));
        let Some((name, alternatives)) = axis else {
            self.problem(at, "[[matrix]] needs `axis`, a name, and `alternatives`".into());
            return None;
        };
        let mut found = Vec::new();
        for item in alternatives.get_ref().as_array().into_iter().flat_map(|list| list.iter()) {
            let at = item.span().start;
            let table = item.get_ref().as_table();
            match table.and_then(|table| Some((table.get("label")?.get_ref().as_str()?, table.get("set")?))) {
                Some((label, set)) => found.push(self.labelled(&format!("matrix.{name}"), label, at, set)),
                None => self.problem(at, format!("matrix.{name}: an alternative needs `label` and `set`")),
            }
        }
        Some(Axis { name: name.to_owned(), at, alternatives: found })
    }

    /// Labels are different, no key is changed twice, and no override of the command line changes one too.
    fn check(&mut self, axes: &[Axis<'_>]) {
        for axis in axes {
            let place = format!("matrix.{}", axis.name);
            if axis.alternatives.is_empty() {
                self.problem(axis.at, format!("{place} has no alternatives"));
            }
            for (i, alternative) in axis.alternatives.iter().enumerate() {
                if axis.alternatives[..i].iter().any(|other| other.label == alternative.label) {
                    let cure = "give them others: values = { label = value }";
                    self.problem(
                        alternative.at,
                        format!("{place}: two alternatives are called `{}`; {cure}", alternative.label),
                    );
                }
                for (k, change) in alternative.changes.iter().enumerate() {
                    if alternative.changes[..k].iter().any(|other| overlap(&other.path, &change.path)) {
                        let key = change.path.join(".");
                        self.problem(
                            change.value.span().start,
                            format!("{place}.{}: `{key}` is changed twice", alternative.label),
                        );
                    }
                }
            }
        }
        self.check_across(axes);
    }

    fn check_across(&mut self, axes: &[Axis<'_>]) {
        let keys = |axis: &Axis<'_>| -> Vec<Vec<String>> {
            let mut keys: Vec<_> =
                axis.alternatives.iter().flat_map(|a| a.changes.iter().map(|change| change.path.clone())).collect();
            keys.sort();
            keys.dedup();
            keys
        };
        let by_axis: Vec<_> = axes.iter().map(keys).collect();
        let typed: Vec<Vec<String>> =
            self.source.overridden().map(|key| key.split('.').map(str::to_owned).collect()).collect();
        for (i, axis) in axes.iter().enumerate() {
            for key in &by_axis[i] {
                let dotted = key.join(".");
                if let Some(other) = (0..i).find(|j| by_axis[*j].iter().any(|k| overlap(k, key))) {
                    let message = format!("matrix.{}: axis `{}` changes `{dotted}` too", axis.name, axes[other].name);
                    self.problem(axis.at, message);
                }
                if typed.iter().any(|path| overlap(path, key)) {
                    let cure = format!("choose cells with --cells {}=LABEL", axis.name);
                    self.problem(
                        axis.at,
                        format!("matrix.{} changes `{dotted}`, and so does --set; {cure}", axis.name),
                    );
                }
            }
        }
    }
}

/// Whether one key is the other or lies in it.
fn overlap(a: &[String], b: &[String]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b)
}
