import ArgumentParser
import FluxqHost

/// The whole program, for an executable that only starts it.
package enum FluxqdProgram {
    package static func run() async {
        StandardStreams.secure()
        await FluxqdCommand.main(ProgramArguments.take(for: "fluxqd"))
    }
}
