//! `garthctl`: operates `garthd` over its admin socket.

fn main() -> std::process::ExitCode {
    garth_daemon::ctl::main()
}
