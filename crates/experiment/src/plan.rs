//! From TOML text to a checked [`Plan`]: parse, don't validate.

use std::collections::BTreeMap;
use std::path::Path;

use pavlov_agents::{AGENTS, AgentConfig};
use pavlov_envs::{ENVIRONMENTS, EnvironmentConfig, FillRule};
use pavlov_evaluation::splits::Reach;
use pavlov_features::{FEATURES, FeatureConfig, Scaling};
use pavlov_store::Hash;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::error::ExperimentError;
use crate::published::{self, PublishedConfig};
use crate::sections::{DataConfig, EvalConfig, RawData, RunsConfig, TrainConfig, check_eval, check_runs, check_train};
use crate::series::SeriesConfig;
use crate::source::{self, Problem, Source, suggestion};
use crate::trials::OtherTrials;

/// Version of the config and plan format that this build reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// A checked experiment: every key resolved, every value inside its bounds.
pub struct Plan {
    /// Name of the experiment, shown in the report.
    pub name: String,
    /// What is learnt from and what is judged on.
    pub data: DataConfig,
    /// How the features are scaled.
    pub scaling: Scaling,
    /// Columns of the observation, in order.
    pub features: Vec<Box<dyn FeatureConfig>>,
    /// The market game.
    pub environment: Box<dyn EnvironmentConfig>,
    /// The learner.
    pub agent: Box<dyn AgentConfig>,
    /// How long and in what portions it learns.
    pub train: TrainConfig,
    /// How it is judged.
    pub eval: EvalConfig,
    /// How often the whole is repeated.
    pub runs: RunsConfig,
    /// Figures of a publication to be shown beside the result.
    pub published: Option<PublishedConfig>,
    /// Text of the dataset's manifest; in the `plan.toml` of a run only.
    pub manifest: Option<String>,
    /// Texts of the manifests of the other datasets, by name; in the `plan.toml` of a run only.
    pub other_manifests: BTreeMap<String, String>,
    /// Other configs tried on the same data when the run began; in the `plan.toml` of a run only.
    pub trials: Option<OtherTrials>,
}

impl Plan {
    /// Reads a config with the overrides of the command line.
    ///
    /// # Errors
    /// [`ExperimentError::Config`] with every problem of the text, each at its line and column.
    pub fn parse(path: &Path, text: &str, overrides: &[String]) -> Result<Self, ExperimentError> {
        let source = Source::new(path, text, overrides);
        let mut problems = Vec::new();
        let table = source.table(&mut problems);
        match Self::from_table(&source, table, &mut problems) {
            Some(plan) if problems.is_empty() => Ok(plan),
            _ => {
                source::sort(&mut problems);
                Err(ExperimentError::Config { problems })
            }
        }
    }

    /// Reads a table of `source`; what is wrong with it goes to `problems`.
    pub(crate) fn from_table(source: &Source, table: DeTable<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        Reader { source, problems }.plan(table)
    }

    /// The series that a feature follows, in the order of their names; others are not loaded.
    pub fn series(&self) -> impl Iterator<Item = (&str, &SeriesConfig)> {
        let followed = |name: &str| self.features.iter().any(|feature| feature.series() == Some(name));
        self.data.series.iter().map(|(name, config)| (name.as_str(), config)).filter(move |(name, _)| followed(name))
    }

    /// The text of a run's `plan.toml`: the plan and the manifests of its datasets.
    pub fn to_text(&self) -> String {
        let mut table = self.to_toml();
        table.extend(self.manifest.clone().map(|text| ("manifest".to_owned(), text.into())));
        if !self.other_manifests.is_empty() {
            let texts = self.other_manifests.iter().map(|(name, text)| (name.clone(), text.clone().into()));
            table.insert("other_manifests".into(), toml::Value::Table(texts.collect()));
        }
        let trials = self.trials.map(|trials| toml::Table::try_from(trials).expect("plain fields make a table"));
        table.extend(trials.map(|trials| ("trials".to_owned(), toml::Value::Table(trials))));
        table.to_string()
    }

