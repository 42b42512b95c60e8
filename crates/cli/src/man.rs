//! `longshore man`: prints a manual page, or writes all of them.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use crate::printer::Printer;
use crate::{Cli, Exit};

/// Print the manual page of longshore or of one of its commands
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore man | man -l -
  longshore man enqueue | man -l -
  longshore man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// The command [default: the page of the whole program]
    command: Option<String>,
    /// Write the pages of the program and all its commands to this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

impl Man {
    pub fn run(self, printer: Printer) -> Result<(), Exit> {
        let mut program = Cli::command().disable_help_subcommand(true);
        program.build();
        if let Some(folder) = self.dir {
            let tried = || format!("write manual pages to `{}`", folder.display());
            fs::create_dir_all(&folder).with_context(tried).map_err(Exit::failed)?;
            return clap_mangen::generate_to(program, &folder).with_context(tried).map_err(Exit::failed);
        }
        let page = match &self.command {
            None => program,
            Some(name) => {
                let found = program.get_subcommands().find(|known| known.get_name() == name && !known.is_hide_set());
                let unknown = || Exit::usage(format!("unknown command `{name}`; `longshore --help` lists all"));
                found.ok_or_else(unknown)?.clone().display_name(format!("longshore-{name}"))
            }
        };
        let mut text = Vec::new();
        Page::new(page).render(&mut text).context("write the manual page").map_err(Exit::failed)?;
        printer.verbatim(&text)
    }
}
