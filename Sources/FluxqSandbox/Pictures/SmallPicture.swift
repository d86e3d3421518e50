import FluxqFormats
import FoundationEssentials

/// One small real picture, 24 × 16 pixels, for each format that the sandbox does not draw.
enum SmallPicture {
    /// nil for PNG, which is drawn.
    static func bytes(of format: PictureFormat) -> [UInt8]? {
        switch format {
        case .png: nil
        case .jpeg: jpeg
        case .webp: webp
        case .gif: gif
        case .avif: avif
        }
    }

    private static func decoded(_ base64: String) -> [UInt8] {
        Data(base64Encoded: base64, options: .ignoreUnknownCharacters).map(Array.init) ?? []
    }

    private static let jpeg = decoded(
        """
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNS
        Mj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P
        T0//wAARCAAQABgDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQID
        AAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlq
        c3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3
        +Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEI
        FEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImK
        kpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDl
        bfSuny1qW+ldPlroYtOSMDcPwq5FZs3CLtH610VsdQw2k3d9lucWAzNu2phxaekfUc+gorqbfSuny0V5cs7xEneCSX3n1lDMVybn/9k=
        """)

    private static let webp = decoded(
        """
        UklGRqYAAABXRUJQVlA4IJoAAADwBACdASoYABAAPrVKn0mnJCKhMAgA4BaJbACdMoRwN6B+KoBjJeGZjjo0C209uYAA/vXcSm1GtkM4
        c0GmfG6mEEyZlKadq2LxR/7mUK7LJNR2yRfAY6plUm/B+emP5mTwBmJQDFxdRAf/lzvNfXUKW8r/3/4+m/whs/Hwdd/+Jj/JySfupd8G
        sjRWvHVqF2IlCPRXT71wAAAA
        """)

    private static let gif = decoded(
        """
        R0lGODdhGAAQAIMAAN3uat3ESpXdMDfudTfEyd2RLJWRqlORyxaRpd1NuJVNwd0RwZURlFNNlxZNcTcRWCwAAAAAGAAQAEAInAAfCBxI
        kIHBgwYXKFyIoKHDAxAjHjBAsYDFixYdaNzYoGNHBSBDJhhJMgGBkyhRCljJcmWAlzADEJzZAOHBhTg3OvDoMaRPBSMxOkwpESJLjAVg
        piTQsilLAFCjApg502ZCnAp1auRZk4FPkjl1cm3wE2RJiw4fFi2LtEBaBEUlGmh7EcFSlEabxlR612nLl1IBoBxA2O/TwFADAgA7
        """)

    private static let avif = decoded(
        """
        AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAA
        AAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAXgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFD
        b2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAGAAAABAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJu
        Y2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAZm1kYXQSAAoJGBDv7RAQ0GhAMk8ZR4eGIYeeeeaFFQDXb2z1Ay+3ExHv
        infgfL/F8tlJeS2VX43x2MZyxKpxg3W41bLw1lyF///nEFmnsvuXEStoQ/x7TDArcXG7dgOpG3PW
        """)
}
