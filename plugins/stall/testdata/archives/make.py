#!/usr/bin/env python3
"""Makes the archives of this corpus anew, and expected.tsv beside them.

It needs 7z, zip, arj, jlha, gcab, tar, cpio, ar, gzip, bzip2, xz, zstd, lz4,
compress, genisoimage and base64 (Debian: 7zip zip arj jlha-utils gcab cpio
binutils xz-utils zstd lz4 ncompress genisoimage). Archives of RAR, and those
that no tool makes, are written octet by octet from the formats' descriptions.
"""
import os, shutil, struct, subprocess, sys, tempfile, zipfile, zlib, io, tarfile, random

OUT = os.path.dirname(os.path.abspath(__file__))
WORK = tempfile.mkdtemp()
EXPECTED = {}
random.seed(1)


def run(*args, **kw):
    kw.setdefault("cwd", WORK)
    kw.setdefault("stdout", subprocess.DEVNULL)
    kw.setdefault("stderr", subprocess.DEVNULL)
    subprocess.run(args, check=True, **kw)


def expect(name, *causes):
    assert name not in EXPECTED, name
    EXPECTED[name] = ",".join(sorted(causes)) or "-"


def made(name, *causes):
    """A tool has made the file in the work folder."""
    shutil.move(os.path.join(WORK, name), os.path.join(OUT, name))
    expect(name, *causes)


def put(name, data, *causes):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)
    expect(name, *causes)


def get(name):
    with open(os.path.join(OUT, name), "rb") as f:
        return f.read()


def src(name):
    with open(os.path.join(WORK, name), "rb") as f:
        return f.read()


ENC, BAD, LIM, UNS = "encrypted-archive", "unreadable", "limit", "unsupported-archive"

with open(os.path.join(WORK, "report.csv"), "w") as f:
    f.writelines("%d,%d,customer %d\n" % (i, i * i % 97, i) for i in range(300))
with open(os.path.join(WORK, "note.txt"), "w") as f:
    f.write("All work and no play makes Jack a dull boy.\n" * 20)
with open(os.path.join(WORK, "picture.jpg"), "wb") as f:
    f.write(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + random.randbytes(3000) + b"\xff\xd9")
with open(os.path.join(WORK, "prog"), "wb") as f:  # as much of a program as archivers' filters look at
    f.write(b"\x7fELF\x02\x01\x01" + bytes(9) + b"".join(b"\xe8" + struct.pack("<i", i * 5 % 900) + b"\x90\x48\x89\xc3" for i in range(600)))
os.mkdir(os.path.join(WORK, "folder"))
shutil.copy(os.path.join(WORK, "note.txt"), os.path.join(WORK, "folder", "copy.txt"))
FILES = ["report.csv", "note.txt", "prog"]


