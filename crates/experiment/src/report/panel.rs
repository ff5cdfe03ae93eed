//! One plot as inline SVG: lines and bands are stretched to the page's width, text and strokes are not.
//!
//! The outer SVG has no view box: its units are CSS pixels and percentages, so that labels keep their size on a phone. The
//! inner one maps 10,000 x 10,000 units onto the plot area.

use super::downsample;
use super::format::{compact, escape, grouped, percent, typographic};
use super::ticks::{self, Tick};

/// One plot of a chart.
pub(crate) struct Panel {
    pub(crate) y: YAxis,
    pub(crate) height_px: u32,
    /// Parts of the horizontal axis that have a name, from left to right.
    pub(crate) spans: Vec<NamedSpan>,
    pub(crate) bands: Vec<Band>,
    pub(crate) lines: Vec<Line>,
    /// Small triangles on top of everything.
    pub(crate) marks: Vec<Mark>,
    /// Close stamps of bars that stand side by side, UTC ns: places from left to right are then their numbers.
    pub(crate) bars: Vec<i64>,
}

/// What runs from left to right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum XAxis {
    /// UTC ns.
    Time,
    /// A count of environment steps.
    Steps,
}

/// What runs upwards.
pub(crate) struct YAxis {
    pub(crate) label: String,
    pub(crate) scale: Scale,
    /// Whether 0 must be in view.
    pub(crate) zero: bool,
}

/// How values become heights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Linear, written as percent.
    Percent,
    /// For values above 0.
    Log,
}

/// One line; without a label it is not in the legend. A thin one has no value under the pointer.
pub(crate) struct Line {
    pub(crate) label: Option<String>,
    pub(crate) class: String,
    pub(crate) xs: Vec<f64>,
    pub(crate) ys: Vec<f64>,
}

/// The area between two lines; without a label it is not in the legend. The height of a `stack` is read by the pointer.
pub(crate) struct Band {
    pub(crate) label: String,
    pub(crate) class: String,
    pub(crate) xs: Vec<f64>,
    pub(crate) low: Vec<f64>,
    pub(crate) high: Vec<f64>,
}

/// A purchase or sale at its place.
pub(crate) struct Mark {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Whether it points upwards, from below its place.
    pub(crate) up: bool,
}

/// A shaded part of the horizontal axis with its name above it.
pub(crate) struct NamedSpan {
    pub(crate) label: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// Side of the inner view box.
const UNITS: f64 = 10_000.0;

/// Where the data lies: `[low, high]` of both axes, the vertical one in scaled values.
struct Domain {
    x: [f64; 2],
    y: [f64; 2],
    scale: Scale,
}

impl Panel {
    pub(crate) fn new(label: &str, scale: Scale, height_px: u32) -> Self {
        let y = YAxis { label: label.to_owned(), scale, zero: false };
        let (spans, bands, lines, marks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { y, height_px, spans, bands, lines, marks, bars: Vec::new() }
    }

    /// The same with 0 in view.
    pub(crate) fn with_zero(mut self) -> Self {
        self.y.zero = true;
        self
    }

    /// All places on the horizontal axis.
    pub(crate) fn xs(&self) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|line| &line.xs).chain(self.bands.iter().flat_map(|band| &band.xs)).copied()
    }

