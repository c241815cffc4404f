"""The words that go with a code for the customer's page, or with a new link to it, in the languages that the templates
are written in; English for all others. Not templates: a policy could schedule one, and these are said only to who has
just asked for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from activities.channels.render.formats import END_ISOLATE, ISOLATE
from activities.channels.render.sms import as_text_message


@dataclass(frozen=True)
class Words:
    """Each names {merchant}, the last two also {code} or {link}. The subject does not: lists of mails are read over
    shoulders."""

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


LINK_WORDS: Mapping[str, Words] = {
    "en": Words(
        subject="Your new link for {merchant}",
        text="Here is your new link to the payment page of {merchant}:\n\n{link}\n\nIt works for 30 days.",
        sms="{merchant}: your new link: {link}",
    ),
    "ar": Words(
        subject="رابطك الجديد لدى {merchant}",
        text="هذا رابطك الجديد إلى صفحة الدفع لدى {merchant}:\n\n{link}\n\nيعمل لمدة 30 يومًا.",
        sms="{merchant}: رابطك الجديد: {link}",
        direction="rtl",
    ),
    "de": Words(
        subject="Ihr neuer Link für {merchant}",
        text="Hier ist Ihr neuer Link zur Zahlungsseite von {merchant}:\n\n{link}\n\nEr funktioniert 30 Tage lang.",
        sms="{merchant}: Ihr neuer Link: {link}",
    ),
    "es": Words(
        subject="Su nuevo enlace para {merchant}",
        text="Aquí tiene su nuevo enlace a la página de pago de {merchant}:\n\n{link}\n\nFunciona durante 30 días.",
        sms="{merchant}: su nuevo enlace: {link}",
    ),
    "fr": Words(
        subject="Votre nouveau lien pour {merchant}",
        text="Voici votre nouveau lien vers la page de paiement de {merchant} :\n\n{link}\n\nIl fonctionne 30 jours.",
        sms="{merchant} : votre nouveau lien : {link}",
    ),
    "ja": Words(
        subject="{merchant}の新しいリンク",
        text="{merchant}のお支払いページへの新しいリンクです。\n\n{link}\n\n30日間有効です。",
        sms="{merchant}: 新しいリンクです: {link}",
    ),
    "pt": Words(
        subject="Seu novo link para {merchant}",
        text="Aqui está seu novo link para a página de pagamento de {merchant}:\n\n{link}\n\nEle vale por 30 dias.",
        sms="{merchant}: seu novo link: {link}",
    ),
}


def code_words(locale: str, channel: str, merchant: str, code: str) -> CodeWords:
    """For a locale such as pt_BR. `channel`: `email` or `sms`."""
    return _said(WORDS, locale, channel, {"merchant": merchant, "code": code})


def link_words(locale: str, channel: str, merchant: str, link: str) -> CodeWords:
    """The same for a link."""
    return _said(LINK_WORDS, locale, channel, {"merchant": merchant, "link": link})


def _said(table: Mapping[str, Words], locale: str, channel: str, named: dict[str, str]) -> CodeWords:
    asked = locale.replace("-", "_").partition("_")[0].lower()
    language = asked if asked in table else "en"
    words = table[language]
    if words.direction == "rtl":
        # An address in isolates would not be followed by every program.
        named = {name: each if name == "link" else f"{ISOLATE}{each}{END_ISOLATE}" for name, each in named.items()}
    text = words.text.format_map(named) if channel == "email" else as_text_message(words.sms.format_map(named))
    return CodeWords(words.subject.format_map(named), text, locale if language == asked else "en", words.direction)
