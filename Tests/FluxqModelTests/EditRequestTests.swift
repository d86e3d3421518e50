import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqModel

@Suite("An edit request")
struct EditRequestTests {
    private static func draft(_ change: (inout EditRequest.Draft) -> Void = { _ in }) -> EditRequest.Draft {
        var draft = EditRequest.Draft()
        draft.prompt = "make it rain"
        draft.image = .link("https://example.org/a.png")
        change(&draft)
        return draft
    }

    private static func errors(_ draft: EditRequest.Draft, model: String = EditRequest.modelThatRequiresImage)
        -> [String]
    {
        switch draft.validated(defaultModel: model, drawSeed: { 7 }) {
        case .success: []
        case .failure(let invalid): invalid.fields.map(\.field)
        }
    }

    @Test("a missing seed is drawn; −1 leaves the draw to the API; other missing fields stay missing")
    func defaults() throws {
        let request = try Self.draft().validated(defaultModel: "m", drawSeed: { 7 }).get()
        #expect(request.seed == 7)
        #expect(request.model == "m")
        #expect(request.responseFormat == .url)
        #expect(request.n == nil && request.strength == nil && request.steps == nil && request.guidanceScale == nil)
        let left = try Self.draft { $0.seed = -1 }.validated(defaultModel: "m", drawSeed: { 7 }).get()
        #expect(left.seed == -1)
    }

    @Test(
        "the ends of every range are allowed",
        arguments: [
            draft { $0.n = 1 }, draft { $0.n = 4 }, draft { $0.strength = 0 }, draft { $0.strength = 1 },
            draft { $0.seed = -1 }, draft { $0.seed = 4_294_967_295 }, draft { $0.steps = 1 }, draft { $0.steps = 50 },
            draft { $0.guidanceScale = 1 }, draft { $0.guidanceScale = 10 }, draft { $0.responseFormat = .b64JSON },
            draft { $0.prompt = String(repeating: "x", count: 32_768) }, draft { $0.image = .link("HTTP://h") },
        ])
    func allowed(_ draft: EditRequest.Draft) {
        #expect(Self.errors(draft) == [])
    }

    @Test(
        "a value outside of its range is named",
        arguments: [
            ("n", draft { $0.n = 0 }), ("n", draft { $0.n = 5 }), ("n", draft { $0.n = .min }),
            ("strength", draft { $0.strength = -0.01 }), ("strength", draft { $0.strength = 1.01 }),
            ("strength", draft { $0.strength = .nan }), ("strength", draft { $0.strength = .infinity }),
            ("seed", draft { $0.seed = -2 }), ("seed", draft { $0.seed = 4_294_967_296 }),
            ("steps", draft { $0.steps = 0 }), ("steps", draft { $0.steps = 51 }),
            ("guidance_scale", draft { $0.guidanceScale = 0.99 }),
            ("guidance_scale", draft { $0.guidanceScale = 10.01 }),
            ("prompt", draft { $0.prompt = nil }), ("prompt", draft { $0.prompt = " \n\t" }),
            ("prompt", draft { $0.prompt = "a\0b" }), ("prompt", draft { $0.prompt = "a\u{1B}[2Jb" }),
            ("prompt", draft { $0.prompt = String(repeating: "x", count: 32_769) }),
            ("negative_prompt", draft { $0.negativePrompt = String(repeating: "x", count: 32_769) }),
            ("model", draft { $0.model = "" }), ("model", draft { $0.model = "a\nb" }),
            ("image", draft { $0.image = nil }), ("image", draft { $0.image = .link("ftp://h/x") }),
            ("image", draft { $0.image = .link("https://") }), ("image", draft { $0.image = .link("https:///x") }),
            ("image", draft { $0.image = .link("https://h/a b") }), ("image", draft { $0.image = .link("sha256:12") }),
            ("image", draft { $0.image = .link("/etc/passwd") }),
        ] as [(String, EditRequest.Draft)])
    func refused(_ field: String, _ draft: EditRequest.Draft) {
        #expect(Self.errors(draft) == [field])
    }

    @Test("all invalid fields are reported together, in the vendor's order")
    func allAtOnce() {
        let draft = Self.draft {
            $0.prompt = ""
            $0.n = 9
            $0.steps = 99
            $0.image = nil
        }
        #expect(Self.errors(draft) == ["prompt", "image", "n", "steps"])
    }

    @Test("other models may not need a picture")
    func otherModels() {
        #expect(Self.errors(Self.draft { $0.image = nil }, model: "somebody/else") == [])
    }

    private static let catalog = ModelCatalog(
        offering: ["vendor", "own", "bare"],
        rules: [
            "own": .init(
                requiresImage: false, omit: ["seed", "response_format", "strength"], parameters: ["size", "quality"]),
            "bare": .init(requiresImage: true, omit: [], parameters: []),
        ])

    private static func problems(_ draft: EditRequest.Draft) -> [String] {
        switch draft.validated(by: catalog, drawSeed: { 7 }) {
        case .success: []
        case .failure(let invalid): invalid.fields.map(\.description)
        }
    }

