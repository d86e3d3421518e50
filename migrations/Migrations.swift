/// The schema's history: every file of this folder, in order. A file that has been released is never changed again.
package struct Migration: Sendable {
    /// The file's name without `.sql`.
    package let name: String
    package let sql: String

    package static let all: [Migration] = [
        Migration(name: "0001_jobs", sql: String(decoding: PackageResources._001_jobs_sql, as: UTF8.self)),
        Migration(name: "0002_limits", sql: String(decoding: PackageResources._002_limits_sql, as: UTF8.self)),
        Migration(name: "0003_access", sql: String(decoding: PackageResources._003_access_sql, as: UTF8.self)),
        Migration(name: "0004_repair", sql: String(decoding: PackageResources._004_repair_sql, as: UTF8.self)),
        Migration(name: "0005_holding", sql: String(decoding: PackageResources._005_holding_sql, as: UTF8.self)),
        Migration(name: "0006_worked", sql: String(decoding: PackageResources._006_worked_sql, as: UTF8.self)),
        Migration(name: "0007_line", sql: String(decoding: PackageResources._007_line_sql, as: UTF8.self)),
        Migration(name: "0008_lanes", sql: String(decoding: PackageResources._008_lanes_sql, as: UTF8.self)),
        Migration(name: "0009_answers", sql: String(decoding: PackageResources._009_answers_sql, as: UTF8.self)),
        Migration(name: "0010_downloads", sql: String(decoding: PackageResources._010_downloads_sql, as: UTF8.self)),
        Migration(name: "0011_books", sql: String(decoding: PackageResources._011_books_sql, as: UTF8.self)),
        Migration(name: "0012_api", sql: String(decoding: PackageResources._012_api_sql, as: UTF8.self)),
        Migration(name: "0013_names", sql: String(decoding: PackageResources._013_names_sql, as: UTF8.self)),
        Migration(name: "0014_forgetting", sql: String(decoding: PackageResources._014_forgetting_sql, as: UTF8.self)),
        Migration(name: "0015_retries", sql: String(decoding: PackageResources._015_retries_sql, as: UTF8.self)),
        Migration(name: "0016_live_text", sql: String(decoding: PackageResources._016_live_text_sql, as: UTF8.self)),
        Migration(name: "0017_phases", sql: String(decoding: PackageResources._017_phases_sql, as: UTF8.self)),
        Migration(name: "0018_messages", sql: String(decoding: PackageResources._018_messages_sql, as: UTF8.self)),
        Migration(name: "0019_door", sql: String(decoding: PackageResources._019_door_sql, as: UTF8.self)),
    ]
}
