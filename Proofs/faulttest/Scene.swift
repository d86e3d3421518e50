import FluxqModel
import FluxqTestSupport
import Foundation

/// The activity during which calls fail.
enum Scene: String, CaseIterable, Sendable {
    /// In a directory that does not exist yet: one job.
    case firstStart = "first start"
    /// In a directory that an earlier daemon has left: an upload, links, inline pictures.
    case work

    struct Order: Sendable {
        let prompt: String
        let picture: SamplePicture
        let format: EditRequest.ResponseFormat
        let n: Int
        /// True if the picture is uploaded first as an input, false if it is part of the job.
        let isUploaded: Bool
    }

    var orders: [Order] {
        let first = Order(
            prompt: "fault 1 sandbox:size=32x32", picture: SamplePictures.png, format: .url, n: 1, isUploaded: true)
        switch self {
        case .firstStart: return [first]
        case .work:
            return [
                first,
                Order(
                    prompt: "fault 2 sandbox:size=40x40", picture: SamplePictures.jpeg, format: .b64JSON, n: 4,
                    isUploaded: false),
                Order(
                    prompt: "fault 3 sandbox:size=48x48", picture: SamplePictures.gif, format: .url, n: 2,
                    isUploaded: true),
            ]
        }
    }
}
