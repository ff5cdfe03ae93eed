//! A heat map: rows of cells over the bars of a span, side by side whatever the time between them.
//!
//! Bars of a market that closes are not spread evenly in time; here each takes as much room as any other, and the marks of the
//! axis stand at the first bar of their time.

use super::format::escape;
use super::panel::range;
use super::ticks;

/// Classes from no attention to the most, `h0` and so on in `style.css`.
pub(super) const LEVELS: usize = 10;

/// Height of the line above the cells, in pixels.
const LINE_PX: f64 = 150.0;
/// Heights of a row, and of all of them, in pixels.
const ROW_PX: [f64; 2] = [7.0, 22.0];
const ROWS_PX: f64 = 420.0;
/// Height that the name of a row needs, in pixels.
const NAME_PX: f64 = 15.0;
/// Letters of a name that have room beside its row.
const NAME_CHARS: usize = 14;

/// Cells by row and block of bars, perhaps below a line.
pub(super) struct HeatMap<'a> {
    pub(super) title: String,
    pub(super) caption: String,
    /// Close stamps of the bars, UTC ns, rising; one behind the last bar that is shown at least.
    pub(super) times: &'a [i64],
    /// Names of the rows, from the top.
    pub(super) rows: Vec<String>,
    /// First bar of each block, and the one behind the last, `[B + 1]`.
    pub(super) bounds: &'a [usize],
    /// Place in `classes` of each cell, `[R][B]`; `None` and what is missing stay empty.
    pub(super) cells: Vec<Vec<Option<usize>>>,
    /// Looks of the cells.
    pub(super) classes: Vec<String>,
    /// What the looks mean, as HTML.
    pub(super) legend: String,
    /// A line above the cells: its name and a value for each bar.
    pub(super) above: Option<(String, &'a [f64])>,
}

impl HeatMap<'_> {
    /// The figure as HTML; nothing if there are no cells.
    pub(super) fn render(&self) -> Option<String> {
        let bars = *self.bounds.last()?;
        if bars == 0 || self.rows.is_empty() {
            return None;
        }
        let about = escape(&format!("{}. {}", self.title, self.caption));
        let height = (ROWS_PX / self.rows.len() as f64).clamp(ROW_PX[0], ROW_PX[1]) * self.rows.len() as f64;
        let cells: String = (0..self.classes.len()).map(|class| self.path(class, bars)).collect();
        Some(format!(
            "<figure class=\"heat\"><figcaption><h3>{}</h3><p>{}</p></figcaption>{}{}\
             <div class=\"plot\" style=\"height:{height:.0}px\">\
             <svg class=\"frame\" role=\"img\" aria-label=\"{about}\">{}{}\
             <svg viewBox=\"0 0 10000 10000\" preserveAspectRatio=\"none\" width=\"100%\" height=\"100%\">{cells}</svg>\
             </svg></div></figure>\n",
            escape(&self.title),
            escape(&self.caption),
            self.legend,
            self.line(bars).unwrap_or_default(),
            self.names(height),
            self.marks(bars),
        ))
    }

    /// All cells of a look; neighbours in a row are one rectangle.
    fn path(&self, class: usize, bars: usize) -> String {
        let rows = self.rows.len();
        let x = |bound: usize| 10_000 * bound / bars;
        let y = |row: usize| 10_000 * row / rows;
        let mut path = String::new();
        for (row, cells) in self.cells.iter().enumerate() {
            let mut start = 0;
            for run in cells.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                if run[0] == Some(class) {
                    let (from, to) = (x(self.bounds[start]), x(self.bounds[end]));
                    let (top, height) = (y(row), y(row + 1) - y(row));
                    path += &format!("M{from} {top}H{to}v{height}H{from}z");
                }
                start = end;
            }
        }
        if path.is_empty() { path } else { format!("<path class=\"cell {}\" d=\"{path}\"/>", self.classes[class]) }
    }

    /// The names of the rows, so many that they do not touch.
    fn names(&self, height_px: f64) -> String {
        let rows = self.rows.len();
        let every = (NAME_PX * rows as f64 / height_px).ceil().max(1.0) as usize;
        // The last row is the latest: its name is always there.
        let named = |row: &usize| (rows - 1 - row).is_multiple_of(every);
        let name = |row: usize| {
            let at = 100.0 * (row as f64 + 0.5) / rows as f64;
            let name = escape(&shortened(&self.rows[row]));
            format!("<text class=\"y\" x=\"-8\" y=\"{at:.2}%\" dy=\"0.35em\">{name}</text>")
        };
        (0..rows).filter(named).map(name).collect()
    }

    /// The marks of the axis below, at the first bar of their time.
    fn marks(&self, bars: usize) -> String {
        let shown = &self.times[..bars.min(self.times.len())];
        let mark = |(i, (bar, text)): (usize, (usize, String))| {
            let (at, class) = (100.0 * bar as f64 / bars as f64, if i % 2 == 1 { "x every-other" } else { "x" });
            format!("<text class=\"{class}\" x=\"{at:.2}%\" y=\"100%\" dy=\"1.6em\">{text}</text>")
        };
        ticks::bars(shown, 7).into_iter().enumerate().map(mark).collect()
    }

    /// The line above the cells, with two marks on its axis at least.
    fn line(&self, bars: usize) -> Option<String> {
        let (label, values) = self.above.as_ref()?;
        let values = &values[..bars.min(values.len())];
        let [low, high] = range(values.iter().copied())?;
        let pad = if high > low { 0.04 * (high - low) } else { 0.05 * high.abs().max(1e-9) };
        let (low, high) = (low - pad, high + pad);
        let xs: Vec<f64> = (0..values.len()).map(|bar| bar as f64 + 0.5).collect();
        let point = |&(x, y): &(f64, f64)| {
            format!("{:.0} {:.0}", 10_000.0 * x / bars as f64, 10_000.0 * (high - y) / (high - low))
        };
        let points: Vec<String> = super::downsample::line(&xs, values).iter().map(point).collect();
        let mark = |(y, text): (f64, String)| {
            let at = 100.0 * (high - y) / (high - low);
            format!(
                "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{at:.2}%\" y2=\"{at:.2}%\"/>\
                 <text class=\"y\" x=\"-8\" y=\"{at:.2}%\" dy=\"0.35em\">{text}</text>"
            )
        };
        let marks: String = ticks::counts_or_fractions(low, high, 3).into_iter().map(mark).collect();
        let label = escape(label);
        Some(format!(
            "<p class=\"axis\">{label}</p><div class=\"plot above\" style=\"height:{LINE_PX}px\">\
             <svg class=\"frame\" role=\"img\" aria-label=\"{label}\">{marks}\
             <svg viewBox=\"0 0 10000 10000\" preserveAspectRatio=\"none\" width=\"100%\" height=\"100%\">\
             <path class=\"line ink\" d=\"M{}\"/></svg></svg></div>",
            points.join("L")
        ))
    }
}

