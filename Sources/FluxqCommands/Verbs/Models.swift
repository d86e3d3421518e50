import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqFormats

struct Models: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Show which models jobs can ask for, what each takes and costs.",
        discussion: """
            A job that names no model gets the one marked with *. "PICTURE" says whether a model needs a picture to edit. \
            Fields are those that a job may set, by their options or, if they are the model's own, with --set.

            With --json: a list of them, one on each line, with the range of each field.

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