def sevens():
    for m in ["LZMA", "LZMA2", "PPMd", "BZip2", "Deflate", "Deflate64", "Copy"]:
        run("7z", "a", "-m0=" + m, "7z-%s.7z" % m.lower(), *FILES, "folder")
        made("7z-%s.7z" % m.lower())
    for f in ["BCJ", "BCJ2", "ARM", "ARM64", "PPC", "SPARC", "IA64", "ARMT", "Delta:4"]:
        n = "7z-filter-%s.7z" % f.lower().replace(":", "")
        run("7z", "a", "-mf=" + f, n, "prog")
        made(n)
    run("7z", "a", "-ms=off", "7z-not-solid.7z", *FILES)
    made("7z-not-solid.7z")
    run("7z", "a", "-mhc=off", "7z-plain-header.7z", *FILES)
    made("7z-plain-header.7z")
    run("7z", "a", "-psecret", "7z-encrypted.7z", *FILES)
    made("7z-encrypted.7z", ENC)
    run("7z", "a", "-psecret", "-mhe=on", "7z-encrypted-names.7z", *FILES)
    made("7z-encrypted-names.7z", ENC)
    run("7z", "a", "-psecret", "-mx=0", "7z-encrypted-stored.7z", "note.txt")
    made("7z-encrypted-stored.7z", ENC)
    run("7z", "a", "-psecret", "-m0=BZip2", "7z-encrypted-bzip2.7z", "note.txt")
    made("7z-encrypted-bzip2.7z", ENC)
    run("7z", "a", "-ms=off", "7z-one-encrypted.7z", "note.txt")
    run("7z", "a", "-ms=off", "-psecret", "7z-one-encrypted.7z", "report.csv")
    made("7z-one-encrypted.7z", ENC)
    b = get("7z-lzma2.7z")
    put("7z-cut.7z", b[: len(b) - 40], BAD)
    put("7z-broken-data.7z", b[:100] + bytes([b[100] ^ 0xFF]) + b[101:], BAD)
    put("7z-broken-header.7z", b[:14] + b"\x01" + b[15:], BAD)
    run("7z", "a", "-v2k", "7z-volume.7z", "picture.jpg", "prog")
    os.rename(os.path.join(WORK, "7z-volume.7z.001"), os.path.join(WORK, "7z-first-volume.7z"))
    made("7z-first-volume.7z", BAD)
    run("7z", "a", "7z-behind-padding.7z", "note.txt")
    b = src("7z-behind-padding.7z")
    put("7z-behind-padding.7z", b + bytes(300))
    put("7z-sfx.exe", PE + b)
    put("7z-sfx-encrypted.exe", PE + get("7z-encrypted.7z"), ENC)
    put("7z-as-picture.jpg", get("7z-encrypted.7z"), ENC)
    put("7z-behind-picture.jpg", src("picture.jpg") + get("7z-encrypted-names.7z"), ENC)
    run("7z", "a", "7z-in-7z.7z", os.path.join(OUT, "7z-encrypted.7z"))
    made("7z-in-7z.7z", ENC)


PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + b"\x4c\x01\x01\x00" + bytes(440) + b"this program cannot be run" + bytes(470)


