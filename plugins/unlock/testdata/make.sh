#!/bin/sh
# Makes the archives of this folder with Info-ZIP's zip and 7-Zip. The password
# is "secret!" unless said otherwise.
set -eu
out=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cd "$dir"
printf 'Dear Bob,\n\nthe figures.\n' > letter.txt
seq 1 3000 > numbers.csv
printf 'MZ\220\000\003\000\000\000\004\000\000\000' > setup.exe
: > empty.txt
rm -f "$out"/*.zip "$out"/*.7z
zip -qX -P secret! "$out/zipcrypto.zip" letter.txt numbers.csv empty.txt
cat letter.txt | zip -qX -P secret! "$out/zipcrypto-streamed.zip" -
zip -qX -P secret! "$out/program.zip" letter.txt setup.exe
for n in 128 192 256; do
	7z a -bd -y -tzip -mem=AES$n -psecret! "$out/aes$n.zip" letter.txt numbers.csv empty.txt > /dev/null
done
7z a -bd -y -tzip -mem=AES256 -mm=LZMA -psecret! "$out/aes-lzma.zip" numbers.csv > /dev/null
7z a -bd -y -tzip -mem=AES256 -mm=Copy -psecret! "$out/aes-stored.zip" letter.txt > /dev/null
7z a -bd -y -psecret! "$out/solid.7z" letter.txt numbers.csv empty.txt > /dev/null
7z a -bd -y -psecret! -mhe=on "$out/names.7z" letter.txt numbers.csv > /dev/null
7z a -bd -y -psecret! -mx=0 "$out/stored.7z" letter.txt > /dev/null
7z a -bd -y -psecret! -m0=LZMA "$out/lzma.7z" letter.txt numbers.csv > /dev/null
7z a -bd -y -psecret! -m0=BCJ2 -m1=LZMA -m2=LZMA -m3=LZMA -mb0:1 -mb0s1:2 -mb0s2:3 "$out/bcj2.7z" setup.exe > /dev/null 2>&1 || rm -f "$out/bcj2.7z"
7z a -bd -y -psecret! "$out/program.7z" letter.txt setup.exe > /dev/null
# Nested: the same password twice, and another one.
zip -qX -P secret! inner.zip letter.txt
zip -qX -P other different.zip letter.txt
7z a -bd -y -psecret! -mhe=on "$out/nested.7z" inner.zip > /dev/null
zip -qX -P secret! "$out/nested-other.zip" different.zip
zip -qX "$out/mixed.zip" numbers.csv
zip -qX -P secret! "$out/mixed.zip" letter.txt
zip -qX -P other "$out/two-passwords.zip" numbers.csv
zip -qX -P secret! "$out/two-passwords.zip" letter.txt
# A password beyond ASCII, in the encodings of two writers.
zip -qX -P "$(printf 'gr\374n')" "$out/latin1.zip" letter.txt
zip -qX -P "$(printf 'gr\201n')" "$out/cp437.zip" letter.txt
zip -qX -P 'grün' "$out/utf8.zip" letter.txt
7z a -bd -y '-pgrün' "$out/umlaut.7z" letter.txt > /dev/null
# Documents: one with a macro, one with a password of its own.
documents=$out/../../stall/testdata/documents
zip -qXj -P secret! "$out/macro.zip" "$documents/package-macro.docx"
zip -qXj -P secret! "$out/document.zip" "$documents/password-writer.docx"
