package inspection

import "strings"

// Extensions are those of files that run, or have others run, when they are
// opened: those that Outlook and Gmail block and that are not common among
// documents.
var Extensions = strings.Fields(`
	ade adp apk app application appref-ms appx appxbundle bas bat chm cmd com cpl csh diagcab diagcfg diagpkg dll dmg drv ex_ exe fxp gadget
	hlp hpj hta htc img inf ins iso isp jar jnlp job js jse ksh library-ms lnk mad maf mam mar mas maw mcf mda mde mdt mdw mdz
	mjs mpkg msc msh msh1 msh1xml msh2 msh2xml mshxml msi msix msixbundle msp mst msu nsh ocx osd paf pcd pif pkg pl plg printerexport ps1
	ps1xml ps2 ps2xml psc1 psc2 psd1 psdm1 psm1 pyc pyo pyw pyz pyzw reg rgs scf scr sct search-ms settingcontent-ms shb shs sys
	theme themepack udl url vb vbe vbp vbs vhd vhdx vsmacros vsw vxd wcx webpnp website wll ws wsc wsf wsh xbap xll xnk command desktop scpt applescript vsix iqy`)

// decoys are extensions that people take for harmless, in front of one that
// is not.
var decoys = set(`pdf doc docx docm dot dotx xls xlsx xlsm xlsb ppt pptx pptm pps odt ods odp rtf txt csv tsv md log xml json jpg jpeg jpe png gif bmp tif
	tiff webp svg heic ico mp3 mp4 m4a m4v avi mov mkv wav wma wmv flac htm html mht mhtml eml msg ics vcf epub zip rar 7z gz tar`)

// harmless are extensions that say what a file holds, and that people open
// without a thought. What holds a program or an archive instead is disguised.
var harmless = set(`pdf doc docx dot dotx xls xlsx ppt pptx pps odt ods odp rtf txt csv tsv md log jpg jpeg jpe png gif bmp tif tiff webp heic ico
	mp3 mp4 m4a m4v avi mov mkv wav wma wmv flac htm html eml msg ics vcf`)

// written are extensions of text that nothing runs.
var written = set(`txt text md log csv tsv htm html xhtml xml json yaml yml toml ini conf cfg eml ics vcf rtf tex rst diff patch css scss sql c h cc cpp hpp
	go rs java kt swift ts tsx cs m mm php asp aspx jsp`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
