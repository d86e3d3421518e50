"""Whether bytes are a whole PNG, without a library: the stand-in makes no other pictures unless it is told to."""
import os
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Samples of a pixel, by the colour type.
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def is_whole(picture):
    """True if every chunk has its checksum, and the pixels are all there."""
    if not picture.startswith(SIGNATURE):
        return False
    offset, header, packed = len(SIGNATURE), None, b""
    while offset + 12 <= len(picture):
        length, kind = struct.unpack_from(">I4s", picture, offset)
        body = picture[offset + 8:offset + 8 + length]
        end = offset + 8 + length
        if end + 4 > len(picture) or zlib.crc32(kind + body) != struct.unpack_from(">I", picture, end)[0]:
            return False
        offset = end + 4
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        elif kind == b"IEND":
            return header is not None and offset == len(picture) and has_pixels(header, packed)
    return False


def has_pixels(header, packed):
    width, height, depth, colour = header[:4]
    row = (width * SAMPLES[colour] * depth + 7) // 8 + 1
    try:
        return len(zlib.decompress(packed)) == row * height
    except zlib.error:
        return False


def noise(width, height):
    """A PNG of about three bytes for each pixel."""
    rows = b"".join(b"\0" + os.urandom(3 * width) for _ in range(height))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows, 0)),
              (b"IEND", b""))
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks)
