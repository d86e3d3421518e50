import FluxqCommands

await FluxqProgram.run()
