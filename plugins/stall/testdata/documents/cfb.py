"""Compound files ([MS-CFB]) and VBA projects ([MS-OVBA]) for the corpus: written by hand, since no free tool makes them."""
import struct

FREE, END, FATSECT, NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF


def read(b):
    """A compound file as a dict: name -> bytes, or a dict for a storage."""
    shift = struct.unpack_from("<H", b, 30)[0]
    size = 1 << shift
    sector = lambda n: b[(n + 1) << shift:(n + 2) << shift]
    difat = [n for n in struct.unpack_from("<109I", b, 76) if n < FATSECT]
    nxt = struct.unpack_from("<I", b, 68)[0]
    while nxt < FATSECT:
        s = struct.unpack("<%dI" % (size // 4), sector(nxt))
        difat += [n for n in s[:-1] if n < FATSECT]
        nxt = s[-1]
    fat = [n for d in difat for n in struct.unpack("<%dI" % (size // 4), sector(d))]

    def chain(n):
        out = b""
        while n < FATSECT:
            out += sector(n)
            n = fat[n]
        return out

    raw = chain(struct.unpack_from("<I", b, 48)[0])
    entries = [raw[i:i + 128] for i in range(0, len(raw), 128)]
    minifat = chain(struct.unpack_from("<I", b, 60)[0])
    minifat = struct.unpack("<%dI" % (len(minifat) // 4), minifat)
    ministream = chain(struct.unpack_from("<I", entries[0], 116)[0])

    def content(e):
        start, n = struct.unpack_from("<II", e, 116)
        if n >= 4096:
            return chain(start)[:n]
        out = b""
        while start < FATSECT and len(out) < n:
            out += ministream[start * 64:start * 64 + 64]
            start = minifat[start]
        return out[:n]

    def storage(n, into):
        if n == NONE:
            return into
        e = entries[n]
        left, right, child = struct.unpack_from("<III", e, 68)
        storage(left, into)
        name = e[:struct.unpack_from("<H", e, 64)[0] - 2].decode("utf-16-le")
        into[name] = storage(child, {}) if e[66] == 1 else content(e)
        storage(right, into)
        return into

    return storage(struct.unpack_from("<I", entries[0], 76)[0], {})


def write(tree, clsid=bytes(16)):
    """The compound file of a dict."""
    entries, minis, bigs = [], b"", []

    def add(name, kind):
        entries.append({"name": name, "kind": kind, "left": NONE, "right": NONE, "child": NONE, "start": 0, "size": 0})
        return len(entries) - 1

    def siblings(ids):
        """A balanced search tree, by length and then capitals (§2.6.4)."""
        if not ids:
            return NONE
        m = len(ids) // 2
        entries[ids[m]]["left"] = siblings(ids[:m])
        entries[ids[m]]["right"] = siblings(ids[m + 1:])
        return ids[m]

    minifat = []

    def fill(tree, parent):
        nonlocal minis
        ids = []
        for name in sorted(tree, key=lambda n: (len(n), n.upper())):
            v = tree[name]
            i = add(name, 1 if isinstance(v, dict) else 2)
            ids.append(i)
            if isinstance(v, dict):
                fill(v, i)
                continue
            entries[i]["size"] = len(v)
            if len(v) == 0:
                entries[i]["start"] = END
            elif len(v) < 4096:
                n = (len(v) + 63) // 64
                entries[i]["start"] = len(minifat)
                minifat.extend(list(range(len(minifat) + 1, len(minifat) + n)) + [END])
                minis += v + bytes(-len(v) % 64)
            else:
                bigs.append((i, v))
        entries[parent]["child"] = siblings(ids)

    add("Root Entry", 5)
    fill(tree, 0)
    sectors, fat = [], []

    def put(data):
        if not data:
            return END
        start = len(sectors)
        data += bytes(-len(data) % 512)
        n = len(data) // 512
        sectors.extend(data[i * 512:i * 512 + 512] for i in range(n))
        fat.extend(list(range(start + 1, start + n)) + [END])
        return start

    for i, v in bigs:
        entries[i]["start"] = put(v)
    entries[0]["size"] = len(minis)
    entries[0]["start"] = put(minis)
    mf = struct.pack("<%dI" % len(minifat), *minifat)
    mf += b"\xff" * (-len(mf) % 512)
    mfstart = put(mf)
    d = b""
    for e in entries:
        name = e["name"].encode("utf-16-le")
        d += name + bytes(64 - len(name)) + struct.pack("<HBBIII", len(name) + 2, e["kind"], 1, e["left"], e["right"], e["child"])
        d += (clsid if e["kind"] == 5 else bytes(16)) + bytes(4 + 16) + struct.pack("<IQ", e["start"], e["size"])
    while len(d) % 512:
        d += bytes(64) + struct.pack("<HBBIII", 0, 0, 0, NONE, NONE, NONE) + bytes(48)
    dstart = put(d)
    nfat = 0
    while (len(fat) + nfat) > nfat * 128:
        nfat += 1
    fatstart = len(sectors)
    fat += [FATSECT] * nfat
    fat += [FREE] * (nfat * 128 - len(fat))
    fb = struct.pack("<%dI" % len(fat), *fat)
    sectors.extend(fb[i * 512:i * 512 + 512] for i in range(nfat))
    difat = [fatstart + i for i in range(nfat)]
    assert nfat <= 109
    difat += [FREE] * (109 - nfat)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIIII", 0, nfat, dstart, 0, 4096, mfstart, (len(mf) // 512), END, 0, 0)[:36]
    head = head[:76] + struct.pack("<109I", *difat)
    return head + b"".join(sectors)


def compress(data):
    """A CompressedContainer ([MS-OVBA] §2.4.1.3.6) with copy tokens where they save something."""
    out = b"\x01"
    for at in range(0, len(data), 4096):
        chunk = data[at:at + 4096]
        body, i = b"", 0
        while i < len(chunk):
            flags, tokens = 0, b""
            for bit in range(8):
                if i >= len(chunk):
                    break
                bits = 4
                while (1 << bits) < i:
                    bits += 1
                best, back = 0, 0
                longest = min((0xFFFF >> bits) + 3, len(chunk) - i)
                for off in range(1, min(i, 1 << bits) + 1):
                    n = 0
                    while n < longest and chunk[i + n] == chunk[i + n - off]:
                        n += 1
                    if n > best:
                        best, back = n, off
                if best >= 3:
                    flags |= 1 << bit
                    tokens += struct.pack("<H", (back - 1) << (16 - bits) | (best - 3))
                    i += best
                else:
                    tokens += chunk[i:i + 1]
                    i += 1
            body += bytes([flags]) + tokens
        out += struct.pack("<H", (len(body) + 2 - 3) | 0xB000) + body
    return out


def record(id, data):
    return struct.pack("<HI", id, len(data)) + data


def project(modules, cache=b""):
    """A VBA project: the storage that is the root of vbaProject.bin. cache is put in front of each module's source."""
    d = record(1, struct.pack("<I", 1)) + record(2, struct.pack("<I", 0x409)) + record(0x14, struct.pack("<I", 0x409))
    d += record(3, struct.pack("<H", 1252)) + record(4, b"VBAProject") + record(5, b"") + record(0x40, b"")
    d += record(6, b"") + record(0x3D, b"") + record(7, struct.pack("<I", 0)) + record(8, struct.pack("<I", 0))
    d += struct.pack("<HIIH", 9, 4, 1, 1) + record(0x0C, b"") + record(0x3C, b"")
    d += record(0x0F, struct.pack("<H", len(modules))) + record(0x13, struct.pack("<H", 0xFFFF))
    vba = {"_VBA_PROJECT": b"\xcc\x61\xff\xff\x00\x00\x00"}
    for name, source in modules.items():
        n, w = name.encode(), name.encode("utf-16-le")
        d += record(0x19, n) + record(0x47, w) + record(0x1A, n) + record(0x32, w) + record(0x1C, b"") + record(0x48, b"")
        d += record(0x31, struct.pack("<I", len(cache))) + record(0x1E, struct.pack("<I", 0)) + record(0x2C, struct.pack("<H", 0xFFFF))
        d += record(0x22 if name.startswith("This") else 0x21, b"") + record(0x2B, b"")
        attributes = 'Attribute VB_Name = "%s"\r\n' % name
        if name.startswith("This"):
            attributes += 'Attribute VB_Base = "1Normal.ThisDocument"\r\nAttribute VB_GlobalNameSpace = False\r\nAttribute VB_Creatable = False\r\n'
        vba[name] = cache + compress((attributes + source).encode())
    vba["dir"] = compress(d + record(0x10, b""))
    text = 'ID="{00000000-0000-0000-0000-000000000000}"\r\n' + "".join("Module=%s\r\n" % m for m in modules) + 'Name="VBAProject"\r\n'
    return {"PROJECT": text.encode(), "VBA": vba}
