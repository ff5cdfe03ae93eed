//! Generated blocks of a Markdown file: what stands between two comments, each on a line of its own.
//!
//! ```text
//! <!-- begin generated: NAME -->
//! <!-- end generated -->
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::ExperimentError;
use crate::source::suggestion;

const BEGIN: &str = "<!-- begin generated: ";
const CLOSE: &str = " -->";
const END: &str = "<!-- end generated -->";

/// A block with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub name: &'static str,
    pub content: String,
}

/// The text of the file `path` with the content of its blocks replaced, and the names of those that changed.
///
/// # Errors
/// [`ExperimentError::Page`] if the file lacks a block, has one twice or one that is not known, or does not end it.
pub fn replace(path: &Path, text: &str, blocks: &[Block]) -> Result<(String, Vec<&'static str>), ExperimentError> {
    let wrong = |reason: String| ExperimentError::Page { path: path.to_owned(), reason };
    let lines: Vec<&str> = text.lines().collect();
    let (mut out, mut changed, mut seen) = (String::new(), Vec::new(), BTreeSet::new());
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        next += 1;
        out.push_str(&format!("{line}\n"));
        let Some(name) = begun(line) else { continue };
        let block = blocks.iter().find(|block| block.name == name).ok_or_else(|| {
            let known: Vec<&str> = blocks.iter().map(|block| block.name).collect();
            wrong(format!("line {next}: no table is called `{name}`{}", suggestion(name, &known)))
        })?;
        if !seen.insert(block.name) {
            return Err(wrong(format!("line {next}: the block `{name}` stands here a second time")));
        }
        let inside = lines[next..].iter().take_while(|line| line.trim() != END && begun(line).is_none()).count();
        let end = next + inside;
        if lines.get(end).is_none_or(|line| line.trim() != END) {
            return Err(wrong(format!("line {next}: the block `{name}` has no end; add the line {END}")));
        }
        let content = format!("\n{}\n\n", block.content.trim_end());
        if lines[next..end].iter().map(|line| format!("{line}\n")).collect::<String>() != content {
            changed.push(block.name);
        }
        out.push_str(&format!("{content}{END}\n"));
        next = end + 1;
    }
    match blocks.iter().find(|block| !seen.contains(block.name)) {
        None => Ok((out, changed)),
        Some(Block { name, .. }) => Err(wrong(format!(
            "there is no block `{name}`; add the lines {BEGIN}{name}{CLOSE} and {END} where its table belongs"
        ))),
    }
}

/// The name of the block that a line begins.
fn begun(line: &str) -> Option<&str> {
    line.trim().strip_prefix(BEGIN)?.strip_suffix(CLOSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A\n\n<!-- begin generated: one -->\n\n| old |\n\n<!-- end generated -->\n\nb\n\
                        <!-- begin generated: two -->\n<!-- end generated -->\n";

    fn blocks() -> [Block; 2] {
        [("one", "| new |\n"), ("two", "| 2 |\n")].map(|(name, content)| Block { name, content: content.into() })
    }

    fn error(text: &str) -> String {
        replace(Path::new("a.md"), text, &blocks()).unwrap_err().to_string()
    }

    #[test]
    fn only_what_stands_in_the_blocks_is_replaced_and_a_second_time_changes_nothing() {
        let (text, changed) = replace(Path::new("a.md"), TEXT, &blocks()).unwrap();
        let expected = "# A\n\n<!-- begin generated: one -->\n\n| new |\n\n<!-- end generated -->\n\nb\n\
                        <!-- begin generated: two -->\n\n| 2 |\n\n<!-- end generated -->\n";
        assert_eq!((text.as_str(), changed), (expected, vec!["one", "two"]));
        assert_eq!(replace(Path::new("a.md"), &text, &blocks()).unwrap(), (text, vec![]));
    }

    #[test]
    fn a_file_that_does_not_have_each_block_once_is_an_error_with_its_line() {
        let without = TEXT.replace("generated: two", "generated: tow");
        assert_eq!(error(&without), "a.md: line 10: no table is called `tow`; did you mean `two`?");
        let twice = TEXT.replace("generated: two", "generated: one");
        assert_eq!(error(&twice), "a.md: line 10: the block `one` stands here a second time");
        let lacks = &TEXT[..TEXT.find("b\n<!--").unwrap()];
        assert!(error(lacks).contains("a.md: there is no block `two`; add the lines <!-- begin generated: two -->"));
        for open in
            [TEXT.replacen("<!-- end generated -->\n", "", 1), TEXT.trim_end().replace("-->\n<!-- end", "-->\n<!--")]
        {
            assert!(error(&open).contains("has no end; add the line <!-- end generated -->"), "{open}");
        }
    }
}
