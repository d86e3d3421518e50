import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqFormats

struct Models: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Show the available models, their fields and their prices.",
        discussion: """
            The default model is marked with *. PICTURE shows whether a model needs a picture to edit. FIELDS lists \
            what a job may set. Use the option of that name, or --set for a field specific to the model.

            With --json: a list of the models, one on each line, with the range of each field.

            EXAMPLES
              fluxq models
              fluxq models --json | jq -r .[].id

            \(ExitStatus.help)
            """)

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.run { console in
            try await global.connected(console) { client in
                let answer = try await client.models()
                guard console.json else {
                    try console.print(ModelTable(models: answer.document.data).lines(console.presentation))
                    return .success
                }
                guard case .array(let models) = try JSONText.value(answer.json)["data"] else {
                    throw CommandFailure(
                        .unavailable, code: "protocol_error", "The daemon's answer is not a list of models.")
                }
                try console.print(JSONText.lines(models))
                return .success
            }
        }
    }
}
