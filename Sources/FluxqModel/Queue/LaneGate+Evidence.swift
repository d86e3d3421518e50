extension LaneGate.Evidence: Codable {
    private enum CodingKeys: String, CodingKey {
        case holdBegan = "hold_began"
        case probe, parties
        case isForSuspects = "for_suspects"
        case failures, undelivered, refusals, accused, worked
        case suspectOwners = "suspect_owners"
        case suspectJobs = "suspect_jobs"
        case limitBegan = "limit_began"
        case limitParties = "limit_parties"
        case limited
        case hasWorkedSinceLimited = "worked_since_limited"
        case limitedOwners = "limited_owners"
        case limitedJobs = "limited_jobs"
        case pace
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value: Decodable>(_ key: CodingKeys, _ absent: Value) throws -> Value {
            try values.decodeIfPresent(Value.self, forKey: key) ?? absent
        }
        self.init()
        holdBegan = try value(.holdBegan, 0)
        probe = try values.decodeIfPresent(Int.self, forKey: .probe)
        parties = try value(.parties, [])
        isForSuspects = try value(.isForSuspects, false)
        failures = try value(.failures, [])
        undelivered = try value(.undelivered, [])
        refusals = try value(.refusals, [])
        accused = try value(.accused, [])
        worked = try value(.worked, [])
        suspectOwners = try value(.suspectOwners, [])
        suspectJobs = try value(.suspectJobs, [])
        limitBegan = try value(.limitBegan, 0)
        limitParties = try value(.limitParties, [])
        limited = try value(.limited, [])
        hasWorkedSinceLimited = try value(.hasWorkedSinceLimited, false)
        limitedOwners = try value(.limitedOwners, [])
        limitedJobs = try value(.limitedJobs, [])
        pace = try value(.pace, CallLimiter())
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        func put<Value: Encodable & Equatable>(_ value: Value, _ key: CodingKeys, unless absent: Value) throws {
            if value != absent { try values.encode(value, forKey: key) }
        }
        try put(holdBegan, .holdBegan, unless: 0)
        try values.encodeIfPresent(probe, forKey: .probe)
        try put(parties, .parties, unless: [])
        try put(isForSuspects, .isForSuspects, unless: false)
        try put(failures, .failures, unless: [])
        try put(undelivered, .undelivered, unless: [])
        try put(refusals, .refusals, unless: [])
        try put(accused, .accused, unless: [])
        try put(worked, .worked, unless: [])
        try put(suspectOwners, .suspectOwners, unless: [])
        try put(suspectJobs, .suspectJobs, unless: [])
        try put(limitBegan, .limitBegan, unless: 0)
        try put(limitParties, .limitParties, unless: [])
        try put(limited, .limited, unless: [])
        try put(hasWorkedSinceLimited, .hasWorkedSinceLimited, unless: false)
        try put(limitedOwners, .limitedOwners, unless: [])
        try put(limitedJobs, .limitedJobs, unless: [])
        try put(pace, .pace, unless: CallLimiter())
    }
}
