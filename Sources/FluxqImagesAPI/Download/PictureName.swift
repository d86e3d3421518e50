import FluxqFormats

/// The names under which answers bring pictures, folded as `JSONDiverter` folds them, and what their strings may be.
enum PictureName {
    /// A picture in base64, with or without a `data:` prefix. A text with a scheme is a link all the same.
    case base64
    /// A link, perhaps a relative one; a `data:` link is a picture. What can only be base64 is read as that.
    case link
    /// Often something else, such as a sentence: only a link with its scheme, or base64 that begins as a picture does.
    case loose
    /// What the request said, repeated: never a result.
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
    /// Names of objects and lists that hold pictures, in the order in which they are looked through.
    static let containers = [
        "data", "images", "output", "outputs", "result", "results", "artifacts", "predictions", "samples",
        "generations", "generatedimages", "imageurls", "urls", "outputurls", "response", "candidates", "choices",
        "message", "content", "parts", "item", "items", "body", "payload",
    ]
    /// Names that say of the object they stand in that it is a picture, in the order of preference.
    static let direct = base64Names + ["inlinedata"] + linkNames + ["image", "picture", "file"]

    /// Names under which some repeat the request, with its picture.
    static let echoes: Set<String> = [
        "input", "inputs", "inputimage", "request", "parameters", "params", "reference", "references",
        "referenceimages", "sourceimage", "initimage", "mask",
    ]

    /// Every name whose strings are taken out of the answer. The text that stands alone has the empty name.
    static let all = Set(direct + containers + [""])
}
