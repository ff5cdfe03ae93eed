//! Pieces of HTML that the sections of a page are made of.

use super::format::{escape, typographic};

/// A sentence as HTML: words in backticks are code, minus signs are real ones and percent signs stay with their number.
pub(crate) fn prose(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    let plain = |text: &str| escape(text).replace(" -", " \u{2212}").replace(" %", "\u{a0}%");
    parts.map(|(i, text)| if i % 2 == 1 { format!("<code>{}</code>", escape(text)) } else { plain(text) }).collect()
}

/// A part of the page with its heading, below an anchor; nothing if there is nothing in it.
pub(crate) fn section(anchor: &str, title: &str, under: &str, body: &str) -> String {
    match body.is_empty() {
        true => String::new(),
        false => format!(
            "<section id=\"{anchor}\"><h2>{title}</h2><p class=\"under\">{}</p>\n{body}</section>\n",
            escape(under)
        ),
    }
}

/// A number as people read it, with the number itself for whoever looks closer: it stands in `report.json`.
pub(crate) fn number(value: f64, text: &str) -> String {
    format!("<data value=\"{value:?}\">{}</data>", typographic(text))
}

/// A number that may be missing.
pub(crate) fn number_or_dash(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or("\u{2013}".to_owned(), |value| number(value, &text(value)))
}

/// A table in a box of its own that can be pushed sideways.
pub(crate) fn table(heads: &[&str], rows: &str) -> String {
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n"
    )
}

/// Something that a reader opens.
pub(crate) fn fold(summary: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<details><summary>{summary}</summary>{body}</details>\n") }
}

/// A figure that is no plot: a title, a sentence, a body.
pub(crate) fn figure(class: &str, title: &str, caption: &str, body: &str) -> String {
    format!(
        "<figure class=\"{class}\"><figcaption><h3>{}</h3><p>{}</p></figcaption>{body}</figure>\n",
        escape(title),
        prose(caption)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_all_its_digits_beside_its_text() {
        assert_eq!(number(-0.123_456_789, "-12.3 %"), "<data value=\"-0.123456789\">\u{2212}12.3\u{a0}%</data>");
        assert_eq!(number_or_dash(None, |_| unreachable!()), "\u{2013}");
    }

    #[test]
    fn an_empty_section_is_no_section() {
        assert_eq!((section("a", "A", "of it", ""), fold("more", "")), (String::new(), String::new()));
        assert!(section("a", "A", "x < y", "<p>b</p>").contains("id=\"a\"><h2>A</h2><p class=\"under\">x &lt; y</p>"));
    }
}
