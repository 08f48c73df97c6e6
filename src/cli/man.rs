//! `rxplan man`: manual pages, made of the same descriptions as `--help`.

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::{Cli, CommandError};

/// The page of a command, or of the program, in roff: `man -l -` shows it.
pub(super) fn page(command: Option<&str>) -> Result<String, CommandError> {
    let mut program = Cli::command();
    program.build();
    let described = match command {
        None => program,
        Some(name) => {
            let names: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
            let known = names.join(", ");
            let unknown =
                || CommandError::Usage(format!("\"{name}\" is no command; write one of {known}"));
            program.find_subcommand(name).ok_or_else(unknown)?.clone()
        }
    };
    let mut roff = Vec::new();
    Man::new(described).render(&mut roff).map_err(CommandError::Stdout)?;
    Ok(String::from_utf8_lossy(&roff).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let whole = page(None).unwrap();
        assert!(whole.contains(".TH rxplan 1"), "{whole}");
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(whole.contains(&format!("rxplan\\-{}(1)", name.replace('-', "\\-"))), "{name}");
            let page = page(Some(name)).unwrap();
            assert!(page.contains(&format!(".TH rxplan-{name} 1")), "{page}");
        }
        let error = page(Some("plam")).unwrap_err().to_string();
        assert!(error.starts_with("\"plam\" is no command; write one of footprint, "), "{error}");
    }
}
