"""Which language a text is written in, as far as its little words tell."""

from __future__ import annotations

import re
from typing import TypeVar

from syncara.answers.catalogue import Language

T = TypeVar("T")

_ENGLISH = """
    a about after all an and any are as at back be been before but by can could did do does done each every few first
    for from get got had has have here how i if in into is it its just know let like me more my need next no not now of
    off on once one only or our out over please should so some soon sure than that the their them then there these they
    this those to too two until up us was we were what when where which while who why will with would yes you your
"""
_INDONESIAN = """
    ada adalah agar aja akan aku ambil anda apa apakah atau bagaimana bagi bagus bahwa baik banget baru batal
    batalkan bawah beberapa begitu belum benar bentar berapa beres berhasil berikut berjalan besok betul biar bila
    bisa boleh buat buatin buatkan bukan cek coba daftar dalam dan dapat dari deh dengan detik di dia diambil
    dibatalkan dibuat dibuatkan dihapus dijadwalkan dijalanin dijalankan dijeda dikirim dilanjutkan dimulai diproses
    disiapkan disimpan ditambahkan diubah diulang dong dua dulu gagal gak hai halo hanya hapus hari harus hasil
    hingga ini itu iya jadi jadwal jalan jalankan jangan jika juga kak kalau kami kamu karena kasih ke kemarin
    kemudian kepada ketika kirim kirimkan kita kok lagi lain lalu lancar langkah langsung lanjut lanjutkan laporan
    lebih lihat maaf maka makasih malam mana mantap mari masih mau melanjutkan melihat membatalkan membuat memproses
    memulai menambahkan mengambil menghapus mengirim mengirimkan menit menjadwalkan menjalankan menunggu menyiapkan
    menyimpan mereka minggu mohon mulai mungkin namun nanti nggak nih oke oleh pada pagi pakai paling para pasti
    pengingat perintah perlu permintaan pernah pesan proses ringkasan saat saja sama sambil sampai sangat satu saya
    sebagai sebelum sebentar sebuah secara sedang segera sekarang selama selamat selesai seluruh semua semuanya
    seperti serta sesuai setelah setiap siang siap siapa siapin siapkan silakan simpan sini sip sore sudah supaya
    tadi tambahkan tanpa tapi telah tentang tentu terakhir terbaru terima terjadwal terkirim tersedia tersimpan
    tetapi tiap tidak tolong tugas tuh tunggu udah ulang ulangi untuk ya yaitu yang yuk
"""
WORDS: dict[Language, frozenset[str]] = {
    "en": frozenset(_ENGLISH.split()),
    "id": frozenset(_INDONESIAN.split()),
}
_ENDINGS: dict[Language, str] = {"en": "", "id": "nya"}
"""How words end that can be of no other language: `hasilnya` is `hasil` and a `the`."""
WORD_MIN = 3
"""The letters before such an ending: Kenya is a country."""
HITS_MIN = 2
"""With fewer little words than this, a text is too short to tell."""
LEAD_MIN = 2
"""The language of a text has this many times as many of them as the other one; else the text is mixed."""

_SHOWN = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://[^\s\"\[\]{}]+", re.DOTALL)
"""An address ends before a quote or a bracket: those belong to the code that it stands in."""
_MARK = re.compile(r'\\.|"(?:[^"\\\n]|\\.)*"|[][{}]')
_CUT_OFF = re.compile(r"\[[A-Z_]+:[A-Z_]+:.*", re.DOTALL)
"""A code without its end, which takes the rest of the text."""
_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")
"""What is joined to something else by `_`, such as `run_when`, is a name and no word."""
_CLOSING = {"[": "]", "{": "}"}


def detect_language(text: str, default: T) -> Language | T:
    """The language of the prose; what is code, or stands in brackets, is none. `default` when in doubt."""
    (first, most), (_, others) = _ranked(_prose(text))
    return first if most >= HITS_MIN and most >= LEAD_MIN * others + 1 else default


def guess_language(text: str, default: T) -> Language | T:
    """The language that most little words of a text are of, those in its shortcodes too. `default` where none leads.

    It is for texts that say too little for `detect_language`. Its prose decides, if one word of it does; names and
    messages in the codes are better than nothing.
    """
    for said in (_prose(text), _SHOWN.sub(" ", text)):
        (first, most), (_, others) = _ranked(said)
        if most > others:
            return first
    return default


def _ranked(text: str) -> list[tuple[Language, int]]:
    """The languages, each with how many of its little words there are; the one with the most first."""
    words = [word.lower() for word in _WORD.findall(text)]
    hits = [(language, sum(_is_of(language, word) for word in words)) for language in WORDS]
    return sorted(hits, key=lambda hit: -hit[1])


def _is_of(language: Language, word: str) -> bool:
    ending = _ENDINGS[language]
    return word in WORDS[language] or bool(ending and word.endswith(ending) and len(word) >= WORD_MIN + len(ending))


def _prose(text: str) -> str:
    """The text without code, shortcodes and JSON. A bracket that is never closed is a character like others."""
    text = _SHOWN.sub(" ", text)
    open_at: list[int] = []
    ends: dict[int, int] = {}
    place = 0
    while (mark := _MARK.search(text, place)) is not None:
        # A quote means something within brackets only; what is quoted there may hold a bracket of its own.
        place = mark.end() if open_at or mark[0][0] != '"' else mark.start() + 1
        if mark[0] in _CLOSING:
            open_at.append(mark.start())
        elif open_at and mark[0] == _CLOSING[text[open_at[-1]]]:
            ends[open_at.pop()] = place
    kept: list[str] = []
    place = 0
    for start in sorted(ends):
        if start >= place:
            kept.append(text[place:start])
            place = ends[start]
    return _CUT_OFF.sub(" ", " ".join([*kept, text[place:]]))
