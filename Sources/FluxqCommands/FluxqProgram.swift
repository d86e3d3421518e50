import ArgumentParser

/// The program `fluxq`.
package enum FluxqProgram {
    /// Reads the command line, does what it says, and ends the process with the status that says how it went.
    package static func run() async {
        await FluxqCommand.main()
    }
}