    /// The whole plan as TOML: a config in which nothing is left to a default.
    pub fn to_toml(&self) -> toml::Table {
        let section = |value: Result<toml::Table, _>| toml::Value::Table(value.expect("plain fields make a table"));
        let mut features = toml::Table::new();
        features.insert("scaling".into(), toml::Value::try_from(&self.scaling).expect("a word or a table"));
        let columns = self.features.iter().map(|f| item(f.name(), f.to_toml()));
        features.insert("columns".into(), toml::Value::Array(columns.collect()));
        let mut table = toml::Table::new();
        table.insert("schema_version".into(), i64::from(SCHEMA_VERSION).into());
        table.insert("name".into(), self.name.clone().into());
        table.insert("data".into(), section(toml::Table::try_from(&self.data)));
        table.insert("features".into(), toml::Value::Table(features));
        table.insert("environment".into(), named(self.environment.name(), self.environment.to_toml()));
        table.insert("agent".into(), named(self.agent.name(), self.agent.to_toml()));
        table.insert("train".into(), section(toml::Table::try_from(&self.train)));
        table.insert("eval".into(), section(toml::Table::try_from(&self.eval)));
        table.insert("runs".into(), section(toml::Table::try_from(&self.runs)));
        let published = self.published.iter().map(|p| ("published".to_owned(), section(toml::Table::try_from(p))));
        table.extend(published);
        table
    }

    /// Hash of everything that decides the result: not of where things are or how fast they run.
    pub fn config_hash(&self) -> Hash {
        Hash::of(self.to_toml().to_string().as_bytes())
    }

    /// Hash of everything that decides what a seed learns: the config without its name, its seeds and how it is judged.
    pub fn training_hash(&self) -> Hash {
        self.hash_without(&["name", "runs", "eval", "published"])
    }

    /// Hash of everything that makes a strategy another one to try: the config without its name, its seeds and what was
    /// published.
    pub fn trial_hash(&self) -> Hash {
        self.hash_without(&["name", "runs", "published"])
    }

    fn hash_without(&self, sections: &[&str]) -> Hash {
        let mut table = self.to_toml();
        for section in sections {
            table.remove(*section);
        }
        Hash::of(table.to_string().as_bytes())
    }

    /// What a decision touches besides its own row.
    pub(crate) fn reach(&self) -> Reach {
        // The outcome of an order is known at the close of the bar after its fill.
        let horizon = match self.environment.fill() {
            FillRule::NextClose => 2,
            _ => 1,
        };
        Reach {
            window: self.environment.window(),
            warm_up: self.features.iter().map(|f| f.warm_up()).max().unwrap_or(0),
            horizon,
            embargo: self.eval.split.embargo(),
        }
    }

    /// The seeds of the runs, in order.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        self.runs.seed..self.runs.seed + self.runs.num
    }

    /// What a reader of the results must know: assumptions and the flaws of a published variant.
    pub fn notes(&self) -> Vec<String> {
        let scaling = (self.scaling == Scaling::MinMaxOfEachSpan).then(|| {
            "features.scaling = min_max_of_each_span: the test span is scaled by its own smallest and largest values, most of \
             which lie in the future"
                .to_owned()
        });
        self.environment.notes().into_iter().chain(self.agent.notes()).chain(scaling).collect()
    }
}

/// `{ name = { parameters } }`, or the name alone where there are none.
fn item(name: &str, parameters: toml::Table) -> toml::Value {
    match parameters.is_empty() {
        true => name.into(),
        false => toml::Table::from_iter([(name.to_owned(), parameters.into())]).into(),
    }
}

fn named(name: &str, mut table: toml::Table) -> toml::Value {
    table.insert("name".into(), name.into());
    toml::Value::Table(table)
}

