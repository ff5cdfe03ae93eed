//! A chart: a figure with a title, a legend and panels over one horizontal axis.

use super::format::escape;
use super::panel::{Panel, XAxis, range};

/// One panel, or several above each other over the same horizontal axis.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What is shown, in a sentence; also read out to who cannot see the plots.
    pub(crate) caption: String,
    pub(crate) x: XAxis,
    pub(crate) panels: Vec<Panel>,
}

impl Chart {
    /// The figure as HTML, or nothing if there are no two points to join.
    pub(crate) fn render(&self) -> Option<String> {
        let [from, to] = range(self.panels.iter().flat_map(Panel::xs)).filter(|[from, to]| to > from)?;
        let panel = |(i, panel): (usize, &Panel)| {
            let about = match self.panels.len() {
                1 => format!("{}. {}", self.title, self.caption),
                _ => format!("{}: {}. {}", self.title, panel.y.label, self.caption),
            };
            let about = about.trim_end();
            panel.render(self.x, [from, to], about, i + 1 == self.panels.len())
        };
        let panels = self.panels.iter().enumerate().map(panel).collect::<Option<String>>()?;
        let caption = if self.caption.is_empty() { String::new() } else { format!("<p>{}</p>", escape(&self.caption)) };
        Some(format!(
            "<figure class=\"chart\"><figcaption><h3>{}</h3>{caption}</figcaption>{}{panels}</figure>\n",
            escape(&self.title),
            self.legend(),
        ))
    }

    /// Every label of the panels once, the lines before the areas; a single label is left to the name of its axis.
    fn legend(&self) -> String {
        let mut labels: Vec<&str> = Vec::new();
        let mut items = String::new();
        let bands =
            self.panels.iter().flat_map(|p| &p.bands).map(|b| (Some(b.label.as_str()), b.class.as_str(), "band"));
        // The last line of a panel is drawn on top: it is the one that the panel is about.
        let lines =
            self.panels.iter().flat_map(|p| p.lines.iter().rev().take(1).chain(p.lines.iter().rev().skip(1).rev()));
        for (label, class, kind) in lines.map(|l| (l.label.as_deref(), l.class.as_str(), "line")).chain(bands) {
            let Some(label) = label.filter(|label| !label.is_empty() && !labels.contains(label)) else { continue };
            labels.push(label);
            let mark = match kind {
                "line" => format!("<path class=\"line {class}\" d=\"M0 5H26\"/>"),
                _ => format!("<rect class=\"band {class}\" width=\"26\" height=\"10\"/>"),
            };
            items +=
                &format!("<li><svg width=\"26\" height=\"10\" aria-hidden=\"true\">{mark}</svg>{}</li>", escape(label));
        }
        if labels.len() > 1 { format!("<ul class=\"legend\">{items}</ul>") } else { String::new() }
    }
}

/// Small charts side by side, as many as the page is wide.
pub(crate) fn grid(charts: impl IntoIterator<Item = Chart>) -> String {
    let charts: String = charts.into_iter().filter_map(|chart| chart.render()).collect();
    if charts.is_empty() { charts } else { format!("<div class=\"grid-of\">{charts}</div>\n") }
}

#[cfg(test)]
mod tests {
    use super::super::panel::{Band, Line, NamedSpan, Scale};
    use super::*;

    fn panel(ys: Vec<f64>, scale: Scale) -> Panel {
        let xs = (0..ys.len()).map(|x| x as f64).collect();
        let line = Line { label: Some("agent & co".into()), class: "c0".into(), xs, ys };
        Panel { lines: vec![line], ..Panel::new("USD", scale, 280) }
    }

    fn chart(panels: Vec<Panel>) -> Chart {
        Chart { title: "A < B".into(), caption: "Shown.".into(), x: XAxis::Steps, panels }
    }

    fn drawn(ys: Vec<f64>, scale: Scale) -> Option<String> {
        chart(vec![panel(ys, scale)]).render()
    }

    #[test]
    fn a_line_runs_from_corner_to_corner_of_its_padded_range() {
        let html = drawn(vec![0.0, 100.0], Scale::Linear).unwrap();
        // 4 of 108 units of height are padding on either side.
        assert!(html.contains("d=\"M0 9630L10000 370\""), "{html}");
        assert!(html.contains("data-label=\"agent &amp; co\"") && html.contains("aria-label=\"A &lt; B. Shown.\""));
    }

    #[test]
    fn a_log_scale_gives_equal_factors_equal_heights() {
        let html = drawn(vec![1.0, 10.0, 100.0], Scale::Log).unwrap();
        assert!(html.contains("d=\"M0 9630L5000 5000L10000 370\""), "{html}");
    }

    #[test]
    fn values_that_cannot_be_drawn_leave_no_nan_in_the_page() {
        let html = drawn(vec![1.0, f64::NAN, -5.0, 100.0], Scale::Log).unwrap();
        assert!(!html.contains("NaN") && !html.contains("inf"));
        assert!(drawn(vec![], Scale::Linear).is_none());
        assert!(drawn(vec![5.0], Scale::Linear).is_none());
        assert!(drawn(vec![5.0, 5.0], Scale::Linear).is_some());
    }

    #[test]
    fn panels_share_the_horizontal_axis_and_the_legend() {
        let (mut long, short) =
            (panel(vec![0.0, 1.0, 2.0, 3.0, 4.0], Scale::Linear), panel(vec![7.0, 9.0], Scale::Linear));
        let band = |label: &str| Band {
            label: label.into(),
            class: "c0".into(),
            xs: vec![0.0, 4.0],
            low: vec![1.0, 1.0],
            high: vec![2.0, 2.0],
        };
        long.bands = vec![band("range"), band("range")];
        let html = chart(vec![long, short]).render().unwrap();
        // The second of two steps ends where the second of five does.
        assert!(html.contains("d=\"M0 9630L2500 370\""), "{html}");
        assert_eq!((html.matches("class=\"plot").count(), html.matches("<li>").count()), (2, 2), "{html}");
        assert_eq!(html.matches("class=\"plot above\"").count(), 1);
        assert_eq!(
            html.matches("class=\"x").count(),
            html.rsplit("class=\"plot\"").next().unwrap().matches("class=\"x").count()
        );
    }

    #[test]
    fn a_named_span_is_shaded_where_it_lies() {
        let mut panel = panel(vec![1.0; 11], Scale::Linear);
        let span = |label: &str, from, to| NamedSpan { label: label.into(), from, to };
        panel.spans = vec![span("first", 0.0, 7.5), span("a < z", 7.5, 10.0)];
        let html = chart(vec![panel]).render().unwrap();
        assert!(html.contains("<rect class=\"shade\" x=\"0.00%\" width=\"75.00%\""), "{html}");
        assert!(html.contains("<rect class=\"shade dark\" x=\"75.00%\" width=\"25.00%\""), "{html}");
        assert!(html.contains("class=\"end\" x=\"100.00%\" dy=\"-0.6em\">a &lt; z<"), "{html}");
    }
}
