import FluxqModel
import FluxqStore

/// Compares the pictures' rows and files with the API's answers.
extension Referee {
    func checkPictures(of rows: [Books.PictureRow]) throws {
        for row in rows {
            if let hash = row.hash { try checkContents(hash, of: row) }
            guard row.state == "lost", let text = row.link, lost.insert(text).inserted, let link = api.links[text]
            else {
                continue
            }
            // By a wall clock that was set, its deadline had passed. But that alone decides nothing.
            let wasOverdue = clockWasSet && row.overdueTries == rules.policy.overdueTries - 1
            if link.isGood, link.isAlive(at: clock.trueTime), !wasOverdue {
                throw Violation(description: "\(text) of \(row.attempt) was given up, but its picture is available")
            }
        }
    }

    func checkContents(_ hash: ContentHash, of row: Books.PictureRow) throws {
        if row.state == "saved", let link = row.link.flatMap({ api.links[$0] }), link.contents.hash != hash {
            throw Violation(description: "\(row.attempt) saved other bytes than \(row.link ?? "") gives")
        }
        if row.link == nil, api.callOfAttempt[row.attempt]?.inline.contains(hash) == false {
            throw Violation(description: "\(row.attempt) has an inline picture that never came")
        }
        guard verified.insert(hash).inserted else { return }
        let path = hash.path(in: directory)
        guard let expected = Contents.byHash[hash], let found = SmallFile.bytes(of: path), found == expected.bytes
        else {
            throw Violation(description: "\(hash) of \(row.attempt) is not in the archive as it came")
        }
    }
}
