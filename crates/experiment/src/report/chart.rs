//! A line chart as inline SVG: lines and bands are stretched to the page's width, text and strokes are not.
//!
//! The outer SVG has no view box: its units are CSS pixels and percentages, so that labels keep their size on a phone. The
//! inner one maps 10,000 x 10,000 units onto the plot area.

use super::downsample;
use super::format::{escape, grouped, percent, typographic};
use super::ticks::{self, Tick};

/// A figure with a title, a legend and one plot.
pub(super) struct Chart {
    pub(super) title: String,
    /// What is shown, in a sentence; also read out to who cannot see the plot.
    pub(super) caption: String,
    pub(super) x: XAxis,
    pub(super) y: YAxis,
    pub(super) height_px: u32,
    pub(super) bands: Vec<Band>,
    pub(super) lines: Vec<Line>,
}

/// What runs from left to right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum XAxis {
    /// UTC ns.
    Time,
    /// A count of environment steps.
    Steps,
}

/// What runs upwards.
pub(super) struct YAxis {
    pub(super) label: String,
    pub(super) scale: Scale,
    /// Whether 0 must be in view.
    pub(super) zero: bool,
}

/// How values become heights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// Linear, written as percent.
    Percent,
    /// For values above 0.
    Log,
}

/// One line; without a label it is not in the legend.
pub(super) struct Line {
    pub(super) label: Option<String>,
    pub(super) class: String,
    pub(super) xs: Vec<f64>,
    pub(super) ys: Vec<f64>,
}

/// The area between two lines.
pub(super) struct Band {
    pub(super) label: String,
    pub(super) class: String,
    pub(super) xs: Vec<f64>,
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
}

/// Side of the inner view box.
const UNITS: f64 = 10_000.0;

/// Where the data lies: `[low, high]` of both axes, the vertical one in scaled values.
struct Domain {
    x: [f64; 2],
    y: [f64; 2],
    scale: Scale,
}

impl Chart {
    /// The figure as HTML, or nothing if there are no two points to join.
    pub(super) fn render(&self) -> Option<String> {
        let domain = self.domain()?;
        let bands: String = self.bands.iter().map(|band| domain.area(band)).collect();
        let lines: String = self.lines.iter().map(|line| domain.path(line)).collect();
        let (title, caption) = (escape(&self.title), escape(&self.caption));
        Some(format!(
            "<figure class=\"chart\"><figcaption><h3>{title}</h3><p>{caption}</p></figcaption>{}\
             <p class=\"axis\">{}</p><div class=\"plot\" style=\"height:{}px\">\
             <svg class=\"frame\" role=\"img\" aria-label=\"{title}. {caption}\" {}><title>{title}</title>{}\
             <svg viewBox=\"0 0 10000 10000\" preserveAspectRatio=\"none\" width=\"100%\" height=\"100%\">{bands}{lines}</svg>\
             </svg></div></figure>\n",
            self.legend(),
            escape(&self.y.label),
            self.height_px,
            self.data_attributes(&domain),
            self.axes(&domain),
        ))
    }

    fn legend(&self) -> String {
        let bands = self.bands.iter().map(|b| (b.label.as_str(), b.class.as_str(), "swatch"));
        // The last line is drawn on top: it is the one that the chart is about.
        let lines = self.lines.iter().rev().take(1).chain(self.lines.iter().take(self.lines.len().saturating_sub(1)));
        let lines = lines.filter_map(|l| Some((l.label.as_deref()?, l.class.as_str(), "stroke")));
        let items: String = lines
            .chain(bands)
            .map(|(label, class, kind)| {
                let mark = match kind {
                    "stroke" => format!("<path class=\"line {class}\" d=\"M0 5H26\"/>"),
                    _ => format!("<rect class=\"band {class}\" width=\"26\" height=\"10\"/>"),
                };
                format!("<li><svg width=\"26\" height=\"10\" aria-hidden=\"true\">{mark}</svg>{}</li>", escape(label))
            })
            .collect();
        format!("<ul class=\"legend\">{items}</ul>")
    }

