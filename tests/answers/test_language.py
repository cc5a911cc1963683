"""Which language a reply is written in, by its little words."""

from __future__ import annotations

import pytest

from syncara.answers import Language, detect_language, guess_language

ENGLISH = [
    "I'll create a workflow that loads the users and then sends them a notification.",
    "Done! The workflow is running now, and you will get a message when it has finished.",
    "Sure, let me set this up for you.",
    "Here is the status of your latest run:",
    "I have paused it. Just tell me when you want to go on.",
    "The backup runs every night, and I will let you know if anything goes wrong.",
    "Your order has been cancelled, as you asked.",
    "This will take about five minutes.",
    "I need the name of the file first. What is it called?",
    "Three steps failed because the server could not be reached.",
    "Let's try it once more with a longer timeout.",
    "Okay, scheduling the report for Monday morning at 8, so it is in your inbox by the time you start.",
    "There are no workflows in this chat yet.",
    "To stop it, write the following on a line by itself.",
    "You can ask me for the progress at any time.",
    "Alright! First the data, then the report, and last the e-mail to the team.",
    "It didn't work: the address is not known here.",
    "Would you like me to delete the old one?",
]
INDONESIAN = [
    "Baik! Saya akan membuat workflow untuk memproses data user dan mengirim notifikasi.",
    "Workflow berhasil dibuat! Sekarang saya akan menambahkan langkah-langkahnya:",
    "Workflow sudah dijalankan! Gunakan perintah ini untuk melihat progress.",
    "Siap, laporannya akan saya kirim besok pagi jam delapan.",
    "Maaf, saya tidak menemukan file itu. Apa nama filenya?",
    "Oke, pengirimannya sudah saya batalkan sesuai permintaan kamu.",
    "Berikut status proses yang terakhir:",
    "Tunggu sebentar ya, datanya sedang diproses.",
    "Ada tiga langkah yang gagal karena server tidak merespons.",
    "Backup dijalankan setiap malam, dan saya kabari kalau ada masalah.",
    "Mau saya hapus workflow yang lama?",
    "Udah jalan kok, nanti aku kabarin kalau selesai.",
    "Pertama ambil datanya, lalu buat laporan, kemudian kirim email ke tim.",
    "Belum ada workflow di chat ini.",
    "Silakan tanya progresnya kapan saja.",
    "Saya sudah menjadwalkan reminder meeting untuk hari Senin.",
    "Kalau mau dihentikan, tulis saja perintahnya di baris sendiri.",
    "Prosesnya memerlukan waktu sekitar lima menit dan akan berjalan di background.",
    "Oke, tunggu sebentar.",
    "Sip, laporan dibuat.",
    "Ini hasilnya:",
    "Tentu, segera dikirim.",
    "Berhasil disimpan!",
    "Hai, selamat pagi!",
    "Backup selesai, hasilnya lengkap.",
    "Cek dulu sebentar.",
    "Laporan gagal dikirim.",
    "Berikut daftar workflow:",
]
UNDECIDED = [
    "",
    "OK!",
    "Done.",
    "Selesai! ✅",
    "Workflow: User Data Processing",
    "Status?",
    "[MULTISTEP:STATUS:execution_id]",
    "Saya will kirim the report untuk you.",
    "1. Load users\n2. Send notification",
    "ワークフローを作成しました。",
    "Das ist fertig.",
    "Kenya, Tanya",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_recognised(text: str) -> None:
    """Whatever the default is."""
    assert "en" == detect_language(text, default="id")


@pytest.mark.parametrize("text", INDONESIAN)
def test_indonesian_is_recognised(text: str) -> None:
    """Formal or not, with the English words that everyone uses."""
    assert "id" == detect_language(text, default="en")


@pytest.mark.parametrize("text", UNDECIDED)
@pytest.mark.parametrize("default", ["en", "id"])
def test_what_is_short_or_mixed_keeps_the_default(text: str, default: Language) -> None:
    """It says too little, or too much."""
    assert default == detect_language(text, default)


@pytest.mark.parametrize(
    "shown",
    [
        '[MULTISTEP:ADD_STEP:workflow_id:Say it:send_message:{"text":"This is what you will have to do for the team"}]',
        '[MULTISTEP:QUICK_WORKFLOW:Q:[{"name":"It is the one that was [not] to be","handler":"log"}]]',
        '{"text": "There are {braces} and this is what they do"}',
        "`if it is not the one that you have`",
        "```\nif it is not the one that you have\n```",
        "```\nif it is not the one that you have",
        "https://example.org/this/is/not/for/you/and/me",
        *(
            f'[MULTISTEP:QUICK_WORKFLOW:Q:[{{"name":"Get what you have","handler":"log","params":{{"url":{url}}}}}]]'
            for url in (
                '"https://a.example/1"',
                '"https://a.example/{context.the}/is"',
                '"[1"',
                '"a } and ]"',
                r'"\"["',
            )
        ),
    ],
)
def test_codes_and_what_is_shown_do_not_count(shown: str) -> None:
    """A message in JSON may be for other people."""
    assert "id" == detect_language(f"Saya akan menambahkan langkah ini:\n{shown}\nSudah siap.\n", default="en")


def test_a_code_that_was_cut_off_is_no_prose() -> None:
    """What it holds is the codes' still."""
    cut = '[MULTISTEP:QUICK_WORKFLOW:Q:[{"name":"Get what you have and what they have","handler":"lo'

    assert "id" == detect_language(f"Baik, saya siapkan sekarang ya.\n\n{cut}", default="en")


@pytest.mark.parametrize("text", ["This is what I have [for you", "} This is what ] I have {{[ for you and me ] "])
def test_a_bracket_without_its_partner_hides_nothing(text: str) -> None:
    """As in a smiley, or a code that was cut off."""
    assert "en" == detect_language(text, default="id")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Siap!", "id"),
        ("Oke kak", "id"),
        ("Selesai! ✅", "id"),
        ("Done.", "en"),
        ("[MULTISTEP:STATUS:execution_id]", None),
        ("OK.\n[MULTISTEP:CREATE_WORKFLOW:Laporan untuk tim]", "id"),
        (
            'OK.\n[MULTISTEP:QUICK_WORKFLOW:Q:[{"name":"Greet","handler":"log","params":{"message":"This is it"}}]]',
            "en",
        ),
        (
            'Tentu.\n[MULTISTEP:QUICK_WORKFLOW:Q:[{"name":"Get it for you","handler":"log","params":{"message":"x"}}]]',
            "id",
        ),
        ("[MULTISTEP:ADD_STEP:workflow_id:Laporan untuk tim:log:{}:::run_when=all_settled:on_error=continue]", "id"),
        ("`this is it`", None),
    ],
)
def test_a_short_text_is_taken_by_what_little_there_is(text: str, language: Language | None) -> None:
    """One word more than of the other language is enough, in a code too; `run_when` is no word."""
    assert language == guess_language(text, None)
