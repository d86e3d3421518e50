import ArgumentParser
import FluxqControl
import FluxqControlServer
import FluxqModel
import Testing

@testable import FluxqCommands

@Suite("--set KEY=VALUE")
struct FieldSettingTests {
    @Test(
        "is a truth value, a number as JSON has them, or a text",
        arguments: [
            ("hd=true", .truth(true)), ("hd=false", .truth(false)), ("hd=True", .text("True")),
            ("n=3", .integer(3)), ("n=-3", .integer(-3)), ("n=0", .integer(0)), ("n=-0", .integer(0)),
            ("n=0.5", .number(0.5)), ("n=1e3", .number(1000)), ("n=1.5E-3", .number(0.0015)),
            ("n=007", .text("007")), ("n=+1", .text("+1")), ("n=.5", .text(".5")), ("n=1.", .text("1.")),
            ("n=0x10", .text("0x10")), ("n=1_000", .text("1_000")), ("n=inf", .text("inf")), ("n=nan", .text("nan")),
            ("n= 1", .text(" 1")), ("n=1e999", .text("1e999")), ("n=null", .text("null")),
            ("size=1024x1024", .text("1024x1024")), ("size=", .text("")), ("a=b=c", .text("b=c")),
            ("a=\"1\"", .text("\"1\"")), ("x=９", .text("９")),
        ] as [(String, EditRequest.ParameterValue)])
    func value(_ argument: String, _ value: EditRequest.ParameterValue) throws {
        #expect(try FieldSetting(argument: argument).value == value)
    }

    private func message(_ arguments: [String]) -> String {
        do {
            _ = try Submit.parse(arguments + ["prompt"])
            return "accepted"
        } catch { return Submit.message(for: error) }
    }

    @Test("sets one field; fluxq's own fields have their own options")
    func mistakes() throws {
        #expect(message(["--set", "size"]).contains("write KEY=VALUE, such as size=1024x1024"))
        #expect(message(["--set", "=1"]).contains("write KEY=VALUE"))
        #expect(message(["--set", "a=1", "--set", "a=1"]).contains("--set gives a twice. Keep one."))
        #expect(message(["--set", "guidance_scale=1"]).contains("set guidance_scale with --guidance-scale."))
        #expect(message(["--set", "prompt=x"]).contains("set prompt with the prompt's argument."))
        let submit = try Submit.parse(["--set", "a=-1", "--set", "b=--x", "prompt"])
        #expect(try FieldSetting.parameters(of: submit.settings) == ["a": .integer(-1), "b": .text("--x")])
    }
}

@Suite("The table of models")
struct ModelTableTests {
    @Test("shows name, endpoint, price, picture and fields; the default is marked")
    func table() {
        let rules = ModelCatalog.Rules(requiresImage: false, omit: ["seed", "response_format"], parameters: ["size"])
        let catalog = ModelCatalog(
            offering: ["v", "own", "text"],
            rules: [
                "v": .init(requiresImage: true), "own": rules,
                "text": .init(omit: ["image", "n", "strength", "seed", "steps", "guidance_scale", "negative_prompt"]),
            ])
        let models = catalog.models.map { model in
            ModelDocument(
                id: model, endpoint: "e\u{1B}[1m", isDefault: model == "v", price: model == "v" ? 0.08 : nil,
                currency: model == "v" ? "USD" : nil, fields: catalog.fields(of: model).map(ModelDocument.Field.init))
        }
        let lines = ModelTable(models: models).lines(Sample.pipe)
        #expect(lines.count == 4)
        #expect(lines[0].split(separator: " ") == ["MODEL", "ENDPOINT", "PRICE", "PICTURE", "FIELDS"])
        #expect(lines[1].hasPrefix("v *    "))
        #expect(
            lines[1].hasSuffix(
                "0.08 USD  needed    n, strength, seed, steps, guidance_scale, negative_prompt, response_format"))
        #expect(lines[2].hasSuffix("  -  optional  n, strength, steps, guidance_scale, negative_prompt, size"))
        #expect(lines[3].hasSuffix("  -  none      response_format"))
        #expect(!lines.joined().contains("\u{1B}"))
    }
}
