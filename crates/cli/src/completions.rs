//! `longshore completions`: prints a script with which a shell completes commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::printer::Printer;
use crate::{Cli, Exit};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore completions bash > ~/.local/share/bash-completion/completions/longshore
  longshore completions zsh > ~/.zfunc/_longshore
  longshore completions fish > ~/.config/fish/completions/longshore.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(self, printer: Printer) -> Result<(), Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "longshore", &mut script);
        printer.verbatim(&script)
    }
}
