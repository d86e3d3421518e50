@testable import FluxqFormats

/// Base64 in one piece and in many gives the same bytes or the same failure, and the bytes of a slow independent
/// decoder.
enum Base64Target {
    static func check(_ input: [UInt8]) {
        let whole = decode([input[...]])
        expect(whole == decode(pieces(of: input)), "in pieces it is what it is whole")
        let tolerant = decodeTolerantly([input[...]])
        expect(tolerant == decodeTolerantly(pieces(of: input)), "damaged or not, in pieces it is what it is whole")
        guard case .success(let bytes) = whole else { return }
        expect(tolerant.bytes == bytes && tolerant.damagedAt == nil, "a tolerant decoder reads what is whole as it is")
        expect(bytes.count <= input.count * 3 / 4, "four letters carry no more than three bytes")
        // The letters after the comma of a prefix; base64 itself has no comma.
        let letters = input.lastIndex(of: UInt8(ascii: ",")).map { input[($0 + 1)...] } ?? input[...]
        expect(bytes == slowlyDecode(letters), "another decoder reads the same")
    }

    struct Tolerated: Equatable {
        var bytes: [UInt8] = []
        var damagedAt: Int?
    }

    static func decodeTolerantly(_ pieces: [ArraySlice<UInt8>]) -> Tolerated {
        var decoder = Base64Decoder(tolerant: true)
        var decoded = Tolerated()
        for piece in pieces { decoded.bytes += decoder.decodeTolerantly(Array(piece)) }
        decoded.bytes += decoder.finishTolerantly()
        decoded.damagedAt = decoder.damagedAt
        return decoded
    }

    static func decode(_ pieces: [ArraySlice<UInt8>]) -> Result<[UInt8], Base64Decoder.Failure> {
        var decoder = Base64Decoder()
        var decoded: [UInt8] = []
        do throws(Base64Decoder.Failure) {
            for piece in pieces { decoded += try decoder.decode(piece) }
            decoded += try decoder.finish()
        } catch {
            return .failure(error)
        }
        return .success(decoded)
    }

    /// Decodes bit by bit, and skips every character that is no letter.
    private static func slowlyDecode(_ text: ArraySlice<UInt8>) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bytes: [UInt8] = []
        var (bits, count) = (0, 0)
        for byte in text {
            let letter =
                byte == UInt8(ascii: "-") ? UInt8(ascii: "+") : byte == UInt8(ascii: "_") ? UInt8(ascii: "/") : byte
            guard let value = alphabet.firstIndex(of: letter) else { continue }
            (bits, count) = (bits << 6 | value, count + 6)
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(bits >> count))
            bits &= 1 << count - 1
        }
        return bytes
    }
}
