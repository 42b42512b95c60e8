//! How results are told: a table for people, JSON for programs.

use serde::Serialize;

use crate::goal::Goal;

/// One measured number.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub case: String,
    /// The median of the runs.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What we aim at, and whether it is reached.
    pub goal: Option<String>,
    /// More about it: percentiles, CPU a job, memory.
    pub more: String,
}

impl Row {
    pub fn new(case: impl Into<String>, value: f64, unit: &'static str, more: impl Into<String>) -> Self {
        Row { case: case.into(), value, unit, goal: None, more: more.into() }
    }

    /// Tells beside it what we aim at.
    pub fn goal(mut self, goal: Option<Goal>) -> Self {
        let word = |goal: &Goal| if goal.is_reached(self.value) { "reached" } else { "missed" };
        self.goal = goal.map(|goal| format!("{goal}: {}", word(&goal)));
        self
    }

    /// Prints it as a line of a Markdown table.
    pub fn print(&self) {
        let digits = if self.value >= 1000.0 { 0 } else { 2 };
        let goal = self.goal.as_deref().unwrap_or_default();
        println!("| {:<48} | {:>10.digits$} {:<6} | {goal:<16} | {} |", self.case, self.value, self.unit, self.more);
    }
}

/// Prints the head of the table.
pub fn head() {
    println!("| {:<48} | {:>17} | {:<16} | more |", "case", "median", "goal");
    println!("|{:-<50}|{:->18}:|{:-<18}|---|", "", "", "");
}