    /// What the hover script needs to turn positions back into values.
    fn data_attributes(&self, domain: &Domain) -> String {
        let ([x0, x1], [y0, y1]) = (domain.x, domain.y);
        let (kind, factor) = if self.x == XAxis::Time { ("time", 1e-6) } else { ("steps", 1.0) };
        let scale = match self.y.scale {
            Scale::Linear => "linear",
            Scale::Percent => "percent",
            Scale::Log => "log",
        };
        let (x0, x1) = (x0 * factor, x1 * factor);
        format!(
            "data-x=\"{kind}\" data-x0=\"{x0:.0}\" data-x1=\"{x1:.0}\" data-y=\"{scale}\" data-y0=\"{y0:e}\" data-y1=\"{y1:e}\""
        )
    }

    fn axes(&self, domain: &Domain) -> String {
        let mut out = String::new();
        for (y, text) in self.y_ticks(domain) {
            let (at, class) = (100.0 - domain.y_share(y) * 100.0, if y == 0.0 { "grid zero" } else { "grid" });
            out += &format!("<line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{at:.2}%\" y2=\"{at:.2}%\"/>");
            out += &format!("<text class=\"y\" x=\"-8\" y=\"{at:.2}%\" dy=\"0.35em\">{}</text>", typographic(&text));
        }
        let marks = match self.x {
            XAxis::Time => ticks::times(domain.x[0], domain.x[1], 7),
            XAxis::Steps => ticks::counts(domain.x[0], domain.x[1], 5),
        };
        for (i, (x, text)) in marks.iter().enumerate() {
            let at = domain.x_share(*x) * 100.0;
            let class = if i % 2 == 1 { "x every-other" } else { "x" };
            out += &format!("<line class=\"mark\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"100%\" y2=\"100%\"/>");
            out += &format!("<text class=\"{class}\" x=\"{at:.2}%\" y=\"100%\" dy=\"1.6em\">{text}</text>");
        }
        out
    }

    fn y_ticks(&self, domain: &Domain) -> Vec<Tick> {
        let [low, high] = domain.y;
        let target = (self.height_px / 44).max(3) as usize;
        match self.y.scale {
            Scale::Linear => ticks::counts_or_fractions(low, high, target),
            Scale::Percent => {
                let marks = ticks::linear(low, high, target);
                let fine = marks.windows(2).any(|pair| pair[1] - pair[0] < 0.0099);
                marks
                    .into_iter()
                    .map(|y| (y, if fine { percent(y, false) } else { grouped(100.0 * y, 0) + " %" }))
                    .collect()
            }
            Scale::Log => {
                let marks = ticks::logarithmic(10_f64.powf(low), 10_f64.powf(high));
                marks.into_iter().map(|y| (y, super::format::compact(y))).collect()
            }
        }
    }

    fn domain(&self) -> Option<Domain> {
        let scale = self.y.scale;
        let xs = self.lines.iter().flat_map(|line| &line.xs).chain(self.bands.iter().flat_map(|band| &band.xs));
        let ys =
            self.lines.iter().flat_map(|l| &l.ys).chain(self.bands.iter().flat_map(|b| b.low.iter().chain(&b.high)));
        let x = range(xs.copied())?;
        let y = range(ys.map(|&y| scaled(scale, y)).chain(self.y.zero.then_some(0.0)))?;
        let pad = if y[1] > y[0] { 0.04 * (y[1] - y[0]) } else { 0.05 * y[0].abs().max(1e-9) };
        let bottom = if self.y.zero && y[0] == 0.0 { 0.0 } else { pad };
        let top = if self.y.zero && y[1] == 0.0 { 0.0 } else { pad };
        (x[1] > x[0]).then_some(Domain { x, y: [y[0] - bottom, y[1] + top], scale })
    }
}

