import FluxqTestSupport
import Foundation
import Testing

@Suite("Module dependencies")
struct ModuleDependencyTests {
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

    /// Layers from the bottom up, as in the table of docs/architecture.md:
    /// `| 0: system libraries | `CZlib`, `CLinux` |`. A module may import modules of lower layers, never of its own or a
    /// higher one.
    private static func layers() throws -> [[String]] {
        let rows = try Document("docs/architecture.md").lines.filter { $0.starts(with: #/\| [0-9]: /#) }
        return rows.map { $0.matches(of: /`([^`]+)`/).map { String($0.1) } }
    }

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

    @Test("every module has a layer, and imports only modules of lower layers")
    func arrows() async throws {
        let targets = try await targets()
        let layerOf = try Dictionary(
            uniqueKeysWithValues: Self.layers().enumerated().flatMap { layer, modules in modules.map { ($0, layer) } })
        #expect(Set(targets.map(\.name)) == Set(layerOf.keys))
        for target in targets {
            for module in target.dependencies.compactMap(\.module) {
                let (from, to) = try (#require(layerOf[target.name]), #require(layerOf[module]))
                #expect(to < from, "\(target.name) must not know \(module)")
            }
        }
    }

    @Test("the lowest layer has no dependencies; fluxq links no database, and fluxqd no stand-in of the API")
    func reach() async throws {
        let targets = Dictionary(uniqueKeysWithValues: try await targets().map { ($0.name, $0) })
        for module in try #require(Self.layers().first) {
            #expect(try #require(targets[module]).dependencies.isEmpty)
        }

        func reachable(from name: String) -> Set<String> {
            let modules = targets[name]?.dependencies.compactMap(\.module) ?? []
            return modules.reduce(into: [name]) { $0.formUnion(reachable(from: $1)) }
        }
        let modules = reachable(from: "fluxq")
        let products = Set(modules.flatMap { targets[$0]?.dependencies.compactMap { $0.product?.first ?? nil } ?? [] })
        #expect(!products.contains("GRDB"))
        #expect(
            modules.isDisjoint(with: [
                "FluxqStore", "FluxqArchive", "FluxqMigrations", "FluxqMaintenance", "FluxqDaemon",
            ])
        )
        #expect(products.contains("ArgumentParser"))
        #expect(!reachable(from: "fluxqd").contains("FluxqSandbox"))
        #expect(reachable(from: "fluxq-sandbox").isDisjoint(with: ["FluxqStore", "FluxqImagesAPI", "FluxqDaemon"]))
    }
}
