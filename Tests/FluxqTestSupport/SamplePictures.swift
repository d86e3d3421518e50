package import FluxqFormats
import Foundation

/// A small real picture, made by a common encoder of its format.
package struct SamplePicture: Sendable, CustomStringConvertible {
    /// A name such as "a progressive JPEG".
    package let name: String
    package let format: PictureFormat
    /// The size in pixels.
    package let width: Int
    package let height: Int
    package let bytes: [UInt8]

    fileprivate init(_ name: String, _ format: PictureFormat, width: Int, height: Int, base64: String) {
        self.name = name
        self.format = format
        self.width = width
        self.height = height
        bytes = Data(base64Encoded: base64, options: .ignoreUnknownCharacters).map(Array.init) ?? []
    }

    private init(_ sample: SamplePicture, followedBy bytes: Int) {
        (name, format, width, height) = (sample.name, sample.format, sample.width, sample.height)
        self.bytes = sample.bytes + [UInt8](repeating: 7, count: bytes)
    }

    /// The same picture, with bytes after its end. They belong to the file.
    package func followed(byBytes count: Int) -> SamplePicture { .init(self, followedBy: count) }

    package var description: String { name }
    package var info: PictureInfo { PictureInfo(format: format, width: width, height: height) }
}

/// Small real pictures of every format, each below 2 KB. The encoders: Pillow with libjpeg-turbo, libwebp and libavif,
/// pypng for the interlaced PNG, avifenc for the tiles.
package enum SamplePictures {
    package static let all = [
        png, interlacedPNG, jpeg, progressiveJPEG, lossyWebP, losslessWebP, extendedWebP, animatedWebP, gif,
        animatedGIF, avif, transparentAVIF, animatedAVIF, tiledAVIF,
    ]

    /// A PNG.
    package static let png = SamplePicture(
        "a PNG", .png, width: 24, height: 16,
        base64: """
            iVBORw0KGgoAAAANSUhEUgAAABgAAAAQCAIAAACDRijCAAAARklEQVR42mNkYNDgZmDHj3iIUMDCIMjLwMBOORo1iE4G8VJuEC/l
            LuKl3Gu8VAkjXsoDm5fyWOOlPPp5KU9HvJQnSDKTFQDd0w1zt1XBPwAAAABJRU5ErkJggg==
            """)

    /// An interlaced PNG with transparency.
    package static let interlacedPNG = SamplePicture(
        "an interlaced PNG with transparency", .png, width: 9, height: 7,
        base64: """
            iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHCAYAAAGtnFf2AAAArElEQVR4nBXNoRGEAAxE0S0EmSIoIQXgT6yNYOaKwJyIpwEcJh1w
            PRCJvyK4xe28+TMLgPcFvjCDO5C85+R+pWQEzw1cMKZGasB5j85zdu6bc7lcGVrYwha2sIUD+JvA4wOuX/CNwQUucIE/kIIUpCAf
            aEELWtACGO/B+BuN52Q8ZuP+Ma6bcfka35c976EoFIWiUBSKQlEoCkXxRKWoFJWiUlSKSlEpKkXF1x96j3mT/p7nwwAAAABJRU5E
            rkJggg==
            """)

    /// A baseline JPEG.
    package static let jpeg = SamplePicture(
        "a baseline JPEG", .jpeg, width: 24, height: 16,
        base64: """
            /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxO
            UlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P
            T09PT09PT0//wAARCAAQABgDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUF
            BAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW
            V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi
            4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAEC
            AxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVm
            Z2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq
            8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDlbfSuny1qW+ldPlroYtOSMDcPwq5FZs3CLtH610VsdQw2k3d9lucWAzNu2phxaekfUc+g
            orqbfSuny0V5cs7xEneCSX3n1lDMVybn/9k=
            """)

    /// A progressive JPEG with restart markers.
    package static let progressiveJPEG = SamplePicture(
        "a progressive JPEG with restart markers", .jpeg, width: 40, height: 24,
        base64: """
            /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7
            Pj4+JS5ESUM8SDc9Pjv/2wBDAQoLCw4NDhwQEBw7KCIoOzs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7
            Ozs7Ozs7Ozv/wgARCAAYACgDASIAAhEBAxEB/8QAGQAAAwEBAQAAAAAAAAAAAAAAAAQFAgMG/8QAGQEBAAIDAAAAAAAAAAAAAAAA
            BAEGAgMF/90ABAAB/9oADAMBAAIQAxAAAAHzjL+3G//QmaeZyb//0VCyT3v/0urIDr3/063YCh//1L4Fe3//xAAYEAADAQEAAAAA
            AAAAAAAAAAAAAQMSEf/aAAgBAQABBQJSP//QUj//0cJH/9LPT//TUj//1McP/9XJ/9ZSP//XUj//0FI//9FTP//SUj//01I//9TK
            R//Vw2f/xAAaEQADAQADAAAAAAAAAAAAAAAAAQIDBBEh/9oACAEDAQE/Act2z//Qy3SP/9GeT4f/0s7o/9PGmz//1Jt9H//EABsR
            AAICAwEAAAAAAAAAAAAAAAIDAAEEITER/9oACAECAQE/AScpPez/0DyWN1yp/9EV6n//0gqf/9PIbaV+jP/Uu7PZT//EABQQAQAA
            AAAAAAAAAAAAAAAAAAD/2gAIAQEABj8Cf//Qf//Rf//Sf//Tf//Uf//Vf//Wf//Xf//Qf//Rf//Sf//Tf//Uf//Vf//EABsQAAMB
            AQADAAAAAAAAAAAAAAABYRExQVFx/9oACAEBAAE/IZH/0JH/0V0H/9LfhiP/05H/1EvR/9VM+LD/1pH/15H/0JH/0d+n/9KR/9OR
            /9RWM//VXwej/9oADAMBAAIAAwAAABD3/9BD/9Ez/9KL/9P/AP/UD//EABoRAAICAwAAAAAAAAAAAAAAAAABEVEhMUH/2gAIAQMB
            AT8Q1jP/0Owf/9G0f//SvH//032Wf//UVgj/xAAeEQEAAgIBBQAAAAAAAAAAAAABABEhUTFxgcHh8f/aAAgBAgEBPxDEO9Dn13n/
            0B6dA8vwn//Ri//SNbZ//9MpXa1mf//UUutdz//EABsQAAICAwEAAAAAAAAAAAAAAAABEVEhMUFh/9oACAEBAAE/ENY//9DWP//R
            vTpbP//SS8LwLp//09Y//9Rfaun/1cNEvp//1jf/1zf/0NY//9FrSjbtn//SN//TN//UwseCP//Va5UUH//Z
            """)

    /// A lossy WebP.
    package static let lossyWebP = SamplePicture(
        "a lossy WebP", .webp, width: 24, height: 16,
        base64: """
            UklGRqYAAABXRUJQVlA4IJoAAADwBACdASoYABAAPrVKn0mnJCKhMAgA4BaJbACdMoRwN6B+KoBjJeGZjjo0C209uYAA/vXcSm1G
            tkM4c0GmfG6mEEyZlKadq2LxR/7mUK7LJNR2yRfAY6plUm/B+emP5mTwBmJQDFxdRAf/lzvNfXUKW8r/3/4+m/whs/Hwdd/+Jj/J
            ySfupd8GsjRWvHVqF2IlCPRXT71wAAAA
            """)

    /// A lossless WebP.
    package static let losslessWebP = SamplePicture(
        "a lossless WebP", .webp, width: 24, height: 16,
        base64: """
            UklGRtYAAABXRUJQVlA4TMkAAAAvF8ADAH9gJAASLrCBCVaj0clGK9XmL0WRJDVj7BIvdKLiXjjJIERtbe2MHMbImxhcr1ZlKhOo
            OPMfHHFyIaXiQFfif17FkEC8Lc/X7BjM0kmwBWIzOK22vU6wyHSEKNAwQsoG6QiskBGow8IKtwlKFTayyEgsK1zz7/C9Ef2fgTfA
            UdJMsubG3khSz2HpG2csvBoHSbuKHDmpBy/JZW0hgJeytV7lyiYA90oX28BUsm5DF6V2KoyDFCU9Ss1kPJ8wuZ5Az1flBAAA
            """)

    /// An extended WebP, with transparency and metadata.
    package static let extendedWebP = SamplePicture(
        "an extended WebP, with transparency and metadata", .webp, width: 20, height: 30,
        base64: """
            UklGRh4BAABXRUJQVlA4WAoAAAAYAAAAEwAAHQAAQUxQSCoAAAABuYzofxgUt42kLEP/Te/xPVcRE6C2bRvGbUz9QnaFoYR0btyl
            0E/9qAFWUDggvAAAAJAHAJ0BKhQAHgA+0VikTCglI6IwCAEAGglsAJ0yhHUHjHFJbnNhnYTdfqAzCv9ZqpLAxkvDNMKpPSCI6aad
            JhMH7L+3mAD+9Jvm2z6pLvSuq4LGgUAPX43inV/MoS7uWCnTYDrXH97jVBR7DOuGsO61DjXVHuclddT6SLusbVy36vlDG0+2Ktxm
            QHaGHwXvD/lzvK6uFU4voB3oQrm6E1PnsVgFY2BYPAeuYnPEIKrF9Kp6sG04882xAAAARVhJRgoAAABNTQAqAAAACAAA
            """)

    /// An animated WebP.
    package static let animatedWebP = SamplePicture(
        "an animated WebP", .webp, width: 16, height: 12,
        base64: """
            UklGRp4BAABXRUJQVlA4WAoAAAACAAAADwAACwAAQU5JTQYAAAAAAAAAAABBTk1GcAAAAAAAAAAAAA8AAAsAAAAAAAJWUDggWAAA
            AFABAJ0BKhAADAADgFolsAAFjAAA/tc7+2P/4QH/qKve5If/+VIsx/1wrRpQp7FSbe3zNvcK0UnPm9ut8Ptn/Brt04vXiP2ZQ5lu
            +tAI+xW/n/MbhAyAAABBTk1GegAAAAAAAAAAAA8AAAsAAAAAAABWUDggYgAAAFQBAJ0BKhAADAAAAFolsAAFjAAA/tQr9O//umf/
            Lib/nyX//lFRu/rhWjShT2Kk29vmTf0T1PrgNgykVf/ih0Tkn/rVSKcveGH+59gx9W3eWkkPhP8Jv59it/P+ZR78IAAAQU5NRngA
            AAAAAAAAAAAPAAALAAAAAAAAVlA4IGAAAABUAQCdASoQAAwAAABaJbAABYwAAP7K9/K//3A/8If6rXR/yG/rfs4k/Wp7JqSU6qLm
            dbtZOH92N2qJCQrm//0HXhujdQ3QMx3/GpDXYyJSucjX+E38+xnBv+KRs+ZmAAA=
            """)

    /// A GIF.
    package static let gif = SamplePicture(
        "a GIF", .gif, width: 24, height: 16,
        base64: """
            R0lGODdhGAAQAIMAAN3uat3ESpXdMDfudTfEyd2RLJWRqlORyxaRpd1NuJVNwd0RwZURlFNNlxZNcTcRWCwAAAAAGAAQAEAInAAf
            CBxIkIHBgwYXKFyIoKHDAxAjHjBAsYDFixYdaNzYoGNHBSBDJhhJMgGBkyhRCljJcmWAlzADEJzZAOHBhTg3OvDoMaRPBSMxOkwp
            ESJLjAVgpiTQsilLAFCjApg502ZCnAp1auRZk4FPkjl1cm3wE2RJiw4fFi2LtEBaBEUlGmh7EcFSlEabxlR612nLl1IBoBxA2O/T
            wFADAgA7
            """)

    /// An animated GIF.
    package static let animatedGIF = SamplePicture(
        "an animated GIF", .gif, width: 16, height: 12,
        base64: """
            R0lGODlhEAAMAIIAALvnoru53TPcubuLwzOLi7tFnLsMfDMuVyH/C05FVFNDQVBFMi4wAwEAAAAh+QQACgAAACwAAAAAEAAMAAAI
            TwAPCBx4wIDBgwcJDkTIUOFCAwUiSnR4QKLFiAQJaLxoUaNHjwNCigz5EeTIkSU1ngzAMoBGATBhtpzJMqZNATRZArgZkyaAnzxl
            6vz5MyAAIfkEAQoABwAsAAAAABAADACCu+cyM9zOu4u8M4uzu0XEuwykMy5/AAAACEsADQgcaKCAwYMHCQ5EyFDhwgIEIkp0aECi
            xYgEB2i8aFGjR40CQooU+dHjSJEAAJQEeTIlgAAwY8JE6fKlTJk1Xd6EmbPmzZ45AwIAIfkEAQoACAAsAAAAABAADACCu+dHu7kt
            M9xbu4tMM4vbu0WzuwzMMy6nCFMADwgceMCAwYMHCQ5EyFDhwAIMDTo8UKCixQIDBhAkwJHAxYwZO4rkWBFkyJEdA6gMABIlgZUw
            VY4UEDNmRwE4aa4EwJMngZw5ewrlCTTo0J4BAQA7
            """)

    /// An AVIF.
    package static let avif = SamplePicture(
        "an AVIF", .avif, width: 24, height: 16,
        base64: """
            AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
            AAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAXgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEA
            AGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAGAAAABAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwA
            AAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAZm1kYXQSAAoJGBDv7RAQ0GhAMk8ZR4eGIYeeeeaF
            FQDXb2z1Ay+3ExHvinfgfL/F8tlJeS2VX43x2MZyxKpxg3W41bLw1lyF///nEFmnsvuXEStoQ/x7TDArcXG7dgOpG3PW
            """)

    /// An AVIF with transparency.
    package static let transparentAVIF = SamplePicture(
        "an AVIF with transparency", .avif, width: 20, height: 30,
        base64: """
            AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAAGGbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
            AAAAAAAOcGl0bQAAAAAAAQAAACxpbG9jAAAAAEQAAAIAAQAAAAEAAAHIAAAAaQACAAAAAQAAAa4AAAAaAAAAQmlpbmYAAAAAAAIA
            AAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAABppbmZlAgAAAAACAABhdjAxQWxwaGEAAAAAGmlyZWYAAAAAAAAADmF1eGwAAgAB
            AAEAAADDaXBycAAAAJ1pcGNvAAAAFGlzcGUAAAAAAAAAFAAAAB4AAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJu
            Y2x4AAEADQAGgAAAAA5waXhpAAAAAAEIAAAADGF2MUOBABwAAAAAOGF1eEMAAAAAdXJuOm1wZWc6bXBlZ0I6Y2ljcDpzeXN0ZW1z
            OmF1eGlsaWFyeTphbHBoYQAAAAAeaXBtYQAAAAAAAAACAAEEAQKDBAACBAEFhgcAAACLbWRhdBIACgUYESfWFTIPGYBBAQAj5lR2
            6fDS8bjgEgAKCRgRJ9aICGg0IDJaGseHheHMMMMChRUAiyZNSTfiYDYU2W2S+48tQ0G0ttJy08fwJqlh3ML5JdMxK4e4EfMts3hf
            /AtYWsJX7/QOYFomf/IQbUl4J/f3FE7/GtY9wPf2+InMd8rA
            """)

    /// An animated AVIF (brand avis).
    package static let animatedAVIF = SamplePicture(
        "an animated AVIF (brand avis)", .avif, width: 16, height: 12,
        base64: """
            AAAALGZ0eXBhdmlzAAAAAGF2aWZhdmlzbXNmMWlzbzhtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGlj
            dAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAPlAAAAOgAAAChpaW5mAAAAAAABAAAA
            GmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAEAAAAAwAAAAQcGl4aQAAAAADCAgI
            AAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAACxm1vb3YAAAB4bXZoZAEAAAAA
            AAAA5ymYFwAAAADnKZgXAAAD6P//////////AAEAAAEAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAA
            QAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAJGdHJhawAAAGh0a2hkAQAAAQAAAADnKZgXAAAAAOcpmBcAAAABAAAA
            AP//////////AAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAQAAAAAAQAAAADAAAAAAALGVk
            dHMAAAAkZWxzdAEAAAEAAAABAAAAAAAAAAIAAAAAAAAAAAABAAAAAAGqbWRpYQAAACxtZGhkAQAAAAAAAADnKZgXAAAAAOcpmBcA
            AAPoAAAAAAAAAAJVxAAAAAAAIWhkbHIAAAAAAAAAAHBpY3QAAAAAAAAAAAAAAAAAAAABVW1pbmYAAAAUdm1oZAAAAAEAAAAAAAAA
            AAAAACRkaW5mAAAAHGRyZWYAAAAAAAAAAQAAAAx1cmwgAAAAAQAAARVzdGJsAAAAlXN0c2QAAAAAAAAAAQAAAIVhdjAxAAAAAAAA
            AAEAAAAAAAAAAAAAAAAAAAAAABAADABIAAAASAAAAAAAAAABCkFPTSBDb2RpbmcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGP//AAAA
            DGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABBjY3N0AAAAAHwAAAAAAAAYc3R0cwAAAAAAAAABAAAAAgAAAAEAAAAcc3Rz
            YwAAAAAAAAABAAAAAQAAAAIAAAABAAAAHHN0c3oAAAAAAAAAAAAAAAIAAAA6AAAAKgAAABRzdGNvAAAAAAAAAAEAAAPlAAAAFHN0
            c3MAAAAAAAAAAQAAAAEAAABsbWRhdBIACg0AAAABn9m18iAhoNCAMicQAMwAAAKALgCtctaOKI//4UCZR6KwOreIkBpWWcKPTHNy
            dvWrRpwSADImMAPAgAAABswAAAKLLiAAGaCVm6Sgxw944MjIdl9E+euHk+hRhe8=
            """)

    /// An AVIF of two tiles of 64×64.
    package static let tiledAVIF = SamplePicture(
        "an AVIF of two tiles of 64×64", .avif, width: 128, height: 64,
        base64: """
            AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAF/bWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
            AGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAA6aWxvYwAAAABEAAADAAEAAAABAAABpwAAAAgAAgAAAAEAAAGvAAAAQgADAAAAAQAA
            AfEAAABJAAAAXGlpbmYAAAAAAAMAAAAaaW5mZQIAAAAAAQAAZ3JpZENvbG9yAAAAABppbmZlAgAAAQACAABhdjAxQ29sb3IAAAAA
            GmluZmUCAAABAAMAAGF2MDFDb2xvcgAAAAAcaXJlZgAAAAAAAAAQZGltZwABAAIAAgADAAAAi2lwcnAAAABfaXBjbwAAABRpc3Bl
            AAAAAAAAAIAAAABAAAAAEHBpeGkAAAAAAwgICAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAAxhdjFD
            gSAAAAAAACRpcG1hAAAAAAAAAAMAAQMBAgMAAgQEAoUDAAMEBAKFAwAAAJttZGF0AAAAAQCAAEASAAoJOBV//YQENBpAMjNG0Acc
            ccFA1/8mS/VJVgTV4lDdhdg7lqPeD7/IaS4d6bzHC8yJiP5JcF6vmBIplUTzW4ASAAoJOBV//YQENBpAMjpG0AccccFA3L2hrF/n
            vyuib+4nS3soGWGsD6JfhjYV7HbxJMl4GElw7s2yiABp3J4dnBXY+WLstvHw
            """)
}
