"""The words that go with a code for the customer's page, in the languages that the templates are written in; English
for all others. Not a template: a policy could schedule one, and a code is said only to who has just asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from activities.channels.render.formats import END_ISOLATE, ISOLATE
from activities.channels.render.sms import as_text_message


@dataclass(frozen=True)
class Words:
    """Each names {merchant}, the last two also {code}. The subject does not: lists of mails are read over shoulders."""

    subject: str
    text: str
    sms: str
    direction: Literal["ltr", "rtl"] = "ltr"


@dataclass(frozen=True)
class CodeWords:
    subject: str
    text: str
    locale: str
    direction: Literal["ltr", "rtl"]


WORDS: Mapping[str, Words] = {
    "en": Words(
        subject="Your code for {merchant}",
        text="{code} is your code for the payment page of {merchant}.\n\n"
        "It works for 10 minutes, and only in the browser in which you asked for it. "
        "Nobody at {merchant} will ever ask you for it.\n\n"
        "If you did not ask for a code, there is nothing you need to do.",
        sms="{merchant}: your code is {code}. It works for 10 minutes. Never tell it to anyone.",
    ),
    "ar": Words(
        subject="رمزك لدى {merchant}",
        text="{code} هو رمزك لصفحة الدفع لدى {merchant}.\n\n"
        "يعمل الرمز لمدة 10 دقائق، وفقط في المتصفح الذي طلبته منه. "
        "لن يطلبه منك أي شخص من {merchant} أبدًا.\n\n"
        "إذا لم تطلب رمزًا، فلا يلزمك فعل أي شيء.",
        sms="{merchant}: رمزك هو {code}. صالح لمدة 10 دقائق. لا تخبر به أحدًا.",
        direction="rtl",
    ),
    "de": Words(
        subject="Ihr Code für {merchant}",
        text="{code} ist Ihr Code für die Zahlungsseite von {merchant}.\n\n"
        "Er gilt 10 Minuten lang und nur in dem Browser, in dem Sie ihn angefordert haben. "
        "Niemand bei {merchant} wird Sie jemals danach fragen.\n\n"
        "Wenn Sie keinen Code angefordert haben, brauchen Sie nichts zu tun.",
        sms="{merchant}: Ihr Code lautet {code}. Er gilt 10 Minuten. Geben Sie ihn niemals weiter.",
    ),
    "es": Words(
        subject="Su código para {merchant}",
        text="{code} es su código para la página de pago de {merchant}.\n\n"
        "Sirve durante 10 minutos y solo en el navegador en el que lo pidió. "
        "Nadie de {merchant} se lo pedirá nunca.\n\n"
        "Si no ha pedido ningún código, no tiene que hacer nada.",
        sms="{merchant}: su código es {code}. Sirve durante 10 minutos. No se lo diga a nadie.",
    ),
    "fr": Words(
        subject="Votre code pour {merchant}",
        text="{code} est votre code pour la page de paiement de {merchant}.\n\n"
        "Il est valable 10 minutes, et seulement dans le navigateur où vous l’avez demandé. "
        "Personne chez {merchant} ne vous le demandera jamais.\n\n"
        "Si vous n’avez pas demandé de code, vous n’avez rien à faire.",
        sms="{merchant} : votre code est {code}. Il est valable 10 minutes. Ne le donnez à personne.",
    ),
    "ja": Words(
        subject="{merchant}の確認コード",
        text="{merchant}のお支払いページの確認コードは {code} です。\n\n"
        "有効期間は10分間で、コードを請求されたブラウザーでのみお使いいただけます。"
        "{merchant}の担当者がコードをお尋ねすることは決してありません。\n\n"
        "コードを請求していない場合は、何もしていただく必要はありません。",
        sms="{merchant}: 確認コードは {code} です。有効期間は10分間です。誰にも教えないでください。",
    ),
    "pt": Words(
        subject="Seu código para {merchant}",
        text="{code} é o seu código para a página de pagamento de {merchant}.\n\n"
        "Ele vale por 10 minutos e somente no navegador em que você o pediu. "
        "Ninguém de {merchant} vai pedi-lo a você.\n\n"
        "Se você não pediu um código, não precisa fazer nada.",
        sms="{merchant}: seu código é {code}. Ele vale por 10 minutos. Não o informe a ninguém.",
    ),
}


def code_words(locale: str, channel: str, merchant: str, code: str) -> CodeWords:
    """For a locale such as pt_BR. `channel`: `email` or `sms`."""
    asked = locale.replace("-", "_").partition("_")[0].lower()
    language = asked if asked in WORDS else "en"
    words = WORDS[language]
    named = {"merchant": merchant, "code": code}
    if words.direction == "rtl":
        named = {name: f"{ISOLATE}{each}{END_ISOLATE}" for name, each in named.items()}
    text = words.text.format_map(named) if channel == "email" else as_text_message(words.sms.format_map(named))
    return CodeWords(words.subject.format_map(named), text, locale if language == asked else "en", words.direction)