def zips():
    for m in ["Deflate", "Deflate64", "BZip2", "LZMA", "xz", "Copy"]:
        n = "zip-%s.zip" % m.lower()
        run("7z", "a", "-tzip", "-mm=" + m, n, *FILES, "folder")
        made(n)
    run("7z", "a", "-tzip", "-mm=PPMd", "zip-ppmd.zip", *FILES)
    made("zip-ppmd.zip", UNS)
    run("zip", "-q", "-r", "zip-infozip.zip", *FILES, "folder")
    made("zip-infozip.zip")
    run("zip", "-q", "-P", "secret", "zip-zipcrypto.zip", *FILES)
    made("zip-zipcrypto.zip", ENC)
    for k in ["AES128", "AES192", "AES256"]:
        n = "zip-%s.zip" % k.lower()
        run("7z", "a", "-tzip", "-psecret", "-mem=" + k, n, *FILES)
        made(n, ENC)
    run("zip", "-q", "zip-one-encrypted.zip", "note.txt")
    run("zip", "-q", "-P", "secret", "zip-one-encrypted.zip", "report.csv")
    made("zip-one-encrypted.zip", ENC)
    with open(os.path.join(WORK, "zip-streamed.zip"), "wb") as f:
        run("zip", "-q", "-", *FILES, stdout=f)
    made("zip-streamed.zip")
    with open(os.path.join(WORK, "zip-stdin.zip"), "wb") as f, open(os.path.join(WORK, "note.txt"), "rb") as i:
        run("zip", "-q", "-fz", stdin=i, stdout=f)
    made("zip-stdin.zip")
    run("zip", "-q", "zip-comment.zip", "note.txt")
    run("zip", "-q", "-z", "zip-comment.zip", input=b"a comment with PK\x05\x06 in it\n.\n")
    made("zip-comment.zip")
    run("zip", "-q", "-s", "64k", "zip-split.zip", "note.txt")
    made("zip-split.zip")  # one volume suffices
    z = get("zip-infozip.zip")
    e = get("zip-zipcrypto.zip")
    put("zip-padding.zip", z + bytes(100))
    put("zip-line-end.zip", z + b"\r\n")
    put("zip-as-picture.jpg", e, ENC)
    put("zip-as-text.txt", z)
    put("zip-sfx.exe", PE + z)
    put("zip-sfx-encrypted.exe", PE + e, ENC)
    put("zip-behind-picture.jpg", src("picture.jpg") + e, ENC)
    put("zip-behind-pdf.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n" + e, ENC)
    put("zip-cut.zip", z[: len(z) * 2 // 3], BAD)
    put("zip-cut-directory.zip", z[:-30], BAD)
    put("zip-two-in-one.zip", z + get("zip-deflate.zip"), BAD)
    put("zip-encrypted-in-front.zip", e + z, ENC, BAD)
    i = z.index(b"PK\x01\x02")
    put("zip-method-disagrees.zip", z[: i + 10] + b"\x00\x00" + z[i + 12 :], BAD)
    j = z.index(b"report.csv")
    put("zip-name-disagrees.zip", z[:j] + b"report.exe" + z[j + 10 :], BAD)
    put("zip-broken-data.zip", z[: j + 300] + bytes([z[j + 300] ^ 0x55]) + z[j + 301 :], BAD)
    put("zip-wrong-count.zip", z[:-14] + b"\x01\x00\x01\x00" + z[-10:], BAD)
    put("zip-volume-3.zip", z[:-18] + b"\x02\x00\x02\x00" + z[-14:], BAD)
    put("zip-strong-encryption.zip", z[: i + 8] + b"\x41\x00" + z[i + 10 :], ENC)
    put("zip-flag-in-local-only.zip", z[:6] + b"\x01\x00" + z[8:], ENC)
    put("zip-empty.zip", b"PK\x05\x06" + bytes(18))
    run("zip", "-q", "zip-nested.zip", os.path.join(OUT, "zip-aes256.zip"), "-j")
    made("zip-nested.zip", ENC)
    run("zip", "-q", "-0", "zip-nested-stored.zip", os.path.join(OUT, "7z-encrypted-names.7z"), "-j")
    made("zip-nested-stored.zip", ENC)
    run("zip", "-q", "zip-nested-clean.zip", os.path.join(OUT, "7z-lzma2.7z"), os.path.join(OUT, "zip-deflate.zip"), "-j")
    made("zip-nested-clean.zip")
    deep = z
    for k in range(7):
        deep = zipped("level%d.zip" % k, deep)
    put("zip-seven-deep.zip", deep)
    for k in range(7, 12):
        deep = zipped("level%d.zip" % k, deep)
    put("zip-twelve-deep.zip", deep, LIM)
    put("zip-bomb.zip", bomb(30 << 20, 8), LIM)
    put("zip-overlap.zip", overlap(), BAD)
    put("zip-nested-bomb.zip", zipped("inner.tar", bytes(512) * 2 + b"PK\x03\x04" + bytes(1000), "bomb.gz", gz(bytes(90 << 20))), LIM)
    put("zip-encrypted-docx.zip", zipped("a.zip", e), ENC)
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as f:
        for k in range(200):
            f.writestr("dir%d/file%d.txt" % (k % 7, k), b"x" * k)
    put("zip-many.zip", b.getvalue())
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as f:
        with f.open(zipfile.ZipInfo("big.txt"), "w", force_zip64=True) as g:
            g.write(b"zip64")
    put("zip-zip64.zip", b.getvalue())
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as f:
        f.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n")
        f.writestr("A.class", b"\xca\xfe\xba\xbe\x00\x00\x00\x41" + bytes(200))
    put("plain.jar", b.getvalue())
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as f:
        f.writestr("mimetype", "application/epub+zip")
        f.writestr("META-INF/container.xml", "<?xml version='1.0'?><container/>", zipfile.ZIP_DEFLATED)
        f.writestr("book.xhtml", "<?xml version='1.0'?><html><body>text</body></html>", zipfile.ZIP_DEFLATED)
    put("plain.epub", b.getvalue())


def zipped(*pairs):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as f:
        for n, d in zip(pairs[::2], pairs[1::2]):
            f.writestr(zipfile.ZipInfo(n), d, zipfile.ZIP_DEFLATED)
    return b.getvalue()


def gz(d):
    c = zlib.compressobj(9, zlib.DEFLATED, 31)
    return c.compress(d) + c.flush()


def bomb(size, times):
    """Files that declare, and unpack to, a thousand times their size."""
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as f:
        for k in range(times):
            f.writestr("zero%d" % k, bytes(size))
    return b.getvalue()


def overlap():
    """Many directory entries that lead to one file (after D. Fifield's zip bomb)."""
    data = zlib.compress(bytes(1 << 20), 9)[2:-4]
    crc = zlib.crc32(bytes(1 << 20))
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(data), 1 << 20, 1, 0) + b"a"
    cd = b""
    for k in range(50):
        cd += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 33, crc, len(data), 1 << 20, 1, 0, 0, 0, 0, 0, 0) + b"a"
    body = local + data
    return body + cd + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 50, 50, len(cd), len(body), 0)


