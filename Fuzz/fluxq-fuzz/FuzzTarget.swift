/// Parsers of bytes from outside. Each target defines what must be true for any bytes.
enum FuzzTarget: String, CaseIterable {
    case picture, answer, base64, submission, multipart

    static let chosen = CommandLine.arguments.dropFirst().first.flatMap(FuzzTarget.init(rawValue:))

    /// Ends the process if a rule is broken; libFuzzer then keeps the input.
    func check(_ input: [UInt8]) {
        switch self {
        case .picture: PictureTarget.check(input)
        case .answer: AnswerTarget.check(input)
        case .base64: Base64Target.check(input)
        case .submission: SubmissionTarget.check(input)
        case .multipart: MultipartTarget.check(input)
        }
    }
}

/// - Parameter rule: a description of the rule.
func expect(_ holds: Bool, _ rule: @autoclosure () -> String) {
    if !holds { fatalError("does not hold: \(rule())") }
}

/// Splits the input into pieces, some of them empty. Their lengths depend on the input only, so that a corpus has whole
/// inputs only.
func pieces(of input: [UInt8]) -> [ArraySlice<UInt8>] {
    var state = input.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let longest = [1, 3, 16, 64][Int(state >> 60 & 3)]
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    while start < input.count {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let length = longest == 1 ? 1 : Int(state >> 33) % (longest + 1)
        let end = min(start + length, input.count)
        pieces.append(input[start..<end])
        start = end
    }
    return pieces
}
