//! `docs/environments.md` says of every entry of the registry what its source says.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use pavlov_envs::{ENVIRONMENTS, EnvironmentEntry};

/// What the table at the top of an environment's file must tell, in this order.
const TEMPLATE: [&str; 6] = ["Observation", "Action", "Fill rule", "Reward", "Ends", "Source"];

/// What environments share: title, file, item, and what is said before its members.
const SHARED: [(&str, &str, &str, &str); 5] = [
    (
        "Fill rules",
        "fills.rs",
        "pub enum FillRule {",
        "An order is decided at bar t, the last one whose close is known.",
    ),
    (
        "Rewards",
        "reward.rs",
        "pub enum RewardKind {",
        "`reward` is one of these names, or a table with the keys below, for example `{ kind = \"sharpe\", clip = 1.0 }`.",
    ),
    ("Keys of a reward", "reward.rs", "pub struct RewardConfig {", "Of a reward that is written as a table:"),
    (
        "Commission",
        "costs.rs",
        "pub struct Commission {",
        "`commission` is a number, the proportional part, or a table: the proportional part and the part per share add up, and \
         the minimum is the least.",
    ),
    (
        "Slippage",
        "slippage.rs",
        "pub enum Slippage {",
        "`slippage` is `\"none\"` or a table of one key, for example `{ half_spread = 0.01 }` or \
         `{ square_root = { coefficient = 1.0, volatility = 0.02 } }`.",
    ),
];

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The file of an environment, which is named after it, or `mod.rs` of its folder.
fn source_of(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
    source(&if folder.is_dir() { format!("{name}/mod.rs") } else { format!("{name}.rs") })
}

/// The cells of the table at the top of a file, by row.
fn template(name: &str, text: &str) -> Vec<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(|row| !row.starts_with('|'));
    let rows: Vec<(&str, &str)> =
        rows.map(|row| row.trim_end_matches(" |").split_once(" | ").expect("a row of two cells")).collect();
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, TEMPLATE, "the table at the top of {name}.rs");
    rows.into_iter().map(|(_, cell)| cell.to_owned()).collect()
}

/// Public fields of a struct or variants of an enum, each with the first paragraph of its documentation.
fn members(text: &str, opening: &str) -> Vec<(String, String)> {
    let body = text.split_once(opening).unwrap_or_else(|| panic!("no `{opening}`")).1;
    let (mut found, mut doc, mut paragraphs) = (Vec::new(), String::new(), 1);
    for line in body.lines().skip(1).take_while(|line| *line != "}") {
        let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with([' ', '#', '}'])) else { continue };
        match line.strip_prefix("///").map(str::trim) {
            Some("") => paragraphs += 1,
            Some(part) if paragraphs == 1 => doc = format!("{doc} {part}"),
            Some(_) => {}
            None => {
                let name = line.trim_start_matches("pub ").split([':', ',', '(', ' ']).next().expect("a name");
                found.push((name.to_owned(), doc.trim().replace('|', "\\|")));
                (doc, paragraphs) = (String::new(), 1);
            }
        }
    }
    assert!(!found.is_empty(), "nothing in `{opening}`");
    found
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// `docs/environments.md`.
fn page() -> String {
    let mut page = String::from(PREFACE);
    for entry in ENVIRONMENTS {
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} |", entry.name, entry.summary);
    }
    ENVIRONMENTS.iter().for_each(|entry| section(&mut page, entry));
    for (title, file, item, before) in SHARED {
        let _ = write!(page, "\n## {title}\n\n{before}\n\n| name | meaning |\n|---|---|\n");
        for (name, meaning) in members(&source(file), item) {
            let _ = writeln!(page, "| `{}` | {meaning} |", snake_case(&name));
        }
    }
    page
}

fn section(page: &mut String, entry: &EnvironmentEntry) {
    let text = source_of(entry.name);
    let (first, rest) = entry.summary.split_at(1);
    let _ = write!(page, "\n## {}\n\n{}{rest}.\n\n| | |\n|---|---|\n", entry.name, first.to_uppercase());
    for (row, cell) in TEMPLATE.iter().zip(template(entry.name, &text)) {
        let _ = writeln!(page, "| {row} | {cell} |");
    }
    let [default, published] = ["default", "as_published"].map(|variant| {
        let config = entry.parse_text(&format!("variant = \"{variant}\"")).expect("no other key is needed");
        (config.to_toml(), config.notes())
    });
    let _ = write!(page, "\n| key | default | as published | meaning |\n|---|---|---|---|\n");
    let config = text.lines().find(|line| line.starts_with("pub struct ") && line.ends_with("Config {"));
    let keys = members(&text, config.expect("a config"));
    for (key, meaning) in &keys {
        let shown =
            |table: &toml::Table| table.get(key).map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        let (default, published) = (shown(&default.0), shown(&published.0));
        let published = if published == default { "" } else { &published };
        let _ = writeln!(page, "| `{key}` | {default} | {published} | {meaning} |");
    }
    for key in default.0.keys().chain(published.0.keys()) {
        assert!(keys.iter().any(|(name, meaning)| name == key && !meaning.is_empty()), "{}: `{key}`", entry.name);
    }
    let _ = write!(page, "\nWhat reports say of `variant = \"as_published\"`:\n\n");
    for note in published.1 {
        let _ = writeln!(page, "- {note}.");
    }
}

const PREFACE: &str = "\
# Environments

Generated from the registry and the sources of `crates/envs`; `PAVLOV_WRITE_DOCS=1 cargo test --workspace --test documentation`
writes it anew, and the same test without the variable fails where it is out of date.

An environment is chosen by its name, and its keys stand beside it:

```toml
[environment]
name = \"bitcoin\"
sample_len = 500
```

Every environment has two variants. `variant = \"default\"` does what its author meant, without look-ahead.
`variant = \"as_published\"` gives the published numbers, flaws included, so that a reader can see what they were worth; the
report of such a run names them. Training plays sampled episodes, evaluation a whole span.

| environment | what it is |
|---|---|
";

#[test]
#[allow(clippy::disallowed_methods)]
fn the_documentation_is_up_to_date() {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/environments.md");
    if std::env::var_os("PAVLOV_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/environments.md is out of date: run this test with PAVLOV_WRITE_DOCS=1");
}