def rars():
    data = src("note.txt")
    put("rar5-stored.rar", rar5(data))
    put("rar5-encrypted.rar", rar5(data, enc=True), ENC)
    put("rar5-encrypted-names.rar", rar5(data, headers=True), ENC)
    put("rar5-volume.rar", rar5(data, volume=True), BAD)
    put("rar5-cut.rar", rar5(data)[:200], BAD)
    put("rar5-sfx.exe", PE + rar5(data, enc=True), ENC)
    put("rar5-holds-encrypted-zip.rar", rar5(get("zip-aes256.zip"), name=b"a.zip"), ENC)
    b = rar5(data)
    put("rar5-broken-data.rar", b[:200] + b"?" + b[201:], BAD)
    put("rar4-stored.rar", rar4(data))
    put("rar4-encrypted.rar", rar4(data, file=4), ENC)
    put("rar4-encrypted-names.rar", rar4(data, main=0x80), ENC)
    put("rar4-volume.rar", rar4(data, main=1, file=2), BAD)
    put("rar4-sfx.exe", PE + rar4(data, file=4), ENC)
    put("rar4-padding.rar", rar4(data) + bytes(50))
    put("rar-before-1.5.rar", b"RE\x7e\x5e" + bytes(60), UNS)


def vint(n):
    b = b""
    while n > 127:
        b += bytes([n & 127 | 128])
        n >>= 7
    return b + bytes([n])


