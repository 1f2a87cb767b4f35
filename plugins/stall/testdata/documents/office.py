"""Files that LibreOffice makes. Run by make.py with the Python that has UNO; argument: the output folder."""
import os, subprocess, sys, time
import uno
from com.sun.star.beans import NamedValue, PropertyValue

out = os.path.abspath(sys.argv[1])
port = 2002 + os.getpid() % 1000
office = subprocess.Popen(["soffice", "--headless", "--norestore", "--nologo", "-env:UserInstallation=file://%s/profile" % sys.argv[2],
                           "--accept=socket,host=127.0.0.1,port=%d;urp;" % port])
local = uno.getComponentContext()
resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
for _ in range(120):
    try:
        context = resolver.resolve("uno:socket,host=127.0.0.1,port=%d;urp;StarOffice.ComponentContext" % port)
        break
    except Exception:
        time.sleep(0.5)
desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)


def props(**kw):
    return tuple(PropertyValue(k, 0, v, 0) for k, v in kw.items())


def new(kind):
    return desktop.loadComponentFromURL("private:factory/" + kind, "_blank", 0, props(Hidden=True))


def load(path):
    return desktop.loadComponentFromURL("file://" + os.path.abspath(path), "_blank", 0, props(Hidden=True))


FILTERS = {"odt": "writer8", "docx": "MS Word 2007 XML", "doc": "MS Word 97", "rtf": "Rich Text Format", "fodt": "OpenDocument Text Flat XML", "docm": "MS Word 2007 XML VBA",
           "ods": "calc8", "xlsx": "Calc MS Excel 2007 XML", "xls": "MS Excel 97", "xlsm": "Calc MS Excel 2007 VBA XML", "slk": "SYLK", "csv": "Text - txt - csv (StarCalc)",
           "odp": "impress8", "pptx": "Impress MS PowerPoint 2007 XML", "ppt": "MS PowerPoint 97", "fods": "OpenDocument Spreadsheet Flat XML", "xml": "MS Word 2003 XML",
           "dot": "MS Word 97 Vorlage", "ott": "writer8_template"}


def save(doc, name, filter=None, **kw):
    ext = name.rsplit(".", 1)[1]
    if ext == "pdf":
        filter = {"com.sun.star.text.TextDocument": "writer_pdf_Export"}.get(filter, "writer_pdf_Export")
    if "Password" in kw and ext in ("docx", "xlsx", "pptx"):
        kw["EncryptionData"] = uno.Any("[]com.sun.star.beans.NamedValue",
                                       (NamedValue("CryptoType", "StrongEncryptionDataSpace"), NamedValue("OOXPassword", kw.pop("Password"))))
    try:
        doc.storeToURL("file://%s/%s" % (out, name), props(FilterName=filter or FILTERS[ext], **kw))
    except Exception as e:
        print("not made:", name, e)


def writer(text="A plain letter."):
    d = new("swriter")
    d.Text.setString(text)
    return d


