//! How results are told: a table for people, JSON for programs.

use serde::Serialize;

/// One measured number.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub case: String,
    /// The median of the runs.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// More about it: percentiles, CPU a job, memory.
    pub more: String,
}

impl Row {
    pub fn new(case: impl Into<String>, value: f64, unit: &'static str, more: impl Into<String>) -> Self {
        Row { case: case.into(), value, unit, more: more.into() }
    }

    /// Prints it as a line of a Markdown table.
    pub fn print(&self) {
        let digits = if self.value >= 1000.0 { 0 } else { 2 };
        println!("| {:<44} | {:>10.digits$} {:<6} | {} |", self.case, self.value, self.unit, self.more);
    }
}

/// Prints the head of the table.
pub fn head() {
    println!("| {:<44} | {:>17} | more |", "case", "median");
    println!("|{:-<46}|{:->18}:|---|", "", "");
}
