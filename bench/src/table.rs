//! Output: a table for people, JSON for programs.

use serde::Serialize;

use crate::goal::Figure;
use crate::store::Engine;

/// One measured number.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub case: String,
    /// The median of the runs.
    pub value: f64,
    /// The unit.
    pub unit: &'static str,
    /// The goal, and whether it is reached.
    pub goal: Option<String>,
    /// Additional information: percentiles, CPU per job, memory.
    pub more: String,
    /// The figure that this row is, if a goal needs it.
    #[serde(skip)]
    pub figure: Option<Figure>,
}

impl Row {
    pub fn new(case: impl Into<String>, value: f64, unit: &'static str, more: impl Into<String>) -> Self {
        Row { case: case.into(), value, unit, goal: None, more: more.into(), figure: None }
    }

    /// Sets the figure, so that it is compared with its goal, and other figures with it.
    pub fn figure(self, figure: Figure) -> Self {
        Row { figure: Some(figure), ..self }
    }

    /// Compares the row with its goal, which may be relative to a row measured earlier in this run.
    pub fn judge(self, engine: Engine, earlier: &[Row]) -> Self {
        let measured = |figure| earlier.iter().find(|row| row.figure == Some(figure)).map(|row| row.value);
        let goal = self.figure.and_then(|figure| figure.judge(self.value, engine, measured));
        Row { goal, ..self }
    }

    /// Prints the row as a line of a Markdown table.
    pub fn print(&self) {
        let digits = if self.value >= 1000.0 { 0 } else { 2 };
        let goal = self.goal.as_deref().unwrap_or_default();
        println!("| {:<52} | {:>10.digits$} {:<6} | {goal:<46} | {} |", self.case, self.value, self.unit, self.more);
    }
}

/// Prints the head of the table.
pub fn head() {
    println!("| {:<52} | {:>17} | {:<46} | more |", "case", "median", "goal");
    println!("|{:-<54}|{:->18}:|{:-<48}|---|", "", "", "");
}
