import FluxqTestSupport
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

    @Test("a seed that nobody set is drawn; −1 leaves the draw to the API; fields that are not set stay unset")
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
        "what lies outside is named",
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

    @Test("every wrong field is named at once, in the vendor's order")
    func allAtOnce() {
        let draft = Self.draft {
            $0.prompt = ""
            $0.n = 9
            $0.steps = 99
            $0.image = nil
        }
        #expect(Self.errors(draft) == ["prompt", "image", "n", "steps"])
    }

    @Test("other models may do without a picture")
    func otherModels() {
        #expect(Self.errors(Self.draft { $0.image = nil }, model: "somebody/else") == [])
    }
}
