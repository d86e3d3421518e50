await SandboxProgram.run()
