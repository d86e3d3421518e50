import FluxqControl
import FluxqHost
import HTTPTypes

/// What a request at a TCP port must show. The kernel names the user whose program sent it, but that program may be a
/// browser, and the request the idea of a web page that the user has open.
///
/// | rule | a page that breaks it | otherwise |
/// |---|---|---|
/// | `Host` is a name of this host's loopback, with the port | of a name that its owner points to 127.0.0.1 (DNS rebinding) | 421 `wrong_host` |
/// | `Sec-Fetch-Site` is `none`, `same-origin` or missing | of another site, or of another port of this host | 403 `cross_site` |
/// | everything but GET and HEAD has `Authorization: Bearer` with any value, or the `Origin` of fluxqd's own page and `X-Fluxq: 1` | with a form or a script for fluxqd: neither can set these fields, because fluxqd never allows it (CORS) | 401 `bearer_missing`, or 403 `cross_site` if the request is of a page |
///
/// The value after `Bearer` is not compared, stored or logged: it proves nothing but that no form sent it.
enum LoopbackRules {
    /// - Parameter address: of the port.
    /// - Returns: nil for a request that may proceed to its route.
    static func refusal(of head: HTTPRequest, at address: LoopbackAddress) -> Problem? {
        let fields = head.headerFields
        // The first Host field is the authority; a second one stays among the fields.
        guard let host = head.authority?.lowercased(), !fields.contains(where: { $0.name.canonicalName == "host" }),
            names(of: address).contains(host)
        else { return .wrongHost(address) }
        let site = fetchSite.map { fields[values: $0] } ?? []
        guard site.allSatisfy(["none", "same-origin"].contains) else { return .crossSite }
        if head.method == .get || head.method == .head || hasBearer(fields) { return nil }
        let origins = fields[values: .origin]
        let marks = mark.map { fields[values: $0] } ?? []
        if origins.isEmpty, marks.isEmpty, site.isEmpty { return .bearerMissing }
        return origins.map { $0.lowercased() } == ["http://\(host)"] && marks == ["1"] ? nil : .crossSite
    }

    private static let fetchSite = HTTPField.Name("Sec-Fetch-Site")
    private static let mark = HTTPField.Name("X-Fluxq")

    /// The values of `Host` for a port. A trailing dot, and names below localhost, are other names.
    private static func names(of address: LoopbackAddress) -> Set<String> {
        let names: Set = ["localhost", "127.0.0.1", "[::1]", "\(address.host)"]
        // Clients leave out the port of the scheme.
        return Set(names.map { "\($0):\(address.port)" }).union(address.port == 80 ? names : [])
    }

    private static func hasBearer(_ fields: HTTPFields) -> Bool {
        let values = fields[values: .authorization]
        guard values.count == 1, let words = values.first?.split(separator: " ", maxSplits: 1), words.count == 2 else {
            return false
        }
        return words[0].lowercased() == "bearer" && words[1].contains { $0 != " " && $0 != "\t" }
    }
}

extension Problem {
    fileprivate static func wrongHost(_ address: LoopbackAddress) -> Problem {
        .init(
            status: 421, code: .wrongHost, title: "Wrong host",
            detail:
                "At this port the Host field must be \(address) or localhost:\(address.port). Use the URL "
                + "http://\(address)/. Through ssh, forward the port under the same number: "
                + "ssh -L \(address.port):\(address). Nothing was done.")
    }

    fileprivate static let crossSite = Problem(
        status: 403, code: .crossSite, title: "From another site",
        detail: "A web page of another site may not use fluxqd. A program must send Authorization: Bearer with any "
            + "value, and no Sec-Fetch-Site of another site. Nothing was done.")

    fileprivate static let bearerMissing = Problem(
        status: 401, code: .bearerMissing, title: "No API key",
        detail:
            "At this port every request but GET and HEAD needs Authorization: Bearer with any value, because no web "
            + "page can send it. Set any text as the client's API key: fluxqd does not compare or store it. Nothing "
            + "was done.")
}
