import ArgumentParser

/// The whole program, for an executable that knows nothing but how to start it.
package enum FluxqdProgram {
    package static func run() async {
        await FluxqdCommand.main()
    }
}