def rar5(data, name=b"note.txt", enc=False, headers=False, volume=False):
    b = b"Rar!\x1a\x07\x01\x00"

    def block(body, tail=b""):
        h = vint(len(body)) + body
        return struct.pack("<I", zlib.crc32(h)) + h + tail

    if headers:
        return b + block(b"\x04\x00\x00\x00\x0f" + random.randbytes(16)) + random.randbytes(200)
    b += block(b"\x01\x00" + (b"\x03\x00" if volume else b"\x00"))
    flags = 2 | (1 if enc else 0) | (16 if volume else 0)
    extra = b""
    if enc:
        rec = b"\x01\x00\x00\x0f" + random.randbytes(32)
        extra = vint(len(rec)) + rec
        data = random.randbytes((len(data) + 15) // 16 * 16)
    f = b"\x02" + vint(flags) + (vint(len(extra)) if enc else b"") + vint(len(data))
    f += b"\x04" + vint(len(data)) + vint(0x20) + struct.pack("<I", zlib.crc32(data)) + vint(0) + b"\x01" + vint(len(name)) + name + extra
    b += block(f, data)
    return b + block(b"\x05\x00" + (b"\x01" if volume else b"\x00"))


def rar4(data, main=0, file=0):
    def block(typ, flags, body, tail=b""):
        h = struct.pack("<BHH", typ, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(h) & 0xFFFF) + h + tail

    b = b"Rar!\x1a\x07\x00" + block(0x73, main, bytes(6))
    if main & 0x80:
        return b + random.randbytes(300)
    if file & 4:
        data = random.randbytes((len(data) + 15) // 16 * 16)
    name = b"note.txt"
    f = struct.pack("<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), 0, 29, 0x30, len(name), 0x20) + name
    return b + block(0x74, file | 0x8000, f, data) + block(0x7B, 0x4000 | (1 if main & 1 else 0), b"")


def others():
    for m in ["0", "1", "2", "4"]:
        run("arj", "a", "-y", "-m" + m, "arj-m%s.arj" % m, *FILES)
        made("arj-m%s.arj" % m)
    run("arj", "a", "-y", "-gsecret", "arj-garbled.arj", *FILES)
    made("arj-garbled.arj", ENC)
    b = get("arj-m1.arj")
    put("arj-cut.arj", b[: len(b) // 2], BAD)
    put("arj-sfx-garbled.exe", PE + get("arj-garbled.arj"), ENC)
    for o in ["5", "6", "7"]:
        run("jlha", "aqo" + o, "lzh-lh%s.lzh" % o, *FILES)
        made("lzh-lh%s.lzh" % o)
    for l in ["0", "1", "2"]:
        run("jlha", "aq" + l, "lzh-level%s.lzh" % l, *FILES)
        made("lzh-level%s.lzh" % l)
    run("jlha", "aq", "lzh-holds-encrypted.lzh", os.path.join(OUT, "zip-aes128.zip"))
    made("lzh-holds-encrypted.lzh", ENC)
    b = get("lzh-lh5.lzh")
    put("lzh-broken.lzh", b[:200] + b"\x55\xaa\x55" + b[203:], BAD)
    run("gcab", "-c", "-z", "cab-mszip.cab", *FILES)
    made("cab-mszip.cab")
    run("gcab", "-c", "cab-stored.cab", *FILES)
    made("cab-stored.cab")
    run("gcab", "-c", "-z", "cab-holds-encrypted.cab", os.path.join(OUT, "7z-encrypted.7z"))
    made("cab-holds-encrypted.cab", ENC)
    b = get("cab-mszip.cab")
    put("cab-cut.cab", b[:400], BAD)
    for f in ["v7", "ustar", "gnu", "posix"]:
        run("tar", "--format=" + f, "--owner=0", "--group=0", "-cf", "tar-%s.tar" % f, *FILES, "folder")
        made("tar-%s.tar" % f)
    long = "x" * 120 + ".txt"
    shutil.copy(os.path.join(WORK, "note.txt"), os.path.join(WORK, long))
    run("tar", "--format=gnu", "-cf", "tar-long-name.tar", long)
    made("tar-long-name.tar")
    with open(os.path.join(WORK, "sparse"), "wb") as f:
        f.truncate(1 << 20)
        f.seek(1 << 19)
        f.write(b"data")
    run("tar", "--format=gnu", "-S", "-cf", "tar-sparse.tar", "sparse", "note.txt")
    made("tar-sparse.tar")
    b = get("tar-ustar.tar")
    put("tar-without-end.tar", b[: b.rstrip(b"\0").__len__() // 512 * 512 + 512])
    put("tar-broken-header.tar", b[:100] + b"9" + b[101:], BAD)
    put("tar-cut.tar", b[:3000], BAD)
    run("tar", "-cf", "tar-holds-encrypted.tar", "-C", OUT, "zip-aes256.zip", "7z-lzma2.7z")
    made("tar-holds-encrypted.tar", ENC)
    t = get("tar-ustar.tar")
    e = get("tar-holds-encrypted.tar")
    for tool, ext, args in [("gzip", "gz", ["-n"]), ("bzip2", "bz2", []), ("xz", "xz", []), ("zstd", "zst", ["-q"]), ("lz4", "lz4", ["-q"]), ("compress", "Z", ["-f"]), ("xz", "lzma", ["--format=lzma"])]:
        put("tar-plain.tar." + ext, piped(t, tool, "-c", *args))
        put("tar-encrypted-inside.tar." + ext, piped(e, tool, "-c", *args), ENC)
    g = get("tar-plain.tar.gz")
    put("gzip-padding.gz", g + bytes(200))
    put("gzip-two-members.gz", gz(b"one") + gz(b"two"))
    put("gzip-cut.gz", g[:-9], BAD)
    put("gzip-broken.gz", g[:200] + bytes([g[200] ^ 0xFF]) + g[201:], BAD)
    put("gzip-encrypted-behind.gz", g + get("zip-zipcrypto.zip"), ENC)
    put("gzip-bomb.gz", gz(bytes(100 << 20)), LIM)
    x = piped(bytes(200 << 20), "bzip2", "-9", "-c")
    put("bzip2-bomb.bz2", x, LIM)
    put("xz-crc32.xz", piped(t, "xz", "-c", "-C", "crc32"))
    put("xz-sha256-x86.xz", piped(src("prog"), "xz", "-c", "-C", "sha256", "--x86", "--lzma2"))
    put("xz-blocks.xz", piped(t, "xz", "-c", "--block-size=4096"))
    put("xz-large-dictionary.xz", piped(t, "xz", "-c", "-9e"))
    b = get("xz-crc32.xz")
    put("xz-broken.xz", b[:300] + bytes([b[300] ^ 1]) + b[301:], BAD)
    put("xz-bomb.xz", piped(bytes(100 << 20), "xz", "-c"), LIM)
    put("bzip2-broken.bz2", get("tar-plain.tar.bz2")[:300] + b"????" + get("tar-plain.tar.bz2")[304:], BAD)
    put("zstd-broken.zst", get("tar-plain.tar.zst")[:200], BAD)
    put("lz4-broken.lz4", get("tar-plain.tar.lz4")[:200], BAD)
    for f in ["newc", "odc", "bin"]:
        put("cpio-%s.cpio" % f, piped(b"note.txt\nreport.csv\nfolder\n", "cpio", "-o", "--quiet", "-H", f))
    put("cpio-holds-encrypted.cpio", piped(b"zip-aes256.zip\n", "cpio", "-o", "--quiet", "-H", "newc", cwd=OUT), ENC)
    run("ar", "rcD", "ar-plain.a", "note.txt", "report.csv")
    made("ar-plain.a")
    with open(os.path.join(WORK, "debian-binary"), "w") as f:
        f.write("2.0\n")
    for n in ["control.tar.xz", "data.tar.xz"]:
        with open(os.path.join(WORK, n), "wb") as f:
            f.write(get("tar-plain.tar.xz"))
    run("ar", "rcD", "package.deb", "debian-binary", "control.tar.xz", "data.tar.xz")
    made("package.deb")
    iso = os.path.join(WORK, "iso")
    os.mkdir(iso)
    shutil.copy(os.path.join(WORK, "note.txt"), iso)
    run("genisoimage", "-quiet", "-J", "-r", "-no-pad", "-o", "iso-joliet.iso", iso)
    made("iso-joliet.iso")
    shutil.copy(os.path.join(OUT, "zip-aes256.zip"), iso)
    run("genisoimage", "-quiet", "-no-pad", "-o", "iso-holds-encrypted.iso", iso)
    made("iso-holds-encrypted.iso", ENC)
    run("genisoimage", "-quiet", "-udf", "-no-pad", "-o", "iso-with-udf.iso", iso)
    put("iso-with-udf.iso.gz", gz(src("iso-with-udf.iso")), ENC, UNS)
    put("ace.ace", b"\x55\x55\x31\x00\x00\x00\x90**ACE**\x14\x14\x02" + bytes(60), UNS)
    put("wim.wim", b"MSWIM\0\0\0" + struct.pack("<I", 208) + bytes(300), UNS)
    put("vhd.vhd", bytes(510) + b"\x55\xaa" + bytes(512) + b"conectix" + bytes(504), UNS)
    put("arc.arc", b"\x1a\x08NOTE.TXT\0\0\0\0\0" + bytes(14) + b"data\x1a\x00", UNS)
    put("tnef-plain.dat", tnef(b"note.txt", src("note.txt")))
    put("tnef-holds-encrypted.dat", tnef(b"a.zip", get("zip-aes256.zip")), ENC)
    put("tnef-cut.dat", tnef(b"note.txt", src("note.txt"))[:-300], BAD)
    put("message.eml", eml("a.zip", get("zip-infozip.zip")))
    put("message-holds-encrypted.eml", eml("a.7z", get("7z-encrypted.7z")), ENC)
    put("message-in-zip.zip", zipped("m.eml", get("message-holds-encrypted.eml")), ENC)
    put("uuencoded-encrypted.uue", uu("a.zip", get("zip-aes256.zip")), ENC)
    put("uuencoded.uue", uu("note.txt", src("note.txt")))
    # What only looks like something.
    put("text-about-zip.txt", b"A ZIP begins with PK\x03\x04 and ends with PK\x05\x06, says the note on archives.\n" * 3)
    put("text-begin.txt", b"Dear all,\nbegin 644 times with a smile\nand end\n")
    put("noise.bin", b"\x00\x01" + random.randbytes(20000))
    put("picture.jpg", src("picture.jpg"))
    put("program.exe", PE)
    put("empty.txt", b"x")


def piped(data, *cmd, cwd=WORK):
    return subprocess.run(cmd, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, cwd=cwd).stdout


def tnef(name, data):
    def attr(level, ident, body):
        return struct.pack("<BII", level, ident, len(body)) + body + struct.pack("<H", sum(body) & 0xFFFF)

    b = struct.pack("<IH", 0x223E9F78, 1) + attr(1, 0x00089006, struct.pack("<I", 0x10000)) + attr(1, 0x00078008, b"IPM.Microsoft Mail.Note\0")
    b += attr(2, 0x00069002, bytes(14)) + attr(2, 0x00018010, name + b"\0") + attr(2, 0x0006800F, data)
    return b


def eml(name, data):
    import base64

    b = b"From: a@x.test\r\nTo: b@x.test\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=b\"\r\n\r\n--=b\r\n\r\ntext\r\n"
    b += b"--=b\r\nContent-Type: application/octet-stream; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" % name.encode()
    return b + base64.encodebytes(data).replace(b"\n", b"\r\n") + b"--=b--\r\n"


def uu(name, data):
    import binascii

    b = b"begin 644 %s\n" % name.encode()
    for i in range(0, len(data), 45):
        b += binascii.b2a_uu(data[i : i + 45])
    return b + b"`\nend\n"


for n in os.listdir(OUT):
    if not n.endswith((".py", ".txt", ".md", ".tsv")) or n.startswith(("text-", "zip-as", "empty")):
        os.remove(os.path.join(OUT, n))

for step in (sevens, zips, rars, others):
    step()
with open(os.path.join(OUT, "expected.tsv"), "w") as f:
    for n in sorted(EXPECTED):
        f.write("%s\t%s\n" % (n, EXPECTED[n]))
shutil.rmtree(WORK)
total = sum(os.path.getsize(os.path.join(OUT, n)) for n in os.listdir(OUT))
print(len(EXPECTED), "files,", total, "octets")
