import FluxqControl
import FluxqModel

extension InputDocument {
    init(_ picture: StoredPicture) {
        self.init(
            image: picture.hash.description, mediaType: picture.mediaType, width: picture.width,
            height: picture.height, bytes: picture.bytes)
    }
}
