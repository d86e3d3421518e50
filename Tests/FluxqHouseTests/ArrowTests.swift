import FluxqTestSupport
import Foundation
import Testing

@Suite("The house")
struct ArrowTests {
    private struct Package: Decodable {
        struct Target: Decodable {
            let name: String
            let type: String
            let dependencies: [Dependency]
        }

        /// `{"byName": [name, condition]}` or `{"product": [name, package, …]}`.
        struct Dependency: Decodable {
            let byName: [String?]?
            let target: [String?]?
            let product: [String?]?

            var module: String? { (byName ?? target)?.first ?? nil }
        }

        let targets: [Target]
    }

    /// Floors from the ground up. A module may know what lies below its floor, never what stands beside or above it.
    private static let floors: [[String]] = [
        ["CZlib", "CLinux"],
        ["FluxqModel", "FluxqFormats", "FluxqMigrations"],
        ["FluxqStore", "FluxqArchive", "FluxqImagesAPI", "FluxqControl", "FluxqSandbox", "FluxqUsers", "FluxqProcess"],
        ["FluxqMaintenance"],
        ["FluxqControlServer", "FluxqWorkers", "FluxqControlClient"],
        ["FluxqDaemon", "FluxqCommands"],
        ["fluxqd", "fluxq", "fluxq-sandbox"],
    ]

    private func targets() async throws -> [Package.Target] {
        let directory = try TemporaryDirectory()
        let swift = try ChildProcess(
            "swift",
            ["package", "--package-path", RepositoryFile.root, "--scratch-path", directory.path, "dump-package"],
            environment: ProcessInfo.processInfo.environment, directory: directory.path)
        try #require(await swift.wait() == .exit(0), "\(swift.errors)")
        return try JSONDecoder().decode(Package.self, from: Data(swift.output.utf8)).targets
            .filter { $0.type != "test" && !$0.name.hasPrefix("FluxqTest") && !Repository.tools.contains($0.name) }
    }

    @Test("every module has a floor, and its arrows point down only")
    func arrows() async throws {
        let targets = try await targets()
        let floorOf = Dictionary(
            uniqueKeysWithValues: Self.floors.enumerated().flatMap { floor, rooms in rooms.map { ($0, floor) } })
        #expect(Set(targets.map(\.name)) == Set(floorOf.keys))
        for target in targets {
            for module in target.dependencies.compactMap(\.module) {
                let (from, to) = try (#require(floorOf[target.name]), #require(floorOf[module]))
                #expect(to < from, "\(target.name) must not know \(module)")
            }
        }
    }

    @Test("the ground knows nothing; fluxq links no database, and fluxqd no stand-in of the API")
    func reach() async throws {
        let targets = Dictionary(uniqueKeysWithValues: try await targets().map { ($0.name, $0) })
        for room in Self.floors[0] { #expect(try #require(targets[room]).dependencies.isEmpty) }

        func reachable(from name: String) -> Set<String> {
            let modules = targets[name]?.dependencies.compactMap(\.module) ?? []
            return modules.reduce(into: [name]) { $0.formUnion(reachable(from: $1)) }
        }
        let rooms = reachable(from: "fluxq")
        let products = Set(rooms.flatMap { targets[$0]?.dependencies.compactMap { $0.product?.first ?? nil } ?? [] })
        #expect(!products.contains("GRDB"))
        #expect(
            rooms.isDisjoint(with: ["FluxqStore", "FluxqArchive", "FluxqMigrations", "FluxqMaintenance", "FluxqDaemon"])
        )
        #expect(products.contains("ArgumentParser"))
        #expect(!reachable(from: "fluxqd").contains("FluxqSandbox"))
        #expect(reachable(from: "fluxq-sandbox").isDisjoint(with: ["FluxqStore", "FluxqImagesAPI", "FluxqDaemon"]))
    }
}
