/// How the pictures of an answer ended.
package struct Settlement: Hashable, Codable, Sendable {
    /// Asked for by the request.
    package var wanted: Int
    /// In the archive.
    package var saved: Int
    /// Links that died before their picture could be fetched, and inline pictures that the host has lost.
    package var lost: Int
    /// Came, but are no pictures, or are incomplete.
    package var unusable: Int
    /// Why the answer ended before its end; nil if it came whole.
    package var defect: CallTrouble?
    /// Flaws and losses of single pictures.
    package var remarks: [Remark]
    /// Further remarks, which were left out.
    package var moreRemarks: Int

    package init(
        wanted: Int, saved: Int, lost: Int, unusable: Int, defect: CallTrouble? = nil, remarks: [Remark] = [],
        moreRemarks: Int = 0
    ) {
        self.wanted = wanted
        self.saved = saved
        self.lost = lost
        self.unusable = unusable
        self.defect = defect
        self.remarks = remarks
        self.moreRemarks = moreRemarks
    }

    /// The flaw or the loss of one picture.
    package struct Remark: Hashable, Codable, Sendable {
        package enum About: Hashable, Codable, Sendable {
            /// Saved; what was said stands after its name: "ends without its end mark".
            case flaw
            /// Why it could not be saved.
            case lost
            /// What came instead. `isKept`: and its bytes are in the archive.
            case unusable(isKept: Bool)
        }

        package var index: Int
        package var about: About
        package var message: PictureTrouble

        package init(index: Int, about: About, message: PictureTrouble) {
            self.index = index
            self.about = about
            self.message = message
        }
    }
}

extension Settlement {
    /// Of what is said of single pictures: enough to know why.
    private static let mostRemarks = 4

    /// The job's last state, once each of its pictures is saved or can never be.
    func end(canceled: Bool) -> Lifecycle.State {
        if canceled { return .failed(.init(reason: .canceled, .canceledDuringDownload(settlement: told))) }
        if lost > 0 { return .failed(.init(reason: .linkLost, .picturesLost(settlement: told))) }
        if saved == 0 { return .failed(.init(reason: .noImage, .noUsablePicture(settlement: told))) }
        // An item that brought nothing is only missing.
        let isNoteworthy = remarks.contains { $0.about != .unusable(isKept: false) }
        if !isNoteworthy, saved >= wanted, defect == nil { return .done(warning: nil) }
        var warning = told
        if !isNoteworthy { (warning.remarks, warning.moreRemarks) = ([], 0) }
        return .done(warning: .code(.settled(settlement: warning)))
    }

    /// With only the remarks that are shown, each reason once.
    private var told: Settlement {
        var result = self
        var all: [Remark] = []
        for remark in remarks where !all.contains(where: { $0.saysTheSame(as: remark) }) { all.append(remark) }
        result.remarks = Array(all.prefix(Self.mostRemarks))
        result.moreRemarks = all.count - result.remarks.count
        return result
    }
}

extension Settlement.Remark {
    /// A loss is described without the number of its picture.
    fileprivate func saysTheSame(as other: Self) -> Bool {
        about == other.about && message == other.message && (about == .lost || index == other.index)
    }
}
