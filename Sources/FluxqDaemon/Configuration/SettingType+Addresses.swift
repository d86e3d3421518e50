import FluxqHost

extension SettingType<LoopbackAddress> {
    static var loopbackAddress: SettingType {
        .one(
            "a loopback address with a port from 1 to 65535, such as 127.0.0.1:7839 or \"[::1]:7839\" (fluxqd serves "
                + "only its own host)", write: quoted
        ) { text in
            LoopbackAddress(text).flatMap { $0.port == 0 ? nil : $0 }
        }
    }

    /// A bracket at the beginning would be a list in the file.
    private static func quoted(_ address: LoopbackAddress) -> String {
        address.host == .v6 ? "\"\(address)\"" : "\(address)"
    }
}

extension SettingType<[LoopbackAddress]> {
    /// One address, or a list.
    static var loopbackAddresses: SettingType {
        let list = SettingType.list(
            of: .loopbackAddress, "a loopback address or a list of them, such as [127.0.0.1:7839, \"[::1]:7839\"]",
            make: { $0 }, elements: { $0 })
        return SettingType(
            shape: .list,
            read: { node throws(SettingRejection) in
                if case .text = node.content { return [try SettingType<LoopbackAddress>.loopbackAddress.read(node)] }
                let addresses = try list.read(node)
                for address in addresses where addresses.count(where: { $0 == address }) > 1 {
                    throw node.rejection("gives \(address) twice. Keep one")
                }
                return addresses
            },
            write: { $0.isEmpty ? nil : list.write($0) })
    }
}
