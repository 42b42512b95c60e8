//! Runs two builds of this bench in turns, to find differences that are smaller than those between two runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde::Deserialize;

use crate::measure::{median, quantile};
use crate::store::Result;

/// Compare this build with another one: both run the same cases in turns, and the median ratio is printed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  target/dist/longshore-bench pairs --other /tmp/before/target/dist/longshore-bench -- --only both --seconds 3
  target/dist/longshore-bench pairs --other /tmp/before/target/dist/longshore-bench -- --store redis --only processes")]
pub struct Pairs {
    /// The `longshore-bench` of the other build
    #[arg(long, value_name = "PROGRAM")]
    other: PathBuf,
    /// How many times each build runs
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// The options of each run, after `--`: store, cases, seconds; `--runs 1 --json` is added
    #[arg(last = true, required = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

/// A result that a program printed.
#[derive(Debug, Deserialize)]
struct Row {
    case: String,
    /// Missing if it is not a number.
    value: Option<f64>,
    unit: String,
}

/// The same result of both programs, pair by pair.
#[derive(Debug)]
struct Compared {
    case: String,
    unit: String,
    this: Vec<f64>,
    other: Vec<f64>,
}

impl Pairs {
    /// Runs the pairs, and prints each result that both programs have.
    pub fn run(self) -> Result<()> {
        let this = std::env::current_exe()?;
        let mut all: Vec<Compared> = Vec::new();
        for pair in 0..self.pairs {
            eprintln!("pair {} of {}", pair + 1, self.pairs);
            // The order alternates, so that a machine that becomes slower or faster favours neither build.
            let (ours, theirs) = if pair % 2 == 0 {
                let ours = self.rows(&this)?;
                (ours, self.rows(&self.other)?)
            } else {
                let theirs = self.rows(&self.other)?;
                (self.rows(&this)?, theirs)
            };
            add(&mut all, ours, &theirs);
        }
        if all.is_empty() {
            return Err("the two programs have no figure in common".into());
        }
        println!("| {:<52} | {:>17} | {:>17} | this ÷ other | quartiles |", "case, medians", "this", "other");
        println!("|{:-<54}|{:->18}:|{:->18}:|---:|---:|", "", "", "");
        for compared in all {
            compared.print();
        }
        Ok(())
    }

    fn rows(&self, program: &Path) -> Result<Vec<Row>> {
        let mut command = Command::new(program);
        command.args(&self.options).args(["--runs", "1", "--json"]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|e| format!("{}: {e}", program.display()))?;
        if !output.status.success() {
            return Err(format!("{}: {}", program.display(), output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Adds a pair: the results above zero that both programs have.
fn add(all: &mut Vec<Compared>, ours: Vec<Row>, theirs: &[Row]) {
    for Row { case, value, unit } in ours {
        let other = theirs.iter().find(|row| row.case == case && row.unit == unit).and_then(|row| row.value);
        let (Some(value), Some(other)) = (value, other) else { continue };
        if value <= 0.0 || other <= 0.0 {
            continue;
        }
        match all.iter_mut().find(|compared| compared.case == case && compared.unit == unit) {
            Some(compared) => {
                compared.this.push(value);
                compared.other.push(other);
            }
            None => all.push(Compared { case, unit, this: vec![value], other: vec![other] }),
        }
    }
}

impl Compared {
    fn ratios(&self) -> Vec<f64> {
        self.this.iter().zip(&self.other).map(|(this, other)| this / other).collect()
    }

    /// Prints the comparison as a line of a Markdown table.
    fn print(&self) {
        let mut ratios = self.ratios();
        let number = |value: f64| format!("{value:.0$} {1:<6}", if value >= 1000.0 { 0 } else { 2 }, self.unit);
        let (this, other) = (number(median(self.this.clone())), number(median(self.other.clone())));
        let (low, high) = (quantile(&mut ratios, 0.25), quantile(&mut ratios, 0.75));
        let ratio = median(ratios);
        println!("| {:<52} | {this:>17} | {other:>17} | {ratio:.3} | {low:.3} to {high:.3} |", self.case);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(case: &str, value: f64) -> Row {
        Row { case: case.into(), value: Some(value), unit: "jobs/s".into() }
    }

    #[test]
    fn ratios_are_of_pairs_and_of_figures_that_both_have() {
        let mut all = Vec::new();
        add(&mut all, vec![row("both", 20.0), row("new", 1.0)], &[row("gone", 1.0), row("both", 10.0)]);
        add(&mut all, vec![row("both", 9.0)], &[row("both", 6.0)]);
        add(&mut all, vec![row("both", 9.0)], &[row("both", 0.0)]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].ratios(), [2.0, 1.5]);
    }
}