    /// The plot as HTML below the name of its axis; nothing if no value can be drawn.
    ///
    /// `about` says to who cannot see it what is shown; the last panel of a chart has the marks of the horizontal axis.
    pub(crate) fn render(&self, x: XAxis, range: [f64; 2], about: &str, last: bool) -> Option<String> {
        let domain = self.domain(range)?;
        let bands: String = self.bands.iter().map(|band| domain.area(band)).collect();
        let lines: String = self.lines.iter().map(|line| domain.path(line)).collect();
        let classes = [(!last, " above"), (!self.spans.is_empty(), " named")];
        let classes: String = classes.into_iter().filter_map(|(on, class)| on.then_some(class)).collect();
        let (axis, about) = (escape(&self.y.label), escape(about));
        Some(format!(
            "<p class=\"axis\">{axis}</p><div class=\"plot{classes}\" style=\"height:{}px\">\
             <svg class=\"frame\" role=\"img\" aria-label=\"{about}\" {}>{}{}{}\
             <svg viewBox=\"0 0 10000 10000\" preserveAspectRatio=\"none\" width=\"100%\" height=\"100%\">{bands}{lines}</svg>\
             {}</svg></div>",
            self.height_px,
            self.data_attributes(x, &domain) + &self.stamps(),
            self.names(&domain),
            self.y_axis(&domain),
            if last { self.x_axis(x, &domain) } else { String::new() },
            self.marks.iter().map(|mark| domain.mark(mark)).collect::<String>(),
        ))
    }

    /// What the hover script needs to turn positions back into values.
    fn data_attributes(&self, x: XAxis, domain: &Domain) -> String {
        let ([x0, x1], [y0, y1]) = (domain.x, domain.y);
        let (kind, factor) = if x == XAxis::Time { ("time", 1e-6) } else { ("steps", 1.0) };
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

    /// The named spans: every other one is darker, and the last name ends with its span, so that a short one has room.
    fn names(&self, domain: &Domain) -> String {
        let mark = |(i, span): (usize, &NamedSpan)| {
            let [from, to] = [span.from, span.to].map(|x| 100.0 * domain.x_share(x));
            let dark = if i % 2 == 1 { " dark" } else { "" };
            let (at, anchor) = if i > 0 && i + 1 == self.spans.len() { (to, "end") } else { (from, "start") };
            format!(
                "<rect class=\"shade{dark}\" x=\"{from:.2}%\" width=\"{:.2}%\" height=\"100%\"/>\
                 <text class=\"{anchor}\" x=\"{at:.2}%\" dy=\"-0.6em\">{}</text>",
                to - from,
                escape(&span.label)
            )
        };
        self.spans.iter().enumerate().map(mark).collect()
    }

    fn x_axis(&self, x: XAxis, domain: &Domain) -> String {
        let marks: Vec<Tick> = match x {
            _ if !self.bars.is_empty() => {
                ticks::bars(&self.bars, 7).into_iter().map(|(bar, text)| (bar as f64, text)).collect()
            }
            XAxis::Time => ticks::times(domain.x[0], domain.x[1], 7),
            XAxis::Steps => ticks::counts(domain.x[0], domain.x[1], 5),
        };
        let mark = |(i, (x, text)): (usize, &Tick)| {
            let class = if i % 2 == 1 { "x every-other" } else { "x" };
            let at = 100.0 * domain.x_share(*x);
            format!("<text class=\"{class}\" x=\"{at:.2}%\" y=\"100%\" dy=\"1.6em\">{text}</text>")
        };
        marks.iter().enumerate().map(mark).collect()
    }

    /// Stamps of bars at equal distances, so many that the pointer finds the time of each place; nothing if time is the axis.
    fn stamps(&self) -> String {
        const MOST: usize = 400;
        let Some(last) = self.bars.len().checked_sub(1) else { return String::new() };
        let num = MOST.min(last + 1).max(2) - 1;
        let stamps: Vec<String> = (0..=num).map(|i| (self.bars[i * last / num] / 1_000_000).to_string()).collect();
        format!(" data-stamps=\"{}\"", stamps.join(" "))
    }

    fn y_axis(&self, domain: &Domain) -> String {
        let mut out = String::new();
        for (y, text) in self.y_ticks(domain) {
            let (at, class) = (100.0 - domain.y_share(y) * 100.0, if y == 0.0 { "grid zero" } else { "grid" });
            out += &format!("<line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{at:.2}%\" y2=\"{at:.2}%\"/>");
            out += &format!("<text class=\"y\" x=\"-8\" y=\"{at:.2}%\" dy=\"0.35em\">{}</text>", typographic(&text));
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
                marks.into_iter().map(|y| (y, compact(y))).collect()
            }
        }
    }

