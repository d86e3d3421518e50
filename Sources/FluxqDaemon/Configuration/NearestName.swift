/// Finds the name that was probably meant.
enum NearestName {
    /// - Returns: the candidate that was most likely meant by `word`, or nil if none is similar.
    static func of(_ word: String, among candidates: [String]) -> String? {
        if word.isEmpty { return nil }
        if let sameLeaf = candidates.first(where: { leaf($0) == leaf(word) }) { return sameLeaf }
        let ranked = candidates.map { (name: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
        if let ranked, ranked.distance <= max(2, word.count / 4) { return ranked.name }
        return candidates.first { $0.hasPrefix(word) || word.hasPrefix($0 + "_") }
    }

    private static func leaf(_ name: String) -> Substring {
        name.suffix(from: name.lastIndex(of: ".").map(name.index(after:)) ?? name.startIndex)
    }

    /// The number of insertions, deletions and replacements between the two (Levenshtein distance).
    private static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second)
        var row = Array(0...second.count)
        for (i, character) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in second.indices {
                let replaced = diagonal + (character == second[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[second.count]
    }
}
