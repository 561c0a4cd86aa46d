//! Figures, the medians of their rounds, and how they are shown.

use std::fmt::Write;

use serde_json::{Value, json};

/// What is wanted of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// dialtone so many times as good as nginx in the same round.
    Times(f64),
    AtLeast(f64),
    AtMost(f64),
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One measured quantity: a value a round, of dialtone and, where it is compared, of nginx.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub part: &'static str,
    pub what: String,
    pub unit: &'static str,
    pub better: Better,
    pub goal: Option<Goal>,
    pub dialtone: Vec<f64>,
    pub nginx: Vec<f64>,
}

impl Figure {
    pub(crate) fn new(
        part: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        better: Better,
    ) -> Figure {
        let (dialtone, nginx) = (Vec::new(), Vec::new());
        Figure { part, what: what.into(), unit, better, goal: None, dialtone, nginx }
    }

    pub(crate) fn wanted(mut self, goal: Goal) -> Figure {
        self.goal = Some(goal);
        self
    }

    /// The figure with the one value there is.
    pub(crate) fn of(mut self, value: f64) -> Figure {
        self.dialtone.push(value);
        self
    }

    /// The median over the rounds of how many times as good dialtone is: a round's two
    /// values were measured one after the other, so what disturbs the machine for longer
    /// than that disturbs both.
    fn ratio(&self) -> Option<f64> {
        let rounds = self.dialtone.iter().zip(&self.nginx).map(|(own, other)| match self.better {
            Better::Higher => own / other,
            Better::Lower => other / own,
        });
        median(&rounds.collect::<Vec<_>>())
    }

    fn is_met(&self) -> Option<bool> {
        match self.goal? {
            Goal::Times(least) => self.ratio().map(|ratio| ratio >= least),
            Goal::AtLeast(least) => median(&self.dialtone).map(|value| value >= least),
            Goal::AtMost(most) => median(&self.dialtone).map(|value| value <= most),
        }
    }

    fn json(&self) -> Value {
        let goal = self.goal.map(|goal| match goal {
            Goal::Times(least) => json!({ "times_nginx": least }),
            Goal::AtLeast(least) => json!({ "at_least": least }),
            Goal::AtMost(most) => json!({ "at_most": most }),
        });
        json!({
            "part": self.part, "what": self.what, "unit": self.unit,
            "better": if self.better == Better::Higher { "higher" } else { "lower" },
            "dialtone": median(&self.dialtone), "nginx": median(&self.nginx),
            "times_nginx": self.ratio(), "goal": goal, "met": self.is_met(),
            "rounds": { "dialtone": self.dialtone, "nginx": self.nginx },
        })
    }
}

/// `None` of no values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// As a Markdown table.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| part | figure | dialtone | nginx | times nginx | wanted | met |\n\
         |---|---|--:|--:|--:|--:|---|\n",
    );
    for figure in figures {
        let of = |values: &[f64]| median(values).map_or(String::new(), number);
        let goal = match figure.goal {
            Some(Goal::Times(least)) => format!("{least:.1} times"),
            Some(Goal::AtLeast(least)) => format!("at least {}", number(least)),
            Some(Goal::AtMost(most)) => format!("at most {}", number(most)),
            None => String::new(),
        };
        let met = figure.is_met().map_or("", |met| if met { "yes" } else { "**no**" });
        let ratio = figure.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        writeln!(
            text,
            "| {} | {}, {} | {} | {} | {ratio} | {goal} | {met} |",
            figure.part,
            figure.what,
            figure.unit,
            of(&figure.dialtone),
            of(&figure.nginx),
        )
        .expect("a string takes everything");
    }
    text
}

/// With what it was measured on.
pub(crate) fn json(figures: &[Figure], about: &Value) -> Value {
    json!({ "about": about, "figures": figures.iter().map(Figure::json).collect::<Vec<_>>() })
}

/// Three digits are all that such measurements have.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => {
            let digits = format!("{value:.0}");
            let groups = digits.as_bytes().rchunks(3).rev();
            groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
