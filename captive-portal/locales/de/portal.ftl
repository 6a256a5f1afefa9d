# Datum
date = { $day }. { $month } { $year }
month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
checkout-description = { $plan }, { $months }
months = { $count ->
    [one] { $count } Monat
   *[other] { $count } Monate
}
days = { $count ->
    [one] { $count } Tag
   *[other] { $count } Tage
}

# Um jede Seite
language-label = Sprache
language-en = English
language-de = Deutsch
logout = Abmelden
help = Fragen? Wir helfen gerne:
back = Zurück zu meinem Konto

# Warum
pending-title = Ihr Anschluss startet am { $start }
pending-text = Alles ist vorbereitet. Bis dahin ist nur diese Seite erreichbar.
active-title = Sie sind online
active-text = Ihr Tarif { $plan } ist bezahlt und läuft.
grace-title = Bitte bald verlängern
grace-text = Ihre bezahlte Zeit endete am { $date }. Sie sind noch kurze Zeit online; verlängern Sie jetzt, dann wird nichts unterbrochen.
expired-title = Ihre bezahlte Zeit ist abgelaufen
expired-text = { $plan } war bis { $date } bezahlt. Wählen Sie, wie lange es weitergehen soll: Sobald die Zahlung da ist, sind Sie in Sekunden wieder online.
paused-title = Ihr Anschluss pausiert
paused-text = Sie haben { $plan } pausiert. Sie können sofort wieder online sein.
overdue-title = Eine Zahlung ist noch offen
overdue-text = Ihr Anschluss ruht, weil { $amount } nicht bezahlt wurden. Bezahlen Sie hier, dann sind Sie in Sekunden wieder online.
suspended-title = Ihr Anschluss ruht
suspended-text = Das lässt sich auf dieser Seite nicht klären. Bitte melden Sie sich bei uns, wir finden gemeinsam eine Lösung.
contact-text = Bitte melden Sie sich bei uns, damit es weitergeht.
disabled-title = Ihr Anschluss ist abgeschaltet
disabled-text = Ihr Anschluss ist derzeit abgeschaltet. Bitte melden Sie sich bei uns, wenn Sie Fragen haben.
ended-title = Dieser Vertrag ist beendet
ended-text = Wenn Sie zu { $brand } zurückkommen möchten, melden Sie sich bitte bei uns.

# Einzelheiten
row-plan = Tarif
row-starts = Startet am
row-paid = Bezahlt bis
row-grace = Online bis
row-resumes = Geht weiter am
row-banked = Gesparte bezahlte Zeit
row-debt = Offener Betrag
row-owed = Offen auf Ihrem Konto
row-credit = Ihr Guthaben

# Monate
offers-title = Wie lange soll es weitergehen?
offers-prepay-title = Im Voraus bezahlen
offers-debt-title = Bezahlen und weitersurfen
offers-pay = Weiter zur Zahlung
offers-continue = Weiter
line-debt = Offener Betrag
line-credit = Ihr Guthaben

# Pause
end-pause-text = Gesparte bezahlte Zeit wird Ihnen gutgeschrieben.
end-pause-button = Pause jetzt beenden
pause-link = Anschluss pausieren
pause-title = Anschluss pausieren
pause-text = Ihr Anschluss ruht sofort. Die bezahlte Zeit wird aufgehoben und Ihnen danach zurückgegeben.
pause-until = Weiter am
pause-until-hint = Leer lassen, um jederzeit selbst fortzusetzen.
pause-button = Jetzt pausieren
pause-bad-date = Bitte wählen Sie einen Tag nach heute.
pause-end-missing = Bitte wählen Sie den Tag, an dem es weitergeht.

# Verlauf
history-link = Zahlungen und Änderungen
history-title = Zahlungen und Änderungen
history-empty = Bisher ist nichts geschehen.
history-paid = bezahlt bis { $date }
history-months_bought = Monate gekauft
history-credit_only = Zahlung als Guthaben gebucht
history-debt_settled = Offener Betrag beglichen
history-pause_ended = Pause beendet
history-pause_ended_unfunded = Pause beendet
history-create = Vertrag eingerichtet
history-pay = Zahlung
history-reactivate = Anschluss fortgesetzt
history-capture = Zahlung
history-pause = Pausiert
history-end_pause = Pause beendet
history-suspend = Ruhend gestellt
history-lift = Wieder freigegeben
history-grace = Zusätzliche Tage gewährt
history-disable = Abgeschaltet
history-enable = Eingeschaltet
history-terminate = Vertrag beendet

# Zurück von der Zahlung
returned-open-title = Wir warten auf Ihre Zahlung
returned-open-text = Wir warten auf die Bestätigung des Zahlungsdienstes. Das dauert meist nur Sekunden; diese Seite sieht von selbst wieder nach.
returned-paid-title = Zahlung erhalten
returned-paid-text = Danke. Ihr Anschluss wird gerade freigegeben.
returned-online-title = Sie sind wieder online
returned-online-text = Zahlung erhalten. Wieder online nach { $span }. Bezahlt bis { $date }.
returned-done-title = Zahlung erhalten
returned-done-text = Danke. Bezahlt bis { $date }.
returned-expired-title = Diese Zahlung wurde nicht abgeschlossen
returned-expired-text = Es wurde nichts bezahlt und nichts gebucht. Sie können jederzeit neu beginnen.
cancelled-notice = Die Zahlung wurde abgebrochen. Es wurde nichts bezahlt.
done-notice = Erledigt.

# Anmelden
login-title = Anmelden
login-text = An Ihrem Anschluss erkennen wir nicht, wer Sie sind. Bitte melden Sie sich mit Benutzername und Passwort Ihres Internetzugangs an.
login-user = Benutzername
login-password = Passwort
login-button = Anmelden
login-wrong = Benutzername oder Passwort stimmt nicht.
login-too-many = Zu viele Versuche. Bitte warten Sie eine Minute und versuchen Sie es erneut.

# Wenn etwas nicht klappt
error-title = Das hat nicht geklappt
error-not-found-title = Diese Seite gibt es nicht
error-not-found = Die Adresse ist vielleicht falsch geschrieben oder veraltet.
error-form-title = Bitte noch einmal
error-form = Zu Ihrer Sicherheit gilt dieses Formular nur eine Weile und nur an Ihrem eigenen Anschluss. Bitte gehen Sie zurück und senden Sie es noch einmal.
error-refused = Das ist gerade nicht möglich. Ihre Kontoseite zeigt, was geht.
error-gateway = Der Zahlungsdienst ist nicht erreichbar. Es wurde nichts bezahlt. Bitte versuchen Sie es gleich noch einmal.
error-busy = Es ist gerade sehr viel los. Bitte versuchen Sie es gleich noch einmal.
error-method = Das geht hier nicht.
error-too-long = Das ist zu viel auf einmal.
