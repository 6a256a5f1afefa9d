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
pause-title = Anschluss pausieren
pause-text = In der Pause ist Ihr Anschluss aus. Die bezahlte Zeit wird aufgehoben und Ihnen danach zurückgegeben.
pause-until = Pause bis
pause-button = Anschluss pausieren
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
history-reverted = Später zurückgenommen
history-renewed = Aus Ihrem Guthaben verlängert
history-lapsed = Bezahlte Zeit abgelaufen
history-start_due = Anschluss gestartet
history-cancel = Storniert
history-expiry_due = Bezahlte Zeit abgelaufen
history-set_renewal = Verlängerung geändert
history-pause-scheduled = Pause geplant
history-pause_due = Pause begonnen
history-pause_due-dropped = Geplante Pause begann nicht
history-end_pause-unscheduled = Geplante Pause abgesagt
history-suspend-scheduled = Ruhend gestellt, aufgeschoben
history-postpone = Ruhen aufgeschoben
history-change_plan = Tarif gewechselt
history-change_plan-scheduled = Tarifwechsel geplant
history-cancel_change = Tarifwechsel abgesagt
history-request_change = Um Tarifwechsel gebeten
history-change_due = Tarif gewechselt
history-change_due-dropped = Geplanter Tarifwechsel fand nicht statt
history-terminate-scheduled = Ende geplant
history-terminate_due = Vertrag beendet
history-cancel_termination = Geplantes Ende abgesagt
history-open_portal = Unser Kundendienst hat Ihr Konto angesehen
history-reinstate = Vertrag wiederhergestellt
history-revert = Buchung berichtigt
history-refund = Geld zurückgegeben
history-chargeback = Zahlung zurückgeholt
history-post = Zahlung bestätigt
history-void = Zahlung nicht eingelangt

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

# Datum mit Uhrzeit
moment = { $date }, { $time } Uhr

# Was niemand übersehen darf
alert-grace = Ihre bezahlte Zeit ist abgelaufen. Sie sind bis { $until } online; bitte verlängern Sie vorher.
alert-postponed = Ein Betrag ist noch offen. Ihr Anschluss bleibt bis { $until } offen.

# Weitere Gründe
locked-title = Ihr Anschluss pausiert
locked-text = Wir haben Ihren Anschluss pausiert, und nur wir können die Pause beenden. Bitte melden Sie sich bei uns.
called-off-title = Dieser Auftrag wurde storniert
called-off-text = Ihr Anschluss wurde vor dem Start storniert. Wenn Sie zu { $brand } zurückkommen möchten, melden Sie sich bitte bei uns.
refused-pause-locked = Wir haben Ihren Anschluss pausiert, und nur wir können die Pause beenden. Bitte melden Sie sich bei uns.

# Weitere Einzelheiten
row-user = Benutzername
row-services = Auch enthalten

# Nach den Monaten
then-pause = Anschluss am Ende dieser Zeit pausieren

# Aufgeschobene Sperre
postpone-title = Brauchen Sie noch etwas Zeit?
postpone-text = Einmal können Sie das aufschieben: Sie sind bis { $until } online und bezahlen bis dahin.
postpone-button = Aufschieben
postpone-used = Sie haben bis { $until } aufgeschoben. Das geht einmal; bitte bezahlen Sie bis dahin.
postpone-over = Sie hatten bis { $until } aufgeschoben. Das geht einmal; bitte bezahlen Sie, um wieder online zu sein.

# Was geplant ist
planned-pause-title = Eine Pause ist geplant
planned-pause-text = Ihr Anschluss pausiert ab { $from } und läuft am { $until } weiter.
planned-pause-open-text = Ihr Anschluss pausiert ab { $from }, bis Sie ihn fortsetzen.
planned-pause-button = Pause absagen
planned-change-title = Ein Tarifwechsel ist geplant
planned-change-text = Ab { $date } haben Sie { $plan }. Der Wechsel kostet dann { $price }.
planned-change-free-text = Ab { $date } haben Sie { $plan }. Der Wechsel selbst kostet nichts.
planned-change-refund-text = Ab { $date } haben Sie { $plan }. Sie erhalten dann { $price } als Guthaben zurück.
planned-change-button = Tarif behalten
planned-end-title = Ihr Vertrag endet
planned-end-text = Ihr Vertrag endet am { $date }. Bis dahin ändert sich nichts.
planned-end-button = Vertrag behalten