    @Test("fields that a model's API refuses get no defaults, and its additional fields are kept unchanged")
    func otherFields() throws {
        let draft = Self.draft {
            $0.model = "own"
            $0.image = nil
            $0.parameters = ["size": .text("1024x1024"), "quality": .integer(3)]
        }
        let request = try draft.validated(by: Self.catalog, drawSeed: { 7 }).get()
        #expect(request.seed == nil && request.responseFormat == nil)
        #expect(request.parameters == ["size": .text("1024x1024"), "quality": .integer(3)])
        let coder = JSONEncoder()
        coder.outputFormatting = [.sortedKeys]
        let written = try coder.encode(request)
        #expect(
            String(decoding: written, as: UTF8.self)
                == #"{"model":"own","prompt":"make it rain","quality":3,"size":"1024x1024"}"#)
        #expect(try JSONDecoder().decode(EditRequest.self, from: written) == request)
    }

    @Test(
        "a value of a model's own field is decoded as it was encoded",
        arguments: [
            EditRequest.ParameterValue.text("1"), .text(""), .integer(.max), .integer(-1), .number(0.1), .number(-1e-7),
            .number(1e18 + 0.5), .truth(true), .truth(false),
        ])
    func parameterValue(value: EditRequest.ParameterValue) throws {
        let draft = Self.draft {
            $0.model = "own"
            $0.parameters = ["size": value]
        }
        let request = try draft.validated(by: Self.catalog, drawSeed: { 7 }).get()
        let again = try JSONDecoder().decode(EditRequest.self, from: JSONEncoder().encode(request))
        // A whole number is the same however it is written.
        #expect(again.parameters["size"]?.description == value.description || value == .number(1e18 + 0.5))
    }

    @Test("a field that a model does not accept is refused by name, with the accepted ones")
    func refusedByModel() {
        let own = Self.draft {
            $0.model = "own"
            $0.seed = 99_999_999_999
            $0.responseFormat = .url
            $0.strength = 0.5
            $0.parameters = ["style": .text("vivid"), "size": .text(String(repeating: "x", count: 4097))]
        }
        #expect(
            Self.problems(own) == [
                "strength is not a field that own takes. Leave it out",
                "seed is not a field that own takes. Leave it out",
                "response_format is not a field that own takes. Leave it out",
                "style is not a field that own takes: it takes model, prompt, image, n, steps, guidance_scale, "
                    + "negative_prompt, size, quality",
                "size must be at most 4096 bytes, but is 4097",
            ])
        let vendor = Self.draft { $0.parameters = ["size": .text("1024x1024")] }
        #expect(Self.problems(vendor).map { $0.prefix(42) } == ["size is not a field that vendor takes: it "])
        #expect(
            Self.problems(
                Self.draft {
                    $0.model = "own"; $0.parameters = ["size": .number(1e19)]
                })
                == ["size must be a number of at most 64 bits"])
        #expect(
            Self.problems(
                Self.draft {
                    $0.model = "own"; $0.parameters = ["size": .text("a\u{1B}b")]
                })
                == ["size must not contain control characters but tab and new line"])
        let many = Self.draft { draft in
            for number in 100..<900 { draft.parameters["k\(number)"] = .integer(0) }
        }
        #expect(Self.problems(many).count == 11)
        #expect(Self.problems(many).last == "… and 790 more fields that vendor does not take")
        #expect(
            Self.problems(
                Self.draft {
                    $0.model = "bare"; $0.image = nil
                })
                == ["image is required by bare: give the picture to edit"])
    }

    @Test("if no endpoint offers the model, only that is reported")
    func unknownModel() {
        let draft = Self.draft {
            $0.model = "vendro"
            $0.n = 9
        }
        guard case .failure(let invalid) = draft.validated(by: Self.catalog, drawSeed: { 7 }) else {
            Issue.record("accepted")
            return
        }
        #expect(invalid.unknownModel == .init(name: "vendro", offered: ["vendor", "own", "bare"]))
        #expect(invalid.description == "model must be one of vendor, own, bare, but is vendro")
    }

    @Test("the fields of a model are those that are sent to it, with their ranges")
    func fields() {
        let own = Self.catalog.fields(of: "own")
        #expect(
            own.map(\.name) == [
                "model", "prompt", "image", "n", "steps", "guidance_scale", "negative_prompt", "size", "quality",
            ])
        #expect(own.filter(\.isRequired).map(\.name) == ["prompt"])
        #expect(own.first { $0.name == "n" }?.kind == .whole(1...4))
        #expect(Self.catalog.fields(of: "bare").filter(\.isRequired).map(\.name) == ["prompt", "image"])
        // Validation knows exactly the fields of the table.
        let vendors = Self.catalog.fields(of: "vendor").map(\.name)
        #expect(Set(vendors) == Set(EditRequest.CodingKeys.allCases.map(\.rawValue)))
    }
}
