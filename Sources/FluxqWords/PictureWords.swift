package import FluxqFormats
package import FluxqModel

extension PictureCode: WordedCode {
    package var words: String {
        switch self {
        case .downloaded(let fault, let packing): "The downloaded file \(fault.words).\(packing?.words ?? "")"
        case .inline(let fault): "The inline picture \(fault.words)."
        case .inlineIsNotBase64: "The inline picture is not base64."
        case .inlineLost: "The API sent it inline, and the host went down before it was on disk."
        case .nothingSent: "The API sent neither a link nor a picture."
        case .noLinkLeft: "There is no link left to download it from again."
        case .notDelivered: "Its host does not deliver it."
        case .gone(let last, let before): "\(last.words) Before that: \(before.words)"
        }
    }
}

extension PictureCode.Packing {
    fileprivate var words: String {
        switch self {
        case .coding(let name): " It came with Content-Encoding: \(name)."
        case .damaged: " Its compression is damaged."
        case .tooLarge(let limit): " Uncompressed it is larger than downloads.max_bytes, \(limit) bytes."
        }
    }
}

extension PictureFault {
    /// As the database keeps it.
    package init(_ defect: PictureDefect) {
        switch defect {
        case .notAPicture(let looksLike): self = .notAPicture(looksLike: looksLike)
        case .incomplete(let format): self = .incomplete(format: format.rawValue)
        case .corrupt(let format, let how): self = .corrupt(format: format.rawValue, how: how)
        }
    }

    /// What stands after the name of the file: "is HTML, not a picture".
    fileprivate var words: String {
        switch self {
        case .notAPicture(let looksLike): PictureDefect.notAPicture(looksLike: looksLike).description
        case .incomplete(let name): Self.words(name) { .incomplete($0) } ?? "is an incomplete picture (\(name))"
        case .corrupt(let name, let how): Self.words(name) { .corrupt($0, how) } ?? "is damaged (\(name)): \(how)"
        }
    }

    /// - Returns: nil for a format that only a later fluxqd knows.
    private static func words(_ name: String, _ defect: (PictureFormat) -> PictureDefect) -> String? {
        PictureFormat(rawValue: name).map { defect($0).description }
    }
}