# Pause im Einzelnen
pause-link = Anschluss pausieren
pause-from = Pause ab
pause-now = Jetzt
pause-later = Ab einem Tag
pause-from-date = Erster Tag der Pause
pause-open = Bis ich sie beende
pause-on = Bis zu einem Tag
pause-until-date = Erster Tag wieder online
pause-for = Für einige Tage
pause-days = Anzahl der Tage
pause-bad-days = Bitte sagen Sie, für wie viele Tage, zum Beispiel 14.
pause-fee = Eine Pause kostet
pause-days-max = Längste Pause
pause-days-left = Übrige Pausentage in diesem Jahr
pause-times-left = Übrige Pausen in diesem Jahr

# Pause am Ende der bezahlten Zeit
follow-link = Am Ende der bezahlten Zeit pausieren
follow-title = Am Ende Ihrer bezahlten Zeit pausieren
follow-text = Sie bleiben bis { $date } online. Danach pausiert Ihr Anschluss, bis Sie ihn fortsetzen, und es wird nichts mehr verrechnet.
follow-button = Dann pausieren

# Anderer Tarif
plan-link = Tarif wechseln
plan-title = Tarif wechseln
plan-which = Ihr neuer Tarif
plan-price = { $amount } für { $months }
plan-start = Ab wann?
plan-start-next = Wenn meine bezahlte Zeit endet, am { $date }
plan-start-now = Jetzt
plan-start-date = An einem Tag
plan-date = Erster Tag des neuen Tarifs
plan-button = Preis anzeigen
price-title = Was der Wechsel kostet
price-now-text = Von { $from } zu { $plan }, jetzt.
price-later-text = Von { $from } zu { $plan }, am { $date }.
price-refund = Nicht verbrauchte Zeit von { $plan }
price-charge = { $plan } für dieselbe Zeit
price-fee = Gebühr für den Wechsel
price-total = Summe
price-back = Sie erhalten als Guthaben zurück
price-button = Tarif wechseln
price-back-link = Neu wählen
price-changed = Der Preis ist jetzt ein anderer. Bitte sehen Sie ihn sich vor dem Wechsel noch einmal an.
price-missing-now = Auf Ihrem Konto fehlen { $amount }. Zahlen Sie sie zuerst ein; dann können Sie wechseln.
price-missing-later = Auf Ihrem Konto fehlen { $amount }. Sie müssen am { $date } da sein, sonst bleibt Ihr Tarif, wie er ist.
pay-in-button = { $amount } einzahlen
pay-in-description = Guthaben für Ihr Konto
request-title = Etwas anderes?
request-text = Schreiben Sie uns, was Sie möchten; wir antworten hier.
request-plan = Tarif
request-any = Ich bin nicht sicher
request-message = Ihre Nachricht
request-button = Senden
request-bad = Bitte schreiben Sie in bis zu 500 Zeichen, was Sie möchten.
request-too-many = Mehrere Ihrer Anfragen warten schon auf unsere Antwort. Wir kümmern uns bald darum.
tickets-title = Ihre Anfragen
ticket-open = Wir haben Ihre Anfrage vom { $date } und antworten hier.
ticket-closed = Beantwortet am { $date }

# Das Ende
call-off-link = Auftrag stornieren
call-off-title = Auftrag stornieren?
call-off-text = Ihr Anschluss wird nicht starten. Was Sie bezahlt haben, bleibt Ihr Guthaben. Das lässt sich hier nicht rückgängig machen.
call-off-button = Stornieren
end-link = Vertrag beenden
end-title = Vertrag beenden
end-text = Sie haben dann keinen Anschluss mehr. Ist es geschehen, lässt es sich hier nicht rückgängig machen.
end-date = Der letzte Tag ist der Tag vor diesem
end-date-hint = Leer lassen, um jetzt zu beenden.
end-sure = Ja, ich möchte meinen Vertrag beenden
end-not-sure = Bitte bestätigen Sie, dass Sie Ihren Vertrag beenden möchten.
end-button = Beenden