/// A name as long as there is room for.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("{}\u{2026}", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    /// Four bars on either side of a night, in blocks of one and a half.
    fn drawn(above: Option<(String, &[f64])>) -> String {
        let times: Vec<i64> = [8, 9, 10, 11, 32, 33, 34, 35].map(|hour| hour * HOUR).to_vec();
        let cells = vec![vec![Some(0), Some(0), Some(1), Some(0)], vec![Some(1), None, None, Some(1)]];
        let map = HeatMap {
            title: "A < B".into(),
            caption: "Shown.".into(),
            times: &times,
            rows: vec!["seed 1".into(), "a name that is too long".into()],
            bounds: &[0, 2, 4, 6, 8],
            cells,
            classes: vec!["c1".into(), "c2".into()],
            legend: String::new(),
            above,
        };
        map.render().unwrap()
    }

    #[test]
    fn cells_lie_in_their_row_and_block_and_neighbours_are_joined() {
        let html = drawn(None);
        assert!(html.contains("<path class=\"cell c1\" d=\"M0 0H5000v5000H0zM7500 0H10000v5000H7500z\"/>"), "{html}");
        assert!(
            html.contains("<path class=\"cell c2\" d=\"M5000 0H7500v5000H5000zM0 5000H2500v5000H0zM7500 5000"),
            "{html}"
        );
        assert!(
            html.contains("aria-label=\"A &lt; B. Shown.\"") && html.contains(">a name that is\u{2026}<"),
            "{html}"
        );
    }

    #[test]
    fn a_night_takes_no_room_and_marks_stand_at_the_first_bar_of_their_time() {
        let html = drawn(None);
        // Four round hours lie in the night; the last is marked at the first bar of the second day.
        let marks: Vec<&str> =
            html.split("class=\"x\" x=\"").skip(1).map(|rest| rest.split('%').next().unwrap()).collect();
        assert_eq!(marks, ["50.00"], "{html}");
        assert!(html.contains(">2 Jan 06:00<"), "{html}");
    }

    #[test]
    fn the_line_above_runs_through_the_middles_of_the_bars() {
        let closes: Vec<f64> = (0..8).map(f64::from).collect();
        let html = drawn(Some(("price, USD".into(), &closes)));
        assert!(html.contains("<p class=\"axis\">price, USD</p>") && html.contains("d=\"M625 9630L1875 "), "{html}");
        assert!(html.contains("L9375 370\""), "{html}");
    }

    #[test]
    fn without_bars_there_is_no_map() {
        let map = HeatMap {
            title: String::new(),
            caption: String::new(),
            times: &[],
            rows: vec!["seed 1".into()],
            bounds: &[0],
            cells: vec![Vec::new()],
            classes: Vec::new(),
            legend: String::new(),
            above: None,
        };
        assert!(map.render().is_none());
    }
}