try:
    d = writer()
    for ext in ("odt", "docx", "doc", "rtf", "fodt", "xml", "dot", "ott", "pdf"):
        save(d, "plain-writer." + ext)
    for ext in ("odt", "docx", "doc"):
        save(d, "password-writer." + ext, Password="secret")
    d.close(True)

    d = writer("A letter with a link to a page.")
    c = d.Text.createTextCursor()
    c.gotoEnd(False)
    c.gotoStart(True)
    c.HyperLinkURL = "https://example.com/page"
    for ext in ("odt", "docx", "doc", "rtf", "pdf"):
        save(d, "hyperlink-writer." + ext)
    d.close(True)

    d = writer("A letter with a section that is a file on a server.\n")
    s = d.createInstance("com.sun.star.text.TextSection")
    d.Text.insertTextContent(d.Text.getEnd(), s, False)
    link = uno.createUnoStruct("com.sun.star.text.SectionFileLink")
    link.FileURL, link.FilterName = "http://beacon.example/text.odt", "writer8"
    s.FileLink = link
    for ext in ("odt", "docx", "doc"):
        save(d, "section-link." + ext)
    d.close(True)

    d = writer("A letter with Basic code.")
    lib = d.BasicLibraries
    if not lib.hasByName("Standard"):
        lib.createLibrary("Standard")
    lib.loadLibrary("Standard")
    lib.getByName("Standard").insertByName("Module1", "Sub Main\n  MsgBox \"Hello\"\nEnd Sub\n")
    for ext in ("odt", "fodt"):
        save(d, "basic-writer." + ext)
    save(d, "basic-writer.docx")
    d.close(True)

    d = writer("A letter with an empty Basic library.")
    lib = d.BasicLibraries
    if not lib.hasByName("Standard"):
        lib.createLibrary("Standard")
    lib.loadLibrary("Standard")
    lib.getByName("Standard").insertByName("Module1", "REM  *****  BASIC  *****\n\n")
    save(d, "basic-empty.odt")
    d.close(True)

    d = new("scalc")
    sheet = d.Sheets.getByIndex(0)
    for i in range(20):
        sheet.getCellByPosition(0, i).setValue(i)
        sheet.getCellByPosition(1, i).setFormula("=A%d*2" % (i + 1))
    for ext in ("ods", "xlsx", "xls", "fods", "slk", "csv"):
        save(d, "plain-calc." + ext)
    save(d, "plain-calc95.xls", filter="MS Excel 95")
    save(d, "plain-calc.xlsm")
    for ext in ("ods", "xlsx", "xls"):
        save(d, "password-calc." + ext, Password="secret")
    d.protect("inner")  # the structure only: opens without asking
    for ext in ("ods", "xlsx", "xls"):
        save(d, "protected-structure." + ext)
    d.unprotect("inner")
    sheet.protect("inner")
    for ext in ("ods", "xlsx", "xls"):
        save(d, "protected-sheet." + ext)
    sheet.unprotect("inner")
    lib = d.BasicLibraries
    if not lib.hasByName("Standard"):
        lib.createLibrary("Standard")
    lib.loadLibrary("Standard")
    lib.getByName("Standard").insertByName("Module1", "Function Twice(x)\n  Twice = 2*x\nEnd Function\n")
    save(d, "basic-calc.ods")
    d.close(True)

    d = new("scalc")
    d.Sheets.getByIndex(0).getCellByPosition(0, 0).setFormula('=DDE("soffice";"data.ods";"Sheet1.A1")')
    for ext in ("ods", "xlsx", "xls"):
        save(d, "dde-calc." + ext)
    d.close(True)

    d = new("scalc")  # with code to be saved as VBA
    d.BasicLibraries.VBACompatibilityMode = True
    if not d.BasicLibraries.hasByName("Standard"):
        d.BasicLibraries.createLibrary("Standard")
    d.BasicLibraries.loadLibrary("Standard")
    d.BasicLibraries.getByName("Standard").insertByName("Module1", "Sub Main\n  MsgBox 1\nEnd Sub\n")
    save(d, "basic-calc.xlsm")
    d.close(True)

    d = writer("A letter to be exported.")
    data = lambda **kw: uno.Any("[]com.sun.star.beans.PropertyValue", props(**kw))
    save(d, "export-user.pdf", FilterData=data(EncryptFile=True, DocumentOpenPassword="secret"))
    save(d, "export-owner.pdf", FilterData=data(RestrictPermissions=True, PermissionPassword="owner"))
    save(d, "export-hybrid.pdf", FilterData=data(IsAddStream=True))  # the document is attached
    d.close(True)

    d = new("sdraw")
    save(d, "plain-draw.odg", filter="draw8")
    save(d, "password-draw.odg", filter="draw8", Password="secret")
    d.close(True)

    d = new("simpress")
    for ext in ("odp", "pptx", "ppt"):
        save(d, "plain-impress." + ext)
    for ext in ("odp", "pptx"):
        save(d, "password-impress." + ext, Password="secret")
    save(d, "password-impress.ppt", Password="secret")
    d.close(True)

    for path in sys.argv[3:]:  # flat documents to convert
        d = load(path)
        base = os.path.basename(path).rsplit(".", 1)[0]
        for ext in ("odt", "docx", "doc", "rtf"):
            save(d, "%s.%s" % (base, ext))
        d.close(True)
finally:
    try:
        desktop.terminate()
    except Exception:
        pass
    office.wait(30)