pub(crate) const SECTIONS: [&str; 13] = [
    "schema_version",
    "name",
    "data",
    "features",
    "environment",
    "agent",
    "train",
    "eval",
    "runs",
    "published",
    "manifest",
    "other_manifests",
    "trials",
];

pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// Takes the sections out of a table and collects what is wrong with them.
struct Reader<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn plan(&mut self, mut table: DeTable<'_>) -> Option<Plan> {
        let unknown: Vec<_> = table.keys().filter(|k| !SECTIONS.contains(&k.get_ref().as_ref())).cloned().collect();
        for key in unknown {
            let message = format!("unknown key `{}`{}", key.get_ref(), suggestion(key.get_ref(), &SECTIONS));
            self.problem(Some(key.span().start), message);
        }
        self.schema_version(table.remove("schema_version"));
        let name = self.word("name", table.remove("name"));
        let data = self.data(table.remove("data"));
        let known = data.as_ref().map(|data| data.series.keys().map(String::as_str).collect::<Vec<_>>());
        let features = self.features(table.remove("features"), known.as_deref());
        let environment = self.environment(table.remove("environment"));
        let agent = self.agent(table.remove("agent"));
        let train = self.plain("train", table.remove("train"), check_train);
        let eval = self.plain("eval", table.remove("eval"), check_eval);
        let runs = self.plain("runs", table.remove("runs"), check_runs);
        let published = self.optional("published", table.remove("published"), published::check);
        let manifest =
            table.remove("manifest").and_then(|m| self.source.read("manifest", &m, self.problems, String::deserialize));
        let other_manifests = self.plain("other_manifests", table.remove("other_manifests"), |_| Vec::new());
        let trials = table.remove("trials").map(|t| self.plain("trials", Some(t), OtherTrials::validate));
        let (scaling, features) = features?;
        Some(Plan {
            manifest,
            trials: trials.flatten(),
            other_manifests: other_manifests?,
            name: name?,
            data: data?,
            scaling,
            features,
            environment: environment?,
            agent: agent?,
            train: train?,
            eval: eval?,
            runs: runs?,
            published: published?,
        })
    }

    fn problem(&mut self, at: Option<usize>, message: String) {
        self.problems.push(self.source.problem(at, message));
    }

    fn schema_version(&mut self, value: Option<Value<'_>>) {
        let Some(value) = value else { return };
        let got = self.source.read("schema_version", &value, self.problems, u32::deserialize);
        if got.is_some_and(|got| got != SCHEMA_VERSION) {
            let message = format!("schema_version: this build reads version {SCHEMA_VERSION}, the file is another one");
            self.problem(Some(value.span().start), message);
        }
    }

    fn word(&mut self, key: &str, value: Option<Value<'_>>) -> Option<String> {
        let Some(value) = value else {
            self.problem(None, format!("`{key}` is missing"));
            return None;
        };
        let word = self.source.read(key, &value, self.problems, String::deserialize)?;
        if word.is_empty() || word.contains(['/', '\\']) {
            self.problem(
                Some(value.span().start),
                format!("{key} must be a word that can name a folder, got `{word}`"),
            );
        }
        Some(word)
    }

    /// A section of plain fields; a missing one has its defaults.
    fn plain<'t, C: Default + Deserialize<'t>>(
        &mut self,
        name: &str,
        value: Option<Value<'t>>,
        check: impl Fn(&C) -> Vec<String>,
    ) -> Option<C> {
        let Some(value) = value else { return Some(C::default()) };
        let config = self.source.read(name, &value, self.problems, C::deserialize)?;
        self.source.check(name, &value, check(&config), self.problems);
        Some(config)
    }

    /// A section that may be missing.
    fn optional<'t, C: Deserialize<'t>>(
        &mut self,
        name: &str,
        value: Option<Value<'t>>,
        check: impl Fn(&C) -> Vec<String>,
    ) -> Option<Option<C>> {
        let Some(value) = value else { return Some(None) };
        let config = self.source.read(name, &value, self.problems, C::deserialize)?;
        self.source.check(name, &value, check(&config), self.problems);
        Some(Some(config))
    }

    fn data(&mut self, value: Option<Value<'_>>) -> Option<DataConfig> {
        let mut value = self.required("data", value)?;
        let series = match value.get_mut() {
            DeValue::Table(table) => table.remove("series").map_or_else(|| Some(BTreeMap::new()), |s| self.series(&s)),
            _ => None,
        };
        let raw: RawData = self.plain("data", Some(value.clone()), |_| Vec::new())?;
        let written = |key: &str| value.get_ref().as_table().is_some_and(|t| t.keys().any(|k| k.get_ref() == key));
        let missing =
            [("dataset", raw.dataset.is_none()), ("train", raw.train.is_none()), ("test", raw.test.is_none())];
        let missing = missing.into_iter().filter(|(key, absent)| *absent && !written(key));
        let mut messages: Vec<String> = missing.map(|(key, _)| format!("{key} is missing")).collect();
        if let (Some(train), Some(test)) = (raw.train, raw.test)
            && raw.train_also.is_empty()
            && test.from_ns < train.to_ns
        {
            messages.push(format!("test must begin at or after the end of train, got {test} after {train}"));
        }
        self.source.check("data", &value, messages, self.problems);
        let RawData { continued_by, assets, train_also, fresh_test, .. } = raw;
        let (dataset, train, test) = (raw.dataset?, raw.train?, raw.test?);
        Some(DataConfig { dataset, continued_by, assets, train, train_also, test, fresh_test, series: series? })
    }

    /// The tables `[data.series.NAME]`.
    fn series(&mut self, value: &Value<'_>) -> Option<BTreeMap<String, SeriesConfig>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.problem(Some(value.span().start), "data.series must hold tables [data.series.NAME]".into());
            return None;
        };
        let read = table.iter().map(|(name, value)| {
            let name = name.get_ref().to_string();
            let section = format!("data.series.{name}");
            Some((name, self.source.read(&section, value, self.problems, SeriesConfig::deserialize)?))
        });
        let read: Vec<_> = read.collect();
        read.into_iter().collect()
    }

    /// A table with a `name` that a registry knows, read by the entry's own parser.
    fn entry<'t, R>(
        &mut self,
        section: &str,
        value: &Value<'t>,
        known: &[&'static str],
        parse: impl Fn(&str, ValueDeserializer<'t>) -> Result<R, toml::de::Error>,
    ) -> Option<(R, Value<'t>)> {
        let mut value = value.clone();
        let at = value.span().start;
        let DeValue::Table(table) = value.get_mut() else {
            self.problem(Some(at), format!("{section} must be a table with a `name`"));
            return None;
        };
        let Some(name) = table.remove("name") else {
            self.problem(Some(at), format!("{section}.name is missing; known are {}", known.join(", ")));
            return None;
        };
        let word = self.source.read(&format!("{section}.name"), &name, self.problems, String::deserialize)?;
        if !known.contains(&word.as_str()) {
            let message = format!("{section}.name: unknown value `{word}`{}", suggestion(&word, known));
            self.problem(Some(name.span().start), message);
            return None;
        }
        let read = self.source.read(section, &value, self.problems, |from| parse(&word, from))?;
        Some((read, value))
    }

    fn environment(&mut self, value: Option<Value<'_>>) -> Option<Box<dyn EnvironmentConfig>> {
        let value = self.required("environment", value)?;
        let known: Vec<_> = ENVIRONMENTS.iter().map(|e| e.name).collect();
        let (config, table) = self.entry("environment", &value, &known, |name, from| {
            let entry = ENVIRONMENTS.iter().find(|e| e.name == name).expect("the name is a known one");
            (entry.parse)(from)
        })?;
        self.source.check("environment", &table, config.validate(), self.problems);
        Some(config)
    }

    fn agent(&mut self, value: Option<Value<'_>>) -> Option<Box<dyn AgentConfig>> {
        let value = self.required("agent", value)?;
        let known: Vec<_> = AGENTS.iter().map(|e| e.name).collect();
        let (config, table) = self.entry("agent", &value, &known, |name, from| {
            let entry = AGENTS.iter().find(|e| e.name == name).expect("the name is a known one");
            (entry.parse)(from)
        })?;
        self.source.check("agent", &table, config.validate(), self.problems);
        Some(config)
    }

    /// `known` are the series there are, if that could be read.
    fn features(
        &mut self,
        value: Option<Value<'_>>,
        known: Option<&[&str]>,
    ) -> Option<(Scaling, Vec<Box<dyn FeatureConfig>>)> {
        let mut value = self.required("features", value)?;
        let at = value.span().start;
        let DeValue::Table(table) = value.get_mut() else {
            self.problem(Some(at), "features must be a table with `columns`".into());
            return None;
        };
        let columns = table.remove("columns");
        #[derive(Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Rest {
            scaling: Scaling,
        }
        let rest: Option<Rest> = self.plain("features", Some(value.clone()), |_| Vec::new());
        let Some(DeValue::Array(columns)) =
            columns.map(Spanned::into_inner).filter(|c| c.as_array().is_some_and(|a| !a.is_empty()))
        else {
            self.problem(Some(at), "features.columns must list at least one feature".into());
            return None;
        };
        let features: Vec<_> = columns.iter().enumerate().map(|(i, column)| self.feature(i, column, known)).collect();
        let features = features.into_iter().collect::<Option<Vec<_>>>()?;
        for (i, feature) in features.iter().enumerate() {
            let twin = features[..i].iter().position(|f| f.columns() == feature.columns());
            if let Some(twin) = twin {
                let message = format!("features.columns[{i}] is the same feature as features.columns[{twin}]");
                self.problem(Some(columns[i].span().start), message);
            }
        }
        let width = features.iter().map(|f| f.columns().len()).sum();
        let scaling = rest?.scaling;
        let messages = scaling.validate(width).into_iter().map(|message| format!("scaling {message}")).collect();
        self.source.check("features", &value, messages, self.problems);
        Some((scaling, features))
    }

    /// An item of `features.columns`: a name, or a table with one name and its parameters.
    fn feature(&mut self, index: usize, item: &Value<'_>, known: Option<&[&str]>) -> Option<Box<dyn FeatureConfig>> {
        let section = format!("features.columns[{index}]");
        let (name, at, parameters) = match item.get_ref() {
            DeValue::String(name) => (name, item.span(), Spanned::new(item.span(), DeValue::Table(DeTable::new()))),
            DeValue::Table(table) if table.len() == 1 => {
                let (name, parameters) = table.iter().next()?;
                (name.get_ref(), name.span(), parameters.clone())
            }
            _ => {
                let message = "must be a name like \"returns\" or a table like { macd = { fast = 12 } }";
                self.problem(Some(item.span().start), format!("{section} {message}"));
                return None;
            }
        };
        let Some(entry) = pavlov_features::feature(name) else {
            let known: Vec<_> = FEATURES.iter().map(|e| e.name).collect();
            self.problem(Some(at.start), format!("{section}: unknown feature `{name}`{}", suggestion(name, &known)));
            return None;
        };
        let section = format!("{section}.{name}");
        let config = self.source.read(&section, &parameters, self.problems, |from| (entry.parse)(from))?;
        let mut messages = config.validate();
        if let (Some(series), Some(known)) = (config.series(), known)
            && !known.contains(&series)
        {
            messages.push(format!("series names no section [data.series.{series}]{}", suggestion(series, known)));
        }
        self.source.check(&section, &parameters, messages, self.problems);
        Some(config)
    }

    fn required<'t>(&mut self, name: &str, value: Option<Value<'t>>) -> Option<Value<'t>> {
        if value.is_none() {
            self.problem(None, format!("section [{name}] is missing"));
        }
        value
    }
}
