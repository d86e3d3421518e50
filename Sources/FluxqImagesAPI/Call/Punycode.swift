/// Encodes non-ASCII host names for DNS (RFC 3492, RFC 5891): `bücher.example` is `xn--bcher-kva.example`.
enum Punycode {
    private static let (base, tMin, tMax, skew, damp) = (36, 1, 26, 38, 700)
    private static let (firstBias, firstCode) = (72, 0x80)

    /// - Returns: nil if a label cannot be encoded.
    static func host(_ text: some StringProtocol) -> String? {
        let labels = text.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        var result: [String] = []
        for label in labels {
            if label.allSatisfy(\.isASCII) {
                result.append(String(label))
            } else if let encoded = encoded(String(label)) {
                result.append("xn--" + encoded)
            } else {
                return nil
            }
        }
        return result.joined(separator: ".")
    }

    private static func encoded(_ label: String) -> String? {
        let scalars = label.unicodeScalars.map { Int($0.value) }
        // Accepts letters and digits of any script, with their marks. Rejects characters that only look like part of a
        // host. Also rejects characters that other clients map to others, such as 1 for １ (RFC 5892, 2.8): they would
        // resolve differently.
        guard label.unicodeScalars.allSatisfy({ $0.isASCII || $0.properties.isIDContinue && isStable($0) }),
            scalars.count <= 63
        else {
            return nil
        }
        var output = scalars.filter { $0 < firstCode }
        let basic = output.count
        var handled = basic
        if basic > 0 { output.append(0x2D) }
        var (code, delta, bias) = (firstCode, 0, firstBias)
        while handled < scalars.count {
            guard let next = scalars.filter({ $0 >= code }).min() else { return nil }
            delta += (next - code) * (handled + 1)
            code = next
            for scalar in scalars {
                if scalar < code { delta += 1 }
                guard scalar == code else { continue }
                var rest = delta
                var k = base
                while true {
                    let threshold = min(max(k - bias, tMin), tMax)
                    if rest < threshold { break }
                    output.append(digit(threshold + (rest - threshold) % (base - threshold)))
                    rest = (rest - threshold) / (base - threshold)
                    k += base
                }
                output.append(digit(rest))
                bias = adapted(delta, count: handled + 1, isFirst: handled == basic)
                delta = 0
                handled += 1
            }
            delta += 1
            code += 1
        }
        return String(decoding: output.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }

    private static func isStable(_ scalar: Unicode.Scalar) -> Bool {
        // The two exceptions of the rule.
        scalar == "ß" || scalar == "ς" || !scalar.properties.changesWhenNFKCCaseFolded
    }

    private static func digit(_ value: Int) -> Int { value < 26 ? 0x61 + value : 0x30 + value - 26 }

    private static func adapted(_ delta: Int, count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / damp : delta / 2
        delta += delta / count
        var k = 0
        while delta > (base - tMin) * tMax / 2 {
            delta /= base - tMin
            k += base
        }
        return k + (base - tMin + 1) * delta / (delta + skew)
    }
}
