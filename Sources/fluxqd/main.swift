import FluxqDaemon

await FluxqdProgram.run()