impl Domain {
    fn x_share(&self, x: f64) -> f64 {
        (x - self.x[0]) / (self.x[1] - self.x[0])
    }

    fn y_share(&self, y: f64) -> f64 {
        (scaled(self.scale, y) - self.y[0]) / (self.y[1] - self.y[0])
    }

    /// A point in units of the inner view box, as path text.
    fn at(&self, x: f64, y: f64) -> String {
        format!("{:.0} {:.0}", UNITS * self.x_share(x), UNITS * (1.0 - self.y_share(y)))
    }

    fn path(&self, line: &Line) -> String {
        let drawable: Vec<f64> =
            line.ys.iter().map(|&y| if scaled(self.scale, y).is_finite() { y } else { f64::NAN }).collect();
        let points = downsample::line(&line.xs, &drawable);
        let steps: Vec<String> = points.iter().map(|&(x, y)| self.at(x, y)).collect();
        let label = line.label.as_ref().map_or(String::new(), |label| format!(" data-label=\"{}\"", escape(label)));
        match steps.is_empty() {
            true => String::new(),
            false => format!("<path class=\"line {}\"{label} d=\"M{}\"/>", line.class, steps.join("L")),
        }
    }

    fn area(&self, band: &Band) -> String {
        let points: Vec<_> = downsample::band(&band.xs, &band.low, &band.high)
            .into_iter()
            .filter(|(_, low, high)| scaled(self.scale, *low).is_finite() && scaled(self.scale, *high).is_finite())
            .collect();
        let above = points.iter().map(|&(x, _, high)| self.at(x, high));
        let below = points.iter().rev().map(|&(x, low, _)| self.at(x, low));
        let outline: Vec<String> = above.chain(below).collect();
        match outline.is_empty() {
            true => String::new(),
            false => format!("<path class=\"band {}\" d=\"M{}Z\"/>", band.class, outline.join("L")),
        }
    }
}

fn scaled(scale: Scale, y: f64) -> f64 {
    if scale == Scale::Log { y.log10() } else { y }
}

fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let finite = values.filter(|v| v.is_finite());
    finite.fold(None, |seen, v| Some(seen.map_or([v, v], |[low, high]: [f64; 2]| [low.min(v), high.max(v)])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(ys: Vec<f64>, scale: Scale) -> Chart {
        let xs = (0..ys.len()).map(|x| x as f64).collect();
        Chart {
            title: "A < B".into(),
            caption: "Shown.".into(),
            x: XAxis::Steps,
            y: YAxis { label: "USD".into(), scale, zero: false },
            height_px: 280,
            bands: Vec::new(),
            lines: vec![Line { label: Some("agent & co".into()), class: "c0".into(), xs, ys }],
        }
    }

    #[test]
    fn a_line_runs_from_corner_to_corner_of_its_padded_range() {
        let html = chart(vec![0.0, 100.0], Scale::Linear).render().unwrap();
        // 4 of 108 units of height are padding on either side.
        assert!(html.contains("d=\"M0 9630L10000 370\""), "{html}");
        assert!(html.contains("data-label=\"agent &amp; co\"") && html.contains("<title>A &lt; B</title>"));
    }

    #[test]
    fn a_log_scale_gives_equal_factors_equal_heights() {
        let html = chart(vec![1.0, 10.0, 100.0], Scale::Log).render().unwrap();
        assert!(html.contains("d=\"M0 9630L5000 5000L10000 370\""), "{html}");
    }

    #[test]
    fn values_that_cannot_be_drawn_leave_no_nan_in_the_page() {
        let html = chart(vec![1.0, f64::NAN, -5.0, 100.0], Scale::Log).render().unwrap();
        assert!(!html.contains("NaN") && !html.contains("inf"));
        assert!(chart(vec![], Scale::Linear).render().is_none());
        assert!(chart(vec![5.0], Scale::Linear).render().is_none());
        assert!(chart(vec![5.0, 5.0], Scale::Linear).render().is_some());
    }
}
