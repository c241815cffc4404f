"""The words of the preferences page, in the languages that the templates are written in. English for all others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Words:
    """`channels`: the names of those that may be switched off; `gone_...`: of a link that is none of ours."""

    title: str
    intro: str
    necessary: str
    why_necessary: str
    by_email: str
    by_post: str
    only_post: str
    others: str
    why_others: str
    channels: Mapping[str, str]
    save: str
    saved: str
    gone_title: str
    gone_text: str
    direction: Literal["ltr", "rtl"] = "ltr"


WORDS: Mapping[str, Words] = {
    "en": Words(
        title="How we may contact you",
        intro="This is about messages on your payments only. Changes take effect at once.",
        necessary="Important notices",
        why_necessary="Some messages we have to send you, for example before a service is limited. "
        "They reach you by e-mail or by post; one of the two always stays on.",
        by_email="By e-mail",
        by_post="By post",
        only_post="Important notices come by post, because we have no e-mail address for you.",
        others="Also tell me here",
        why_others="Untick whatever you do not want. You can come back and change your mind.",
        channels={
            "sms": "Text message (SMS)",
            "push": "Notifications on my devices",
            "in_app": "Messages in the app",
            "webhook": "Other messages from us",
        },
        save="Save",
        saved="Saved. Your choice applies from now on.",
        gone_title="This link no longer works",
        gone_text="It is incomplete or too old. Please use the link in our newest message, or write to our support.",
    ),
    "de": Words(
        title="Wie wir Sie erreichen dürfen",
        intro="Hier geht es nur um Nachrichten zu Ihren Zahlungen. Änderungen gelten sofort.",
        necessary="Wichtige Mitteilungen",
        why_necessary="Manches müssen wir Ihnen mitteilen, zum Beispiel bevor ein Zugang eingeschränkt wird. "
        "Das erreicht Sie per E-Mail oder per Post; eines von beiden bleibt immer eingeschaltet.",
        by_email="Per E-Mail",
        by_post="Per Post",
        only_post="Wichtige Mitteilungen kommen per Post, weil wir keine E-Mail-Adresse von Ihnen haben.",
        others="Außerdem auf diesen Wegen",
        why_others="Entfernen Sie das Häkchen bei allem, was Sie nicht möchten. "
        "Sie können es hier jederzeit wieder ändern.",
        channels={
            "sms": "SMS",
            "push": "Mitteilungen auf meinen Geräten",
            "in_app": "Nachrichten in der App",
            "webhook": "Weitere Nachrichten von uns",
        },
        save="Speichern",
        saved="Gespeichert. Ihre Auswahl gilt ab sofort.",
        gone_title="Dieser Link funktioniert nicht mehr",
        gone_text="Er ist unvollständig oder zu alt. Bitte nehmen Sie den Link aus unserer neuesten Nachricht "
        "oder schreiben Sie unserem Support.",
    ),
    "fr": Words(
        title="Comment nous pouvons vous contacter",
        intro="Il s’agit uniquement des messages concernant vos paiements. Vos choix prennent effet immédiatement.",
        necessary="Informations importantes",
        why_necessary="Nous sommes tenus de vous adresser certains messages, par exemple avant de limiter un service. "
        "Ils vous parviennent par e-mail ou par courrier ; l’un des deux reste toujours actif.",
        by_email="Par e-mail",
        by_post="Par courrier",
        only_post="Les informations importantes vous parviennent par courrier, "
        "car nous n’avons pas d’adresse e-mail pour vous.",
        others="Me prévenir aussi par",
        why_others="Décochez ce que vous ne souhaitez pas recevoir. Vous pourrez changer d’avis à tout moment.",
        channels={
            "sms": "SMS",
            "push": "Notifications sur mes appareils",
            "in_app": "Messages dans l’application",
            "webhook": "Autres messages de notre part",
        },
        save="Enregistrer",
        saved="C’est enregistré. Votre choix s’applique dès maintenant.",
        gone_title="Ce lien ne fonctionne plus",
        gone_text="Il est incomplet ou trop ancien. Utilisez le lien de notre message le plus récent "
        "ou écrivez à notre service client.",
    ),
    "es": Words(
        title="Cómo podemos contactar con usted",
        intro="Se trata solo de los mensajes sobre sus pagos. Los cambios se aplican de inmediato.",
        necessary="Avisos importantes",
        why_necessary="Hay mensajes que debemos enviarle, por ejemplo antes de limitar un servicio. "
        "Le llegan por correo electrónico o por correo postal; uno de los dos queda siempre activado.",
        by_email="Por correo electrónico",
        by_post="Por correo postal",
        only_post="Los avisos importantes le llegan por correo postal, "
        "porque no tenemos su dirección de correo electrónico.",
        others="Avisarme también por",
        why_others="Desmarque lo que no quiera recibir. Puede volver y cambiarlo cuando quiera.",
        channels={
            "sms": "SMS",
            "push": "Notificaciones en mis dispositivos",
            "in_app": "Mensajes en la aplicación",
            "webhook": "Otros mensajes nuestros",
        },
        save="Guardar",
        saved="Guardado. Su elección se aplica desde ahora.",
        gone_title="Este enlace ya no funciona",
        gone_text="Está incompleto o es demasiado antiguo. Use el enlace de nuestro mensaje más reciente "
        "o escriba a nuestro servicio de atención al cliente.",
    ),
    "pt": Words(
        title="Como podemos entrar em contato com você",
        intro="Aqui se trata apenas das mensagens sobre seus pagamentos. As mudanças valem imediatamente.",
        necessary="Avisos importantes",
        why_necessary="Algumas mensagens precisamos enviar, por exemplo antes de limitar um serviço. "
        "Elas chegam por e-mail ou por correio; um dos dois fica sempre ativado.",
        by_email="Por e-mail",
        by_post="Por correio",
        only_post="Os avisos importantes chegam por correio, porque não temos um endereço de e-mail seu.",
        others="Avisar também por",
        why_others="Desmarque o que não quiser receber. Você pode voltar e mudar quando quiser.",
        channels={
            "sms": "SMS",
            "push": "Notificações nos meus aparelhos",
            "in_app": "Mensagens no aplicativo",
            "webhook": "Outras mensagens nossas",
        },
        save="Salvar",
        saved="Salvo. Sua escolha já está valendo.",
        gone_title="Este link não funciona mais",
        gone_text="Ele está incompleto ou é antigo demais. Use o link da nossa mensagem mais recente "
        "ou escreva para o nosso suporte.",
    ),
    "ja": Words(
        title="ご連絡方法の設定",
        intro="お支払いに関するご連絡のみが対象です。変更はすぐに反映されます。",
        necessary="重要なお知らせ",
        why_necessary="サービスの利用制限の前など、必ずお伝えしなければならないご連絡があります。"
        "メールまたは郵送でお届けし、どちらか一方は常に有効です。",
        by_email="メールで受け取る",
        by_post="郵送で受け取る",
        only_post="メールアドレスのご登録がないため、重要なお知らせは郵送でお届けします。",
        others="そのほかの受け取り方法",
        why_others="不要なものはチェックを外してください。設定はいつでも変更できます。",
        channels={
            "sms": "SMS(ショートメッセージ)",
            "push": "端末へのプッシュ通知",
            "in_app": "アプリ内のメッセージ",
            "webhook": "その他のご連絡",
        },
        save="保存する",
        saved="保存しました。設定はすでに反映されています。",
        gone_title="このリンクは無効です",
        gone_text="リンクが不完全か、有効期限が切れています。最新のご連絡に記載のリンクをお使いいただくか、サポートまでお問い合わせください。",
    ),
    "ar": Words(
        title="كيف يمكننا التواصل معك",
        intro="يتعلق الأمر برسائل مدفوعاتك فقط. تسري التغييرات فورًا.",
        necessary="الإشعارات المهمة",
        why_necessary="هناك رسائل يجب أن نرسلها إليك، مثلًا قبل تقييد إحدى الخدمات. "
        "تصلك بالبريد الإلكتروني أو بالبريد العادي، ويبقى أحدهما مفعّلًا دائمًا.",
        by_email="بالبريد الإلكتروني",
        by_post="بالبريد العادي",
        only_post="تصلك الإشعارات المهمة بالبريد العادي لأنه ليس لدينا عنوان بريد إلكتروني لك.",
        others="أبلغوني أيضًا عبر",
        why_others="ألغِ تحديد ما لا ترغب في استلامه. يمكنك العودة وتغيير اختيارك في أي وقت.",
        channels={
            "sms": "رسالة نصية (SMS)",
            "push": "إشعارات على أجهزتي",
            "in_app": "رسائل داخل التطبيق",
            "webhook": "رسائل أخرى منا",
        },
        save="حفظ",
        saved="تم الحفظ. يسري اختيارك من الآن.",
        gone_title="لم يعد هذا الرابط صالحًا",
        gone_text="الرابط غير مكتمل أو قديم جدًا. يُرجى استخدام الرابط الوارد في أحدث رسالة منا أو مراسلة فريق الدعم.",
        direction="rtl",
    ),
}


def words_for(locale: str) -> tuple[str, Words]:
    """Language and words for a locale such as pt_BR."""
    language = locale.replace("-", "_").partition("_")[0].lower()
    return (language, WORDS[language]) if language in WORDS else ("en", WORDS["en"])
