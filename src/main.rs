//! The command line, nothing else.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
