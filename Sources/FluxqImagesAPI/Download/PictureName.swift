import FluxqFormats

/// The names of pictures in answers, folded as `JSONDiverter` folds them, and the possible kinds of their strings.
enum PictureName {
    /// A picture in base64, with or without a `data:` prefix. A text with another scheme is still a link.
    case base64
    /// A link, perhaps a relative one. A `data:` link is a picture, and so is a text that can only be base64.
    case link
    /// Often something else, such as a sentence. Only a link with its scheme, or base64 that begins as a picture,
    /// counts.
    case loose
    /// A repetition of the request, never a result.
    case echo

    init(_ folded: String) {
        self =
            Self.base64Names.contains(folded)
            ? .base64 : Self.linkNames.contains(folded) ? .link : Self.echoes.contains(folded) ? .echo : .loose
    }

    static let base64Names = [
        "b64json", "base64", "b64", "imagebase64", "imageb64", "b64image", "base64image", "base64data",
        "bytesbase64encoded", "imagedata", "binary",
    ]
    static let linkNames = [
        "url", "imageurl", "uri", "imageuri", "src", "outputurl", "fileurl", "downloadurl", "signedurl", "publicurl",
        "imageurls", "urls", "outputurls", "link", "sample",
    ]
    /// Names of objects and lists that contain pictures, in the order in which they are searched.
    static let containers = [
        "data", "images", "output", "outputs", "result", "results", "artifacts", "predictions", "samples",
        "generations", "generatedimages", "imageurls", "urls", "outputurls", "response", "candidates", "choices",
        "message", "content", "parts", "item", "items", "body", "payload",
    ]
    /// Names that mark their object as a picture, in the order of preference.
    static let direct = base64Names + ["inlinedata"] + linkNames + ["image", "picture", "file"]

    /// Names under which some APIs repeat the request, with its picture.
    static let echoes: Set<String> = [
        "input", "inputs", "inputimage", "request", "parameters", "params", "reference", "references",
        "referenceimages", "sourceimage", "initimage", "mask",
    ]

    /// Every name whose strings are removed from the answer. A bare text has the empty name.
    static let all = Set(direct + containers + [""])
}