# Gilt, bis es gelesen ist
notice-button = Gelesen
notice-entry = eine Buchung
notice-revert-title = Eine Buchung wurde berichtigt
notice-revert-text = Am { $date } haben wir „{ $what }“ vom { $when } zurückgenommen. Bezahlt ist bis { $paid }; Ihr Kontostand ist { $balance }.
notice-void-title = Eine Zahlung ist nicht eingelangt
notice-void-text = Am { $date } mussten wir „{ $what }“ vom { $when } zurücknehmen, weil die Zahlung nie einlangte. Bezahlt ist bis { $paid }; Ihr Kontostand ist { $balance }.
notice-change-dropped-title = Ihr Tarif wurde nicht gewechselt
notice-change-dropped-text = Der für den { $date } geplante Wechsel war nicht möglich. Ihr Tarif ist weiter { $plan }. Sie können neu wechseln.
notice-pause-dropped-title = Ihre Pause hat nicht begonnen
notice-pause-dropped-text = Die für den { $date } geplante Pause konnte nicht beginnen. Sie können sie neu planen.

# Ein Mitarbeiter sieht zu
watched-text = Sie sehen dies als { $who }, angemeldet als Mitarbeiter { $operator }
watched-end = Beenden
pass-elsewhere = Diese Adresse gehört einem Kunden. Bitte öffnen Sie den Link von einer anderen; er gilt noch.
pass-bad = Dieser Link ist verbraucht oder zu alt. Bitte lassen Sie sich einen neuen geben.

# Zurück von der Zahlung, auf dem Konto
returned-credit-title = Zahlung erhalten
returned-credit-text = Danke. Das Geld ist jetzt auf Ihrem Konto.

# Ablehnungen
refused-standing = Das geht nicht, so wie Ihr Anschluss jetzt ist. Ihre Kontoseite zeigt, was geht.
refused-planned = So etwas ist schon geplant. Bitte sagen Sie es zuerst ab.
refused-switched-off = Das geht hier nicht. Bitte melden Sie sich bei uns.
refused-not-on-sale = { $plan } wird derzeit nicht verkauft. Bitte wählen Sie einen anderen Tarif.
refused-months = { $plan } gibt es für so viele Monate: { $months }.
refused-funds = Das kostet { $price }, auf Ihrem Konto sind { $available }: Es fehlen { $missing }.
refused-end = Die Pause muss nach ihrem Beginn am { $start } enden. Bitte wählen Sie einen späteren Tag.
refused-past = Bitte wählen Sie einen Tag nach heute.
refused-days = Bitte wählen Sie 1 bis { $days } Tage.
refused-pause-long = Eine Pause dauert höchstens { $days } und braucht ein Ende. Bitte wählen Sie ein früheres.
refused-pause-days = Für dieses Jahr bleiben { $days } Pause. Bitte wählen Sie eine kürzere Pause mit einem Ende.
refused-pause-times = Pausen sind { $max } Mal im Jahr möglich, und Sie haben sie verbraucht. Nächstes Jahr geht es wieder.
refused-pause-early = Sie können ab { $date } pausieren.
refused-pause-debt = { $amount } sind offen. Bitte bezahlen Sie sie zuerst; dann können Sie pausieren.
refused-postponed = Sie haben schon einmal aufgeschoben. Bitte bezahlen Sie den offenen Betrag.
refused-postponed-long = Das lässt sich höchstens bis { $until } aufschieben.
refused-target = Zu { $plan } können Sie nicht selbst wechseln. Bitte wählen Sie einen anderen Tarif oder schreiben Sie uns.
refused-same-plan = Sie haben { $plan } schon.