    fn domain(&self, x: [f64; 2]) -> Option<Domain> {
        let scale = self.y.scale;
        let ys =
            self.lines.iter().flat_map(|l| &l.ys).chain(self.bands.iter().flat_map(|b| b.low.iter().chain(&b.high)));
        let ys = ys.copied().chain(self.marks.iter().map(|mark| mark.y));
        let y = range(ys.map(|y| scaled(scale, y)).chain(self.y.zero.then_some(0.0)))?;
        let pad = if y[1] > y[0] { 0.04 * (y[1] - y[0]) } else { 0.05 * y[0].abs().max(1e-9) };
        let bottom = if self.y.zero && y[0] == 0.0 { 0.0 } else { pad };
        let top = if self.y.zero && y[1] == 0.0 { 0.0 } else { pad };
        Some(Domain { x, y: [y[0] - bottom, y[1] + top], scale })
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
        let drawn = |stretch: std::ops::Range<usize>| {
            let points = downsample::line(&line.xs[stretch.clone()], &line.ys[stretch]);
            let steps: Vec<String> = points.iter().map(|&(x, y)| self.at(x, y)).collect();
            format!("M{}", steps.join("L"))
        };
        let path: String = self.stretches(line).into_iter().map(drawn).collect();
        let label = data_label(line.label.as_deref().unwrap_or_default());
        match path.is_empty() {
            true => String::new(),
            false => format!("<path class=\"line {}\"{label} d=\"{path}\"/>", line.class),
        }
    }

    /// The parts of a line between gaps; a line with many gaps is one part, whose gaps are bridged.
    fn stretches(&self, line: &Line) -> Vec<std::ops::Range<usize>> {
        const MANY: usize = 12;
        let drawable: Vec<bool> =
            line.xs.iter().zip(&line.ys).map(|(_, y)| scaled(self.scale, *y).is_finite()).collect();
        let mut parts = Vec::new();
        let mut start = 0;
        for part in drawable.chunk_by(|a, b| a == b) {
            if part[0] {
                parts.push(start..start + part.len());
            }
            start += part.len();
        }
        if parts.len() > MANY {
            parts.clear();
            parts.push(0..drawable.len());
        }
        parts
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
            false => format!(
                "<path class=\"band {}\"{} d=\"M{}Z\"/>",
                band.class,
                data_label(&band.label),
                outline.join("L")
            ),
        }
    }

    fn mark(&self, mark: &Mark) -> String {
        let (x, y) = (100.0 * self.x_share(mark.x), 100.0 - 100.0 * self.y_share(mark.y));
        let kind = if mark.up { "up" } else { "down" };
        match y.is_finite() {
            true => format!("<use href=\"#{kind}\" class=\"{kind}\" x=\"{x:.2}%\" y=\"{y:.2}%\"/>"),
            false => String::new(),
        }
    }
}

impl Band {
    /// Bars from 0 to a height each, between neighbouring edges, `[n + 1]` and `[n]`.
    pub(crate) fn bars(label: &str, class: &str, edges: &[f64], heights: &[f64]) -> Self {
        let xs = edges.windows(2).flat_map(|edge| [edge[0], edge[1]]).collect();
        let twice = |of: &dyn Fn(f64) -> f64| heights.iter().flat_map(|h| [of(*h), of(*h)]).collect();
        let (low, high) = (twice(&|h| h.min(0.0)), twice(&|h| h.max(0.0)));
        Self { label: label.to_owned(), class: class.to_owned(), xs, low, high }
    }
}

fn data_label(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!(" data-label=\"{}\"", escape(label)) }
}

fn scaled(scale: Scale, y: f64) -> f64 {
    if scale == Scale::Log { y.log10() } else { y }
}

/// The lowest and the highest finite value.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let finite = values.filter(|v| v.is_finite());
    finite.fold(None, |seen, v| Some(seen.map_or([v, v], |[low, high]: [f64; 2]| [low.min(v), high.max(v)])))
}
